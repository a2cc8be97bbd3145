"""Opt-outs as a lane's batch decides about them."""

from collections.abc import Iterable

import pytest

from parley_notifier.domain.decision import Decision
from parley_notifier.domain.delivery import Delivery, State
from parley_notifier.domain.facts import Claim, Finding, Report
from parley_notifier.domain.lane import WINDOW, Lane
from parley_notifier.domain.opt_out import OptOut
from parley_notifier.domain.outcomes import Answer, outcome_of
from parley_notifier.domain.reports import Told
from parley_notifier.domain.terms import Terms

NOW = 1_000_000.0
SENDER, PARTICIPANT, SCOPE = "+15550001111", "+15550100001", "MG1"
REFUSED = Answer(400, 21610)


def opt_out(event_time: float = NOW - 100, opted_out: bool = True, scope: str = SENDER) -> OptOut:
    return OptOut(scope, PARTICIPANT, opted_out, event_time)


def lane(*deliveries: Delivery, thread_id: str = "t", sender: str = SENDER, scope: str = "") -> Lane:
    made = Lane(thread_id, sender, PARTICIPANT, opt_out_scope=scope)
    made.queue = {delivery.seq: delivery for delivery in deliveries}
    return made


def pending(seq: int = 1, thread_id: str = "t") -> Delivery:
    return Delivery(f"{thread_id}{seq}", thread_id, seq, "hello", due_time=NOW)


def claimed(seq: int = 1, thread_id: str = "t", started_time: float = NOW - 10) -> Delivery:
    made = pending(seq, thread_id)
    made.state, made.attempt, made.started_time, made.due_time = State.CLAIMED, 1, started_time, NOW + 60
    made.owner = "me"
    return made


def decision(known: Iterable[OptOut] = ()) -> Decision:
    held = {(f"{thread_id}{seq}", 1) for thread_id in "tuv" for seq in range(1, 5)}
    known_opt_outs = {one.key: one for one in known}
    return Decision(NOW, Terms(), "me", allowance=10, held=held, clock=NOW, known_opt_outs=known_opt_outs)


def refused(delivery: Delivery, began: float) -> Finding:
    claim = Claim(delivery.id, delivery.thread_id, delivery.attempt, SENDER, PARTICIPANT, delivery.text)
    return Finding(claim, outcome_of(REFUSED), REFUSED, began, began + 1)


@pytest.mark.parametrize(
    ("said", "known", "counts"),
    [
        ((2.0, True), None, True),
        ((2.0, False), None, True),
        ((2.0, True), (1.0, False), True),
        ((1.0, True), (2.0, False), False),
        ((2.0, True), (2.0, False), True),
        ((2.0, False), (2.0, True), False),
        ((2.0, True), (2.0, True), False),
    ],
)
def test_what_was_said_last_counts_and_of_equals_the_opt_out(
    said: tuple[float, bool], known: tuple[float, bool] | None, counts: bool
) -> None:
    assert opt_out(*said).overrides(opt_out(*known) if known else None) is counts


def test_an_opt_out_suppresses_what_waits_and_leaves_what_is_in_flight() -> None:
    head, waiting = claimed(1), pending(2)
    made, decided = lane(head, waiting), decision()
    decided.opt_out(opt_out(), [made])
    decided.conclude()
    assert (head.state, waiting.state) == (State.CLAIMED, State.SUPPRESSED)
    assert decided.opt_outs == {(SENDER, PARTICIPANT): opt_out()}
    assert decided.records["t2"].event_time == opt_out().event_time


def test_an_opt_out_that_was_stored_before_suppresses_a_new_text() -> None:
    made, decided = lane(pending()), decision([opt_out()])
    decided.tend(made)
    decided.conclude()
    assert (made.queue[1].state, made.next_seq, decided.claims) == (State.SUPPRESSED, 2, [])
    assert decided.opt_outs == {}


def test_an_older_opt_out_changes_nothing() -> None:
    made, decided = lane(pending()), decision([opt_out(NOW - 50, opted_out=False)])
    decided.opt_out(opt_out(NOW - 100), [made])
    decided.tend(made)
    decided.conclude()
    assert len(decided.claims) == 1
    assert decided.opt_outs == {}


