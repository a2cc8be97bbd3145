"""What becomes of a session's texts when it ends, and of the end(conv) that it is owed."""

from __future__ import annotations

import pytest

from parley_session.domain.draft import TURN_TEXTS
from parley_session.domain.effects import TurnOutcome
from parley_session.domain.machine import LateResult
from parley_session.domain.thread import EndReason, TurnKind
from tests.unit.session.world import NO_LIMITS, World, begun, texts


def test_texts_that_no_committed_turn_has_taken_open_the_next_session_in_order(talking: World) -> None:
    run = begun(talking.receive("one"))
    talking.receive("two")
    end = begun(talking.end())
    talking.receive("three")
    assert talking.rows.outcomes[run.turn.id] is TurnOutcome.DROPPED
    following = begun(talking.answer(end))
    assert texts(following) == ["one", "two", "three"]
    assert following.session.id != run.session.id
    assert {text.session_id for text in list(talking.rows.inbound.values())[1:]} == {following.session.id}
    assert following.session.first_position == 3


def test_a_dropped_turns_answer_is_refused(talking: World) -> None:
    run = begun(talking.receive("one"))
    talking.end()
    with pytest.raises(LateResult):
        talking.answer(run, "too late")
    assert talking.said == ["Hi, who is this?"]


def test_a_turn_that_pauses_after_a_failure_is_dropped_too(talking: World) -> None:
    run = begun(talking.receive("one"))
    talking.fail(run)
    end = begun(talking.end())
    assert texts(talking.answer(end)) == ["one"]


def test_what_the_session_had_committed_is_still_sent(talking: World) -> None:
    talking.answer(begun(talking.receive("one")), "answer")
    talking.end()
    assert talking.rows.canceled == set()


def test_a_session_whose_start_never_got_through_owes_no_end(world: World) -> None:
    run = begun(world.receive("hello"))
    world.receive("anybody?")
    following = begun(world.end())
    assert following.turn.kind is TurnKind.START, "the texts open the next session at once"
    assert texts(following) == ["hello", "anybody?"]
    assert world.rows.sessions[run.session.id].end_reason is EndReason.ENDED_BY_REQUEST


def test_an_end_is_called_until_it_gets_through(talking: World) -> None:
    end = begun(talking.end())
    talking.advance(20)
    again = begun(talking.poll())
    assert (again.turn.id, again.turn.fence) == (end.turn.id, 2)
    talking.be_away(again)
    talking.advance(0.25)
    talking.answer(begun(talking.poll()), state="{}")
    assert talking.last_session.state == "{}"


def test_an_end_waits_for_an_agent_that_is_away_for_however_long(talking: World) -> None:
    talking.be_away(begun(talking.end()))
    talking.advance(3600)
    talking.be_away(begun(talking.poll()))
    talking.advance(60)
    talking.answer(begun(talking.poll()))
    assert not talking.thread.endings


def test_an_end_is_given_up_in_silence_when_somebody_waits_behind_it(talking: World) -> None:
    talking.be_away(begun(talking.end()))
    talking.receive("anybody?")
    talking.advance(60)
    following = begun(talking.be_away(begun(talking.poll())))
    assert list(talking.rows.outcomes.values()) == [TurnOutcome.ANSWERED, TurnOutcome.FALLBACK]
    assert talking.said == ["Hi, who is this?"]
    assert (following.turn.kind, [text.text for text in following.texts]) == (TurnKind.START, ["anybody?"])


def test_an_end_is_no_turn_of_the_limit() -> None:
    world = World({"turn_limit": 2})
    world.answer(begun(world.answer(begun(world.receive("hello")), hang_up=True)))
    assert texts(world.receive("again")) == ["again"]


def test_two_ends_wait_for_each_other(talking: World) -> None:
    first = begun(talking.end())
    talking.receive("hello")
    run = begun(talking.answer(first))
    talking.answer(run, "Hi")
    second = begun(talking.end())
    talking.start_session("news")
    assert talking.receive("what?") is None
    assert texts(talking.answer(second)) == ["what?"]


FLOOD = [f"text {number}" for number in range(TURN_TEXTS + 10)]


@pytest.fixture
def flooded() -> World:
    """More texts wait than one look shows, behind a turn that runs."""
    world = World(NO_LIMITS)
    world.answer(begun(world.receive("hello")), "Hi")
    world.receive("first")
    world.receive(*FLOOD)
    return world


def test_a_stop_ignores_more_texts_than_one_look_shows(flooded: World) -> None:
    flooded.receive("STOP")
    assert flooded.ignored == {**dict.fromkeys(["first", *FLOOD], "opted_out"), "STOP": "stop"}


def test_people_are_given_more_texts_than_one_look_shows(flooded: World) -> None:
    flooded.hand_off()
    assert flooded.ignored == dict.fromkeys(["first", *FLOOD], "handed_off")


def test_the_session_that_supersedes_is_given_more_texts_than_one_look_shows(flooded: World) -> None:
    session = flooded.start_session("news").session_id
    assert {text.session_id for text in flooded.rows.untaken.values()} == {session}
    assert len(texts(flooded.answer(flooded.calls[-1]))) == TURN_TEXTS
    flooded.come_to_rest()
    assert flooded.ignored == {}
