"""Session rule S11 and the turn protocol: attempts, absences, leases, fences, takeovers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from parley_session.domain.effects import MessageKind, RunTurn, TurnOutcome
from parley_session.domain.events import Answer, Protocol, Wake
from parley_session.domain.machine import LateResult
from parley_session.domain.settings import DEFAULTS
from parley_session.domain.thread import Phase, TurnKind, TurnPhase
from tests.unit.session.world import World, begun

LEASE = Protocol().lease.total_seconds()
FALLBACK = DEFAULTS.fallback_text


def again(world: World) -> RunTurn:
    """Waits as long as the turn does, and claims it."""
    world.now = max(world.now, world.turn.wake_time)
    return begun(world.poll())


@pytest.fixture
def run(world: World) -> RunTurn:
    return begun(world.receive("hello"))


def test_s11_a_hang_up_sends_the_replies_and_then_runs_the_end(world: World, run: RunTurn) -> None:
    end = begun(world.answer(run, "Bye", "Take care", hang_up=True))
    assert world.said == ["Bye", "Take care"]
    assert (end.turn.kind, end.texts) == (TurnKind.END, ())
    assert world.turn_phase is TurnPhase.END_RUNNING


def test_s11_the_third_failure_sends_the_fallback_text(world: World, run: RunTurn) -> None:
    world.fail(run)
    world.fail(again(world))
    assert world.said == []
    world.fail(again(world))
    assert world.said == [FALLBACK]
    assert world.rows.outbound[0].kind is MessageKind.FALLBACK
    assert world.rows.outcomes[run.turn.id] is TurnOutcome.FALLBACK
    assert (world.phase, world.turn_phase) == (Phase.OPEN, TurnPhase.NONE)


def test_s11_a_lost_lease_is_an_attempt(world: World, run: RunTurn) -> None:
    second = again(world)
    third = again(world)
    assert [call.turn.attempt for call in (run, second, third)] == [1, 2, 3]
    world.now = world.turn.wake_time
    assert world.poll() is None
    assert world.said == [FALLBACK]


def test_s11_failures_and_lost_leases_count_together(world: World, run: RunTurn) -> None:
    world.fail(run)
    again(world)  # and dies with it
    world.fail(again(world))
    assert world.said == [FALLBACK]


@pytest.mark.parametrize(("gone", "given_up"), [(59, False), (60, True), (61, True)])
def test_s11_an_agent_may_be_away_for_a_minute(world: World, run: RunTurn, gone: int, given_up: bool) -> None:
    world.be_away(run)
    call = again(world)
    world.now = run.turn.wake_time - Protocol().lease + timedelta(seconds=gone)
    world.be_away(call)
    assert world.said == ([FALLBACK] if given_up else [])


def test_s11_an_absence_is_no_attempt(world: World, run: RunTurn) -> None:
    call = run
    for _ in range(5):
        world.be_away(call)
        call = again(world)
    assert call.turn.attempt == 1
    world.answer(call, "here I am")
    assert world.said == ["here I am"]


def test_s11_the_pauses_of_an_absence_grow_and_end_within_the_minute(world: World, run: RunTurn) -> None:
    pauses = []
    call = run
    while not world.rows.outcomes:
        world.be_away(call)
        if not world.rows.outcomes:
            pauses.append((world.turn.wake_time - world.now).total_seconds())
            call = again(world)
    assert pauses[0] == 0.25
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5
    assert 60 <= sum(pauses) < 65
    assert len(pauses) < 30


def test_s11_the_pause_after_a_failure_doubles(world: World, run: RunTurn) -> None:
    world.fail(run)
    assert world.turn.wake_time - world.now == timedelta(milliseconds=250)
    world.fail(again(world))
    assert world.turn.wake_time - world.now == timedelta(milliseconds=500)


def test_s11_a_failure_shows_that_the_agent_is_there(world: World, run: RunTurn) -> None:
    world.be_away(run)
    world.advance(59)
    world.fail(begun(world.poll()))
    call = again(world)
    world.advance(10)
    world.be_away(call)
    assert world.said == [], "the minute begins with the new absence"


def test_s11_after_a_fallback_the_agent_gets_the_next_text(world: World, run: RunTurn) -> None:
    world.receive("anybody?")
    world.fail(run)
    world.fail(again(world))
    following = begun(world.fail(again(world)))
    assert [text.text for text in following.texts] == ["anybody?"]


def test_an_answer_without_replies_says_nothing(world: World, run: RunTurn) -> None:
    world.answer(run, "", "  \n", state="{}")
    assert world.said == []
    assert world.session.state == "{}"


def test_long_replies_become_several_messages_in_their_order(world: World, run: RunTurn) -> None:
    world.answer(run, "a" * 1600 + " " + "b" * 100, "c")
    assert world.said == ["a" * 1600, "b" * 100, "c"]
    assert [message.seq for message in world.rows.outbound] == [1, 2, 3]


def test_a_takeover_repeats_the_turn_with_the_same_input_under_a_higher_fence(world: World, run: RunTurn) -> None:
    world.receive("and another")
    assert world.poll() is None, "the lease holds"
    world.advance(LEASE)
    taken_over = begun(world.poll())
    assert (taken_over.turn.id, taken_over.texts) == (run.turn.id, run.texts)
    assert taken_over.turn.fence == run.turn.fence + 1


def test_the_result_of_a_lost_claim_is_refused_and_changes_nothing(world: World, run: RunTurn) -> None:
    world.advance(LEASE)
    taken_over = begun(world.poll())
    before = world.thread
    with pytest.raises(LateResult):
        world.answer(run, "too late")
    assert world.thread == before
    world.answer(taken_over, "in time")
    assert world.said == ["in time"]


def test_a_result_counts_once(world: World, run: RunTurn) -> None:
    world.answer(run, "hello")
    with pytest.raises(LateResult):
        world.happen([Answer(run.turn.id, run.turn.fence, ("hello",))])
    assert world.said == ["hello"]


def test_a_result_may_come_after_the_lease_while_nobody_has_taken_over(world: World, run: RunTurn) -> None:
    world.advance(LEASE + 5)
    world.answer(run, "late, but the only one")
    assert world.said == ["late, but the only one"]


def test_a_renewed_lease_holds(world: World, run: RunTurn) -> None:
    world.advance(LEASE - 1)
    world.renew(run)
    world.advance(LEASE - 1)
    assert world.poll() is None
    world.advance(1)
    assert begun(world.poll()).turn.fence == 2


@pytest.mark.parametrize("state", ["claimed", "pausing", "closed"])
def test_a_look_that_comes_too_early_finds_nothing_to_do(world: World, run: RunTurn, state: str) -> None:
    if state == "pausing":
        world.fail(run)
    elif state == "closed":
        world.answer(run)
    with pytest.raises(LateResult):
        world.happen([Wake()])


def test_a_turn_and_its_replies_carry_the_trace_of_the_newest_text(world: World) -> None:
    run = begun(world.happen([world.text("one", traceparent="00-one"), world.text("two", traceparent="00-two")]))
    assert run.turn.traceparent == "00-two"
    world.answer(run, "hello")
    assert world.rows.outbound[0].traceparent == "00-two"
    assert [text.traceparent for text in run.texts] == ["00-one", "00-two"]
