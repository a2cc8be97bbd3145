"""Texts that are sent once at the most, and texts whose time runs out: what is decided about one lane."""

import pytest

from parley_notifier.domain.decision import Decision
from parley_notifier.domain.delivery import Delivery, State
from parley_notifier.domain.facts import Alarm, Report, Sighting, Submission
from parley_notifier.domain.lane import Lane
from parley_notifier.domain.reports import Told
from parley_notifier.domain.sender import ASLEEP, Sender, Senders
from parley_notifier.domain.settlement import Look
from parley_notifier.domain.terms import Terms, validity

TERMS = Terms()
NOW = 1_000_000.0
SENDER, PARTICIPANT = "+15550001111", "+15550100001"
LOOK = Look("t", "d1", 1, NOW - 300, SENDER, PARTICIPANT, "hello")


def decision(senders: Senders | None = None, allowance: int = 10) -> Decision:
    return Decision(NOW, TERMS, "me", allowance, clock=NOW, senders=senders or Senders())


def submission(seq: int = 1, expire_time: float | None = None) -> Submission:
    return Submission(f"d{seq}", "t", seq, SENDER, PARTICIPANT, "hello", expire_time=expire_time)


def lane() -> Lane:
    return Lane("t", SENDER, PARTICIPANT)


def absent_twice(**fields: bool) -> tuple[Decision, Lane, Delivery]:
    """An unknown attempt that two lists do not show, the last one late enough."""
    delivery = Delivery("d1", "t", 1, "hello", State.UNKNOWN, 1, "x", NOW - 300, NOW, NOW - 100, **fields)  # type: ignore[arg-type]
    made = lane()
    made.queue[1], made.in_flight = delivery, 1
    decided = decision()
    decided.see(made, delivery, Sighting(LOOK, "", NOW))
    decided.conclude()
    return decided, made, delivery


def test_absence_holds_what_is_sent_once_at_the_most_and_moves_the_lane() -> None:
    decided, made, delivery = absent_twice(at_most_once=True)
    assert (delivery.state, delivery.due_time, delivery.attempt) == (State.HELD, None, 1)
    assert (made.next_seq, made.in_flight) == (2, None)
    assert decided.records["d1"].told is Told.HELD
    assert not decided.claims


def test_absence_has_any_other_text_sent_again() -> None:
    _, _, delivery = absent_twice(at_most_once=False)
    assert (delivery.state, delivery.attempt) == (State.CLAIMED, 2)


def test_absence_cancels_what_was_taken_back() -> None:
    _, _, delivery = absent_twice(at_most_once=True, canceled=True)
    assert delivery.state is State.CANCELED


def test_a_proof_of_a_held_text_is_told_and_raises_an_alarm() -> None:
    _, made, delivery = absent_twice(at_most_once=True)
    later = decision()
    later.report(made, delivery, Report("d1", "SM1", "delivered"))
    later.conclude()
    assert (delivery.state, delivery.sid, made.next_seq) == (State.ACCEPTED, "SM1", 2)
    assert later.records["d1"].told is Told.DELIVERED
    assert later.alarms == [(Alarm.PROOF_AFTER_FINAL, "d1")]


def test_what_has_expired_is_passed_and_the_next_one_claimed() -> None:
    made, decided = lane(), decision()
    for seq, expiry in ((1, NOW), (2, NOW - 5), (3, NOW + 0.5)):
        decided.submit(made, submission(seq, expiry), None)
    decided.conclude()
    states = [decided.inserted[f"d{seq}"].state for seq in (1, 2, 3)]
    assert states == [State.EXPIRED, State.EXPIRED, State.CLAIMED]
    assert [decided.records[f"d{seq}"].told for seq in (1, 2)] == [Told.EXPIRED] * 2
    assert made.next_seq == 3


@pytest.mark.parametrize(
    ("left", "seconds"),
    [(None, 0), (0.1, 6), (5.0, 6), (6.0, 6), (6.1, 7), (59.5, 60), (36_000.0, 36_000), (1e6, 36_000)],
)
def test_twilio_is_told_when_to_give_a_text_up(left: float | None, seconds: int) -> None:
    expiry = None if left is None else NOW + left
    assert validity(expiry, NOW) == seconds
    made, decided = lane(), decision()
    decided.submit(made, submission(1, expiry), None)
    decided.conclude()
    assert [claim.validity for claim in decided.claims] == [seconds]


@pytest.mark.parametrize(
    ("sender", "closed_until", "wake_time"),
    [
        (Sender(SENDER, sending_paused=True), 0.0, ASLEEP),
        (Sender(SENDER, paused_until=NOW + 40), 0.0, NOW + 40),
        (Sender(SENDER), NOW + 50, NOW + 50),
    ],
)
def test_a_lane_that_is_held_back_is_looked_at_when_that_ends(
    sender: Sender, closed_until: float, wake_time: float
) -> None:
    made, decided = lane(), decision(Senders({SENDER: sender}, closed_until), allowance=0)
    decided.submit(made, submission(), None)
    decided.conclude()
    assert (made.wake_time, decided.claims, decided.starved) == (wake_time, [], False)
    made.wake_time = NOW
    again = decision(Senders({SENDER: sender}, closed_until))
    again.tend(made)
    again.conclude()
    assert (made.wake_time, again.claims) == (wake_time, [])


def test_a_switch_does_not_keep_an_unknown_outcome_from_being_settled() -> None:
    delivery = Delivery("d1", "t", 1, "hello", State.UNKNOWN, 1, "x", NOW - 300, NOW)
    made = lane()
    made.queue[1], made.in_flight = delivery, 1
    decided = decision(Senders({SENDER: Sender(SENDER, sending_paused=True)}))
    decided.tend(made)
    decided.conclude()
    assert [look.delivery_id for look in decided.looks] == ["d1"]
    assert made.wake_time == NOW + TERMS.gap
