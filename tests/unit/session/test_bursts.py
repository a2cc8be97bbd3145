"""The session rule S12: one turn at a time, in order; what arrives meanwhile joins in the next."""

from __future__ import annotations

import pytest

from parley_session.domain.draft import TURN_TEXTS
from parley_session.domain.thread import TurnPhase
from tests.unit.session.world import NO_LIMITS, World, begun, texts


def test_s12_texts_of_one_batch_are_answered_in_one_turn(world: World) -> None:
    assert texts(world.receive("one", "two", "three")) == ["one", "two", "three"]


def test_s12_texts_that_arrive_during_a_turn_wait_and_join_in_the_next(talking: World) -> None:
    run = begun(talking.receive("one"))
    assert talking.receive("two") is None
    assert talking.receive("three") is None
    following = begun(talking.answer(run, "1"))
    assert texts(following) == ["two", "three"]
    assert talking.answer(following, "2 and 3") is None
    assert talking.turn_phase is TurnPhase.NONE


@pytest.fixture
def flooded() -> World:
    """A conversation whose participant is not held up by any limit."""
    world = World(NO_LIMITS)
    world.answer(begun(world.receive("hello")), "Hi, who is this?")
    return world


def test_s12_a_turn_takes_so_many_texts_and_the_next_the_rest(flooded: World) -> None:
    run = begun(flooded.receive("first"))
    flood = [f"text {number}" for number in range(2 * TURN_TEXTS + 7)]
    flooded.receive(*flood[:60])
    flooded.receive(*flood[60:])
    taken: list[list[str]] = []
    following = flooded.answer(run)
    while following := following or flooded.poll():
        taken.append(texts(following))
        following = flooded.answer(following)
    assert max(len(batch) for batch in taken) <= TURN_TEXTS
    assert [text for batch in taken for text in batch] == flood


def test_s12_a_flood_that_comes_at_once_is_taken_in_turns() -> None:
    world = World(NO_LIMITS)
    flood = [f"text {number}" for number in range(TURN_TEXTS + 3)]
    run = begun(world.receive(*flood))
    assert texts(run) == flood[:TURN_TEXTS]
    world.answer(run)
    assert texts(world.poll()) == flood[TURN_TEXTS:]


def test_s12_a_flood_during_the_last_turn_opens_the_next_session_whole(flooded: World) -> None:
    bye = begun(flooded.receive("bye"))
    flooded.receive(*(f"text {number}" for number in range(TURN_TEXTS + 10)))
    run = begun(flooded.answer(begun(flooded.answer(bye, hang_up=True))))
    assert len(run.texts) == TURN_TEXTS
    assert {stored.session_id for stored in flooded.rows.untaken.values()} == {run.session.id}


def test_s12_settle_waits_for_the_rest_of_a_burst() -> None:
    world = World({"settle": 2})
    assert world.receive("one") is None
    world.advance(1.5)
    assert world.receive("two") is None
    world.advance(1.9)
    assert world.poll() is None, "the second text has begun the wait anew"
    world.advance(0.1)
    assert texts(world.poll()) == ["one", "two"]


def test_s12_settle_waits_no_more_for_a_turn_that_was_tried() -> None:
    world = World({"settle": 5})
    world.receive("one")
    world.advance(5)
    run = begun(world.poll())
    world.fail(run)
    moment = world.turn.wake_time
    assert world.receive("two") is None
    assert world.turn.wake_time == moment
    world.advance(0.25)
    assert texts(world.poll()) == ["one"], "a second attempt has the input of the first"


def test_s12_a_process_without_a_free_slot_leaves_the_turn_to_others(world: World) -> None:
    assert world.receive("one", may_claim=False) is None
    assert world.turn_phase is TurnPhase.WAITING
    assert world.receive("two", may_claim=False) is None
    assert texts(world.poll()) == ["one", "two"]


def test_s12_a_text_of_a_burst_that_comes_while_a_turn_pauses_waits_for_the_next(world: World) -> None:
    run = begun(world.receive("one"))
    world.fail(run)
    assert world.receive("two") is None
    world.advance(0.25)
    assert texts(world.poll()) == ["one"]


def test_s12_a_burst_behind_an_end_is_answered_together() -> None:
    world = World({"settle": 2})
    world.receive("hello")
    world.advance(2)
    end = begun(world.answer(begun(world.poll()), "Bye", hang_up=True))
    world.receive("one")
    assert world.answer(end) is None, "the end of the burst is waited for"
    world.advance(1)
    world.receive("two")
    world.advance(2)
    assert texts(world.poll()) == ["one", "two"]