def test_an_opt_out_concerns_the_lanes_of_its_scope_only() -> None:
    inside, outside = lane(pending(), scope=SCOPE), lane(pending(1, "u"), thread_id="u", sender="+15550002222")
    decided = decision()
    decided.opt_out(opt_out(scope=SCOPE), [inside, outside])
    decided.conclude()
    assert (inside.queue[1].state, outside.queue[1].state) == (State.SUPPRESSED, State.PENDING)


def test_more_than_was_read_of_a_lane_is_suppressed_step_by_step() -> None:
    made, decided = lane(*(pending(seq) for seq in range(1, WINDOW + 1))), decision()
    made.cut = True
    decided.opt_out(opt_out(), [made])
    decided.conclude()
    assert made.next_seq == WINDOW + 1
    assert made.wake_time == NOW, "the rest is looked at at once"


def test_a_refusal_holds_for_the_other_lanes_of_its_batch() -> None:
    head, sibling = claimed(), lane(pending(1, "u"), thread_id="u", sender="+15550002222", scope=SCOPE)
    made, decided = lane(head, scope=SCOPE), decision()
    decided.find(made, head, refused(head, NOW - 5))
    decided.tend(sibling)
    decided.conclude()
    assert (head.state, sibling.queue[1].state, decided.claims) == (State.SUPPRESSED, State.SUPPRESSED, [])
    assert (decided.records["t1"].error_code, decided.records["u1"].error_code) == (21610, 0)


@pytest.mark.parametrize(("start_time", "counts"), [(NOW - 4, False), (NOW - 6, True)])
def test_a_refusal_is_of_the_moment_at_which_its_send_began(start_time: float, counts: bool) -> None:
    head, after = claimed(), pending(2)
    made, decided = lane(head, after), decision([opt_out(start_time, opted_out=False)])
    decided.find(made, head, refused(head, NOW - 5))
    decided.conclude()
    assert decided.records["t1"].event_time == NOW - 5
    assert after.state is (State.SUPPRESSED if counts else State.CLAIMED)
    assert bool(decided.opt_outs) is counts


def test_a_refusal_of_an_attempt_that_is_over_is_an_opt_out_too() -> None:
    head = claimed()
    late = refused(head, NOW - 200)
    head.attempt, head.owner = 2, "other"
    made, decided = lane(head, pending(2)), decision()
    decided.find(made, head, late)
    decided.conclude()
    assert (head.state, made.queue[2].state) == (State.CLAIMED, State.SUPPRESSED)
    assert decided.opt_outs[SENDER, PARTICIPANT].event_time == NOW - 200


@pytest.mark.parametrize(
    ("sender", "error_code", "is_opt_out"),
    [(SENDER, 21610, True), (SENDER, 30004, False), ("+18005550100", 30004, True), ("+18885550100", 30003, False)],
)
def test_a_report_of_an_opt_out_is_of_the_moment_at_which_the_send_began(
    sender: str, error_code: int, is_opt_out: bool
) -> None:
    head, after = claimed(), pending(2)
    head.state, head.sid, head.due_time = State.ACCEPTED, "SM1", None
    made, decided = lane(head, after, sender=sender), decision()
    decided.report(made, head, Report("t1", "SM1", "undelivered", error_code))
    decided.conclude()
    record = decided.records["t1"]
    assert head.state is State.ACCEPTED, "Twilio had it"
    if is_opt_out:
        assert (record.told, record.error_code, record.event_time) == (Told.SUPPRESSED, error_code, NOW - 10)
        assert after.state is State.SUPPRESSED
        assert decided.opt_outs[sender, PARTICIPANT].event_time == NOW - 10
    else:
        assert (record.told, record.event_time, after.state) == (Told.UNDELIVERED, 0.0, State.CLAIMED)
        assert not decided.opt_outs


def test_no_number_shows_where_an_opt_out_is_printed() -> None:
    assert SENDER not in repr(opt_out())
    assert PARTICIPANT not in repr(opt_out())
