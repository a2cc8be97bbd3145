"""The session rule S11, where people are concerned: a session in their hands, and what callers may ask of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from parley_session.domain.decide import Refused
from parley_session.domain.effects import MessageKind, TurnOutcome
from parley_session.domain.machine import LateResult
from parley_session.domain.thread import EndReason, HandOff, Phase, TurnKind, TurnPhase
from tests.unit.session.world import World, begun, texts

DESK = HandOff("desk", "wants a person")


@pytest.fixture
def handed_off(talking: World) -> World:
    """A session that the agent has handed to people."""
    talking.answer(begun(talking.receive("a person, please")), "One moment", state='{"step":2}', hand_off=DESK)
    return talking


def test_s11_a_hand_off_sends_the_replies_and_keeps_the_session(handed_off: World) -> None:
    assert handed_off.said[-1] == "One moment"
    assert (handed_off.phase, handed_off.session.hand_off) == (Phase.HANDED_OFF, DESK)
    assert handed_off.session.end_reason is None


def test_s11_texts_are_stored_in_the_session_and_the_agent_is_not_called(handed_off: World) -> None:
    assert handed_off.receive("hello?") is None
    assert handed_off.receive("anybody?") is None
    assert handed_off.ignored == {"hello?": "handed_off", "anybody?": "handed_off"}
    assert {text.session_id for text in handed_off.rows.inbound.values()} == {handed_off.session.id}
    assert handed_off.turn_phase is TurnPhase.NONE


def test_s11_texts_that_wait_when_the_agent_hands_off_are_for_people(talking: World) -> None:
    run = begun(talking.receive("a person, please"))
    talking.receive("now!")
    assert talking.answer(run, "One moment", hand_off=DESK) is None
    assert talking.ignored == {"now!": "handed_off"}


def test_s11_a_caller_may_pause_the_agent(talking: World) -> None:
    talking.hand_off(DESK)
    assert talking.session.hand_off == DESK
    assert talking.receive("hello?") is None


def test_s11_a_pause_drops_the_turn_that_runs(talking: World) -> None:
    run = begun(talking.receive("me"))
    talking.hand_off()
    with pytest.raises(LateResult):
        talking.answer(run, "too late")
    assert talking.rows.outcomes[run.turn.id] is TurnOutcome.DROPPED
    assert talking.ignored == {"me": "handed_off"}, "the text is for people"


def test_s11_a_pause_leaves_the_end_of_an_earlier_session_under_way(talking: World) -> None:
    end = begun(talking.end())
    talking.start_session("your parcel is here")
    talking.hand_off()
    talking.answer(end, state="{}")
    assert talking.rows.outcomes[end.turn.id] is TurnOutcome.ANSWERED


def test_s11_a_second_pause_changes_nothing(handed_off: World) -> None:
    before = handed_off.thread
    handed_off.hand_off(HandOff("another"))
    assert handed_off.thread == before


def test_s11_resume_gives_the_session_back_to_the_agent(handed_off: World) -> None:
    handed_off.receive("for people")
    assert handed_off.resume() is None, "what people had is not answered again"
    run = begun(handed_off.receive("for the agent"))
    assert (run.turn.kind, run.session.state, texts(run)) == (TurnKind.MESSAGE, '{"step":2}', ["for the agent"])


def test_s11_resume_of_a_session_that_nobody_paused_changes_nothing(talking: World) -> None:
    before = talking.thread
    assert talking.resume() is None
    assert talking.thread == before


def test_s11_an_agent_that_was_never_started_is_started_after_a_resume(world: World) -> None:
    world.start_session("your parcel is here")
    world.hand_off()
    world.receive("thanks")
    world.resume()
    assert world.session.engaged
    assert begun(world.receive("and?")).turn.kind is TurnKind.START


def test_s11_an_outbound_session_that_nobody_answered_keeps_its_ttl_over_a_resume(world: World) -> None:
    world.start_session("your parcel is here")
    world.hand_off()
    world.resume()
    assert world.session.due_time == world.people_now + timedelta(days=30)
    world.skip(days=30)
    world.time_out()
    assert world.last_session.end_reason is EndReason.UNANSWERED


def test_s11_people_write_in_the_session(handed_off: World) -> None:
    done = handed_off.send("Ann here, how can I help?")
    assert handed_off.rows.outbound[-1].kind is MessageKind.PERSON
    assert (done.session_id, done.message_id) == (handed_off.session.id, handed_off.rows.outbound[-1].id)


def test_s11_people_may_write_beside_the_agent(talking: World) -> None:
    run = begun(talking.receive("me"))
    talking.send("Ann here")
    talking.answer(run, "and the agent")
    assert talking.said[-2:] == ["Ann here", "and the agent"]


def test_s11_end_session_ends_it_and_runs_the_end(handed_off: World) -> None:
    end = begun(handed_off.end())
    assert (end.turn.kind, end.session.state) == (TurnKind.END, '{"step":2}')
    assert handed_off.last_session.end_reason is EndReason.ENDED_BY_REQUEST
    assert handed_off.last_session.hand_off is None


def test_s11_end_session_says_no_closing_text() -> None:
    world = World({"closing_text": "bye"})
    world.answer(begun(world.receive("hello")), "Hi")
    world.end()
    assert world.said == ["Hi"]


def test_s11_end_session_may_be_asked_again(talking: World) -> None:
    session = talking.session.id
    end = talking.end()
    before = talking.thread
    assert talking.end(session) is None
    assert talking.thread == before
    talking.answer(begun(end))
    assert talking.end(session) is None
    assert talking.last_session.end_reason is EndReason.ENDED_BY_REQUEST


@pytest.mark.parametrize("ask", [lambda w, s: w.send("Ann here", s), lambda w, s: w.hand_off(None, s), World.resume])
def test_s11_an_ended_session_takes_no_other_request(talking: World, ask: Callable[[World, str], object]) -> None:
    session = talking.session.id
    talking.end()
    talking.receive("hello again")
    with pytest.raises(Refused) as caught:
        ask(talking, session)
    assert caught.value.reason == "SESSION_ENDED"
