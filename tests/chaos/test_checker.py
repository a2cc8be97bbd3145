"""The checker, held to histories written by hand: for each invariant one that keeps it and one that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.checker import INVARIANTS, check
from tests.chaos.history import (
    Accepted,
    Call,
    Change,
    Delivery,
    History,
    Inbound,
    Message,
    Request,
    Session,
    Skip,
    Thread,
    Turn,
)

NUMBER, PARTICIPANT = "+15550000001", "+16660000001"


def one_conversation() -> History:
    """Two texts, answered one after the other; a warning, and an end by silence."""
    return History(
        inbound=[
            Inbound("SM1", NUMBER, PARTICIPANT, "one", 100.0),
            Inbound("SM2", NUMBER, PARTICIPANT, "two", 110.0),
        ],
        acknowledged={"SM1"},
        forged={"SM9"},
        accepted=[
            Accepted("OUT1", "m2", NUMBER, PARTICIPANT, "c1: one", 3, 101.0),
            Accepted("OUT2", "m4", NUMBER, PARTICIPANT, "c3: two", 6, 111.0),
            Accepted("OUT3", "m5", NUMBER, PARTICIPANT, "Still there?", 7, 200.0),
        ],
        threads=[Thread("t", NUMBER, PARTICIPANT, 3, 3)],
        messages=[
            Message("m1", "t", 1, 1, "one", 100.0, session="s", sid="SM1"),
            Message("m2", "t", 2, 2, "c1: one", 100.5, 1, "s", "u1", 1, "OUT1", state=5),
            Message("m3", "t", 3, 1, "two", 110.0, session="s", sid="SM2"),
            Message("m4", "t", 4, 2, "c3: two", 110.5, 2, "s", "u2", 1, "OUT2", state=3),
            Message("m5", "t", 5, 2, "Still there?", 86_600.0, 3, "s", None, 4, "OUT3", state=5),
        ],
        turns=[
            Turn("u1", "t", "s", 1, False, 1, 1, 1, 1, 1),
            Turn("u2", "t", "s", 2, False, 1, 2, 2, 3, 3),
        ],
        sessions=[Session("s", "t", 3, 87_300.0, 87_250.0, "m5")],
        deliveries=[Delivery("m2", "t", 1, "accepted", "OUT1", 1, False, NUMBER, PARTICIPANT)],
        changes=[
            turn(1, "u1", 1, True),
            turn(2, "u1", 1, False),
            delivery(3, "m2", "claimed", 1),
            delivery(4, "m2", "accepted", 1),
            turn(5, "u2", 1, True),
            turn(6, "u2", 2, True),
            turn(7, "u2", 2, False),
            message(8, "m5", "s"),
            Change(9, 9.0, "9", "session", {"id": "s", "end_time": "x", "grace_end": "x"}),
            message(10, "m6", "s", tx="9"),
        ],
        calls=[Call("c1", "u1", 0.5), Call("c2", "u2", 5.5), Call("c3", "u2", 6.5)],
        requests={"k": Request("k", "Still there?", True, ("m5",))},
        skips=[Skip(149.0, 150.0, 86_400.0)],
    )


def turn(n: int, turn_id: str, fence: int, open_: bool) -> Change:
    return Change(n, float(n), str(n), "turn", {"id": turn_id, "fence": fence, "open": open_})


def delivery(n: int, delivery_id: str, state: str, attempt: int) -> Change:
    item = {"id": delivery_id, "state": state, "attempt": attempt}
    return Change(n, float(n), str(n), "delivery", item, began=float(n))


def message(n: int, message_id: str, session: str, tx: str = "") -> Change:
    return Change(n, float(n), tx or str(n), "message", {"id": message_id, "session_id": session, "direction": 2})


def opt_out(n: int, opted_out: bool) -> Change:
    item = {"scope": NUMBER, "participant": PARTICIPANT, "opted_out": opted_out}
    return Change(n, float(n), str(n), "opt_out", item)


def test_a_history_that_keeps_them_all() -> None:
    assert [verdict for verdict in check(one_conversation()) if not verdict.holds] == []


def test_every_invariant_has_something_to_look_at() -> None:
    history = one_conversation()
    history.changes.append(opt_out(11, True))
    history.cancels["m2"] = 99.0
    assert [verdict.invariant for verdict in check(history) if not verdict.looked_at] == []


def lose_a_text(h: History) -> None:
    h.inbound.append(Inbound("SM3", NUMBER, PARTICIPANT, "three", 120.0))


def store_a_text_twice(h: History) -> None:
    h.messages.append(Message("m6", "t", 6, 1, "one", 100.0, session="s", sid="SM1"))


def take_a_text_twice(h: History) -> None:
    h.turns.append(Turn("u3", "t", "s", 2, False, 1, 1, 1, 1, 1))


def drop_the_turn_of_a_text(h: History) -> None:
    h.turns[1] = replace(h.turns[1], outcome=3)


def answer_twice(h: History) -> None:
    h.accepted.append(Accepted("OUT4", "m6", NUMBER, PARTICIPANT, "c4: one", 8))


def answer_another_text(h: History) -> None:
    h.accepted[1] = replace(h.accepted[1], text="c3: one-and-a-half")


def take_a_forged_text(h: History) -> None:
    h.messages.append(Message("m6", "t", 6, 1, "x", 1.0, session="s", sid="SM9"))


def take_a_text_from_nowhere(h: History) -> None:
    h.messages.append(Message("m6", "t", 6, 1, "x", 1.0, session="s", sid="SM8"))


def send_twice(h: History) -> None:
    h.accepted.append(replace(h.accepted[0], sid="OUT9", index=9))


def lose_a_reply(h: History) -> None:
    del h.accepted[1]


def fail_a_reply(h: History) -> None:
    h.messages[3] = replace(h.messages[3], state=6)
    del h.accepted[1]


def send_what_was_canceled(h: History) -> None:
    h.messages[1] = replace(h.messages[1], state=9)


def swap_replies(h: History) -> None:
    h.accepted[0], h.accepted[1] = h.accepted[1], h.accepted[0]


def leave_a_gap(h: History) -> None:
    h.messages[3] = replace(h.messages[3], seq=7)


def overlap_turns(h: History) -> None:
    h.turns[1] = replace(h.turns[1], first=1)


def answer_turns_in_the_wrong_order(h: History) -> None:
    h.messages[1], h.messages[3] = replace(h.messages[1], turn="u2"), replace(h.messages[3], turn="u1")


def lower_a_fence(h: History) -> None:
    h.changes[5] = turn(6, "u2", 0, True)


def commit_twice(h: History) -> None:
    h.changes.append(turn(12, "u1", 1, False))


def commit_with_an_old_fence(h: History) -> None:
    h.messages[3] = replace(h.messages[3], text="c2: two")


def send_after_an_opt_out(h: History) -> None:
    h.changes.insert(2, opt_out(0, True))


def send_after_a_cancel(h: History) -> None:
    h.cancels["m2"] = 1.0


def warn_too_early(h: History) -> None:
    h.messages[4] = replace(h.messages[4], at=86_000.0)


def end_before_the_grace(h: History) -> None:
    h.sessions[0] = replace(h.sessions[0], ended=87_000.0)


def begin_the_grace_before_acceptance(h: History) -> None:
    h.sessions[0] = replace(h.sessions[0], grace_end=87_100.0)


def end_over_a_text_that_came_in_time(h: History) -> None:
    h.inbound.append(Inbound("SM3", NUMBER, PARTICIPANT, "three", 250.0))
    h.messages.append(Message("m6", "t", 6, 1, "three", 87_400.0, session="other", sid="SM3"))
    h.turns.append(Turn("u3", "t", "other", 1, False, 1, 1, 1, 6, 6))


def speak_after_the_end(h: History) -> None:
    h.changes[-1] = message(10, "m6", "s")


def accept_what_is_not_ours(h: History) -> None:
    h.accepted.append(Accepted("OUT9", "m99", NUMBER, PARTICIPANT, "hello", 9))


def forget_a_sid(h: History) -> None:
    h.messages[1] = replace(h.messages[1], sid="")


def share_a_sid(h: History) -> None:
    h.messages[3] = replace(h.messages[3], sid="OUT1")


def answer_a_request_with_two_messages(h: History) -> None:
    h.requests["k"] = replace(h.requests["k"], messages=("m5", "m6"))


def lose_a_request(h: History) -> None:
    h.requests["k"] = replace(h.requests["k"], token="never")


def do_a_request_twice(h: History) -> None:
    h.messages.append(Message("m6", "t", 6, 2, "Still there?", 90_000.0, 4, "s2", None, 3, "OUT4", state=3))


def leave_something_undone(h: History) -> None:
    h.unfinished = {"open turns": 1}


def drain_too_late(h: History) -> None:
    h.drained = h.drain_bound + 1


def fall_back_too_often(h: History) -> None:
    h.turns += [Turn(f"f{n}", f"t{n}", "s", 2, False, 2, 3, 3, 1, 1) for n in range(6)]


BREAKS: list[tuple[str, Callable[[History], None]]] = [
    ("I1", lose_a_text),
    ("I1", store_a_text_twice),
    ("I1", take_a_text_twice),
    ("I1", drop_the_turn_of_a_text),
    ("I1b", answer_twice),
    ("I1b", answer_another_text),
    ("I2", take_a_forged_text),
    ("I2", take_a_text_from_nowhere),
    ("I3", send_twice),
    ("I3", lose_a_reply),
    ("I3", fail_a_reply),
    ("I3", send_what_was_canceled),
    ("I4", swap_replies),
    ("I4", leave_a_gap),
    ("I5", overlap_turns),
    ("I5", answer_turns_in_the_wrong_order),
    ("I6", lower_a_fence),
    ("I6", commit_twice),
    ("I6", commit_with_an_old_fence),
    ("I7", send_after_an_opt_out),
    ("I7b", send_after_a_cancel),
    ("I8", warn_too_early),
    ("I8", end_before_the_grace),
    ("I8", begin_the_grace_before_acceptance),
    ("I8", end_over_a_text_that_came_in_time),
    ("I9", speak_after_the_end),
    ("I10", accept_what_is_not_ours),
    ("I10", forget_a_sid),
    ("I10", share_a_sid),
    ("I10b", answer_a_request_with_two_messages),
    ("I10b", lose_a_request),
    ("I10b", do_a_request_twice),
    ("I11", leave_something_undone),
    ("I11", drain_too_late),
    ("I11b", fall_back_too_often),
]


@pytest.mark.parametrize(("invariant", "break_it"), BREAKS, ids=[f"{name}-{how.__name__}" for name, how in BREAKS])
def test_a_broken_invariant_is_seen(invariant: str, break_it: Callable[[History], None]) -> None:
    history = one_conversation()
    break_it(history)
    broken = {verdict.invariant for verdict in check(history) if not verdict.holds}
    assert invariant in broken


def test_each_invariant_is_broken_by_some_history() -> None:
    assert {name for name, _ in BREAKS} == {invariant[0] for invariant in INVARIANTS}


@pytest.mark.parametrize("state", [8, 9, 10, 11])
def test_what_was_never_sent_need_not_be_accepted(state: int) -> None:
    history = one_conversation()
    history.messages[4] = replace(history.messages[4], state=state, sid="")
    del history.accepted[2]
    assert all(verdict.holds for verdict in check(history) if verdict.invariant == "I3")


def test_an_ignored_text_needs_no_turn() -> None:
    history = one_conversation()
    history.inbound.append(Inbound("SM3", NUMBER, PARTICIPANT, "STOP", 120.0))
    history.messages.append(Message("m6", "t", 6, 1, "STOP", 120.0, sid="SM3", ignored="stop"))
    assert all(verdict.holds for verdict in check(history))


def test_an_ignored_text_ends_no_silence() -> None:
    history = one_conversation()
    history.messages[4] = replace(history.messages[4], position=6)
    history.messages.append(Message("m6", "t", 5, 1, "START", 80_000.0, session="s", sid="SM3", ignored="start"))
    assert all(verdict.holds for verdict in check(history) if verdict.invariant == "I8")


@pytest.mark.parametrize(("began", "ended", "holds"), [(255, 256, False), (249, 250, True), (249, 256, True)])
def test_a_text_that_came_while_the_clock_was_moved_may_have_come_behind_the_grace(
    began: float, ended: float, holds: bool
) -> None:
    history = one_conversation()
    end_over_a_text_that_came_in_time(history)
    history.skips.append(Skip(began, ended, 2 * 86_400.0))
    assert {verdict.invariant: verdict.holds for verdict in check(history)}["I8"] is holds


def test_a_request_without_an_answer_may_have_been_done_or_not() -> None:
    for token in ("never", "Still there?"):
        history = one_conversation()
        history.requests["k"] = Request("k", token, False)
        assert all(verdict.holds for verdict in check(history))


def test_who_said_start_may_be_sent_texts_again() -> None:
    history = one_conversation()
    history.changes[2:2] = [opt_out(0, True), opt_out(0, False)]
    assert all(verdict.holds for verdict in check(history))


def test_a_send_that_was_under_way_when_the_opt_out_came_counts_as_begun_before() -> None:
    history = one_conversation()
    history.changes.insert(3, opt_out(0, True))
    assert all(verdict.holds for verdict in check(history))


def test_an_early_call_may_be_used_while_the_later_one_was_never_claimed_apart() -> None:
    """An agent that is called once more within a claim answers for the same fence."""
    history = one_conversation()
    history.changes[5:7] = [turn(7, "u2", 1, False)]
    history.messages[3] = replace(history.messages[3], text="c2: two")
    assert all(verdict.holds for verdict in check(history))


def test_the_examples_do_not_repeat_themselves() -> None:
    history = one_conversation()
    history.changes += [turn(12, "u1", 1, False), turn(13, "u1", 1, False)]
    (verdict,) = [verdict for verdict in check(history) if verdict.invariant == "I6"]
    assert len(verdict.broken) == 1


@pytest.mark.parametrize(
    ("refused", "after", "lasts", "holds"),
    [(True, 0.1, 0.0, True), (True, 0.4, 0.0, False), (True, 3.0, 3.5, True), (False, 0.1, 0.0, False)],
)
def test_twilios_refusal_binds_another_lane_as_soon_as_its_next_claim(
    refused: bool, after: float, lasts: float, holds: bool
) -> None:
    """A claim that has begun may take long: whoever is at it may be frozen."""
    history = one_conversation()
    history.deliveries.append(Delivery("m9", "t2", 1, "suppressed", "", 1, False, NUMBER, PARTICIPANT))
    history.changes[3:4] = [
        opt_out(4, True),
        *([delivery(4, "m2", "suppressed", 1)] if refused else []),
        replace(delivery(4, "m9", "claimed", 1), tx="4.5", at=4.0 + after, began=4.0 + after - lasts),
    ]
    assert {verdict.invariant: verdict.holds for verdict in check(history)}["I7"] is holds
