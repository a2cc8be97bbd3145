"""The session rules S1 to S3: which session a text joins, and what the agent knows in it."""

from __future__ import annotations

import pytest

from parley_session.domain.settings import DEFAULTS, Greeting
from parley_session.domain.thread import EndReason, Phase, TurnKind
from tests.unit.session.world import World, begun, texts


@pytest.mark.parametrize("greeting", Greeting)
def test_s1_a_text_without_an_open_session_opens_one_and_starts_the_agent(greeting: Greeting) -> None:
    world = World({"greeting": greeting.value})
    run = begun(world.receive("hello"))
    assert run.turn.kind is TurnKind.START
    assert texts(run) == ["hello"]
    assert run.session.settings.greeting is greeting
    assert run.session.state == ""
    assert world.rows.inbound[1].session_id == run.session.id
    assert run.session.first_position == 1


def test_s1_a_session_keeps_the_settings_that_it_was_opened_with(talking: World) -> None:
    talking.wishes = {"greeting": Greeting.ANSWER.value, "fallback_text": "other"}
    assert begun(talking.receive("me")).session.settings == DEFAULTS


def test_s1_the_agent_is_started_until_a_start_has_got_through(world: World) -> None:
    run = begun(world.receive("hello"))
    for _ in range(2):
        world.fail(run)
        world.advance(1)
        run = begun(world.poll())
    world.fail(run)
    assert world.said == [DEFAULTS.fallback_text]
    assert begun(world.receive("still there?")).turn.kind is TurnKind.START


def test_s2_a_text_joins_the_open_session_where_the_agent_left_off(talking: World) -> None:
    session = talking.session
    run = begun(talking.receive("me"))
    assert run.turn.kind is TurnKind.MESSAGE
    assert run.session.id == session.id
    assert run.session.state == '{"step":1}'
    assert texts(run) == ["me"]


def test_s3_after_the_end_a_text_opens_a_session_that_knows_nothing(talking: World) -> None:
    first = talking.session.id
    end = begun(talking.answer(begun(talking.receive("bye")), "Bye!", state='{"step":2}', hang_up=True))
    assert end.turn.kind is TurnKind.END
    assert talking.answer(end, state='{"step":3}') is None
    assert talking.phase is Phase.CLOSED
    assert talking.rows.sessions[first].end_reason is EndReason.ENDED_BY_AGENT
    assert talking.rows.sessions[first].state == '{"step":3}'

    run = begun(talking.receive("hello again"))
    assert run.session.id != first
    assert (run.turn.kind, run.session.state, run.session.started) == (TurnKind.START, "", False)
    assert run.session.first_position == talking.thread.last_inbound


def test_s3_what_end_says_is_dropped(talking: World) -> None:
    end = begun(talking.answer(begun(talking.receive("bye")), "Bye!", hang_up=True))
    talking.answer(end, "You will never read this", hang_up=True)
    assert talking.said == ["Hi, who is this?", "Bye!"]


def test_s3_positions_and_seqs_run_on_across_sessions(talking: World) -> None:
    talking.answer(begun(talking.answer(begun(talking.receive("bye")), "Bye!", hang_up=True)))
    talking.answer(begun(talking.receive("hello again")), "Hi again")
    assert [(message.position, message.seq) for message in talking.rows.outbound] == [(2, 1), (4, 2), (6, 3)]


def test_s3_texts_that_arrive_during_end_open_the_next_session_in_their_order(talking: World) -> None:
    first = talking.session.id
    end = begun(talking.answer(begun(talking.receive("bye")), hang_up=True))
    assert talking.receive("wait") is None
    assert talking.receive("one more") is None
    assert [talking.rows.inbound[position].session_id for position in (4, 5)] == [None, None]

    run = begun(talking.answer(end))
    assert texts(run) == ["wait", "one more"]
    assert run.session.id != first
    assert [talking.rows.inbound[position].session_id for position in (4, 5)] == [run.session.id] * 2


def test_s3_texts_that_arrived_in_the_turn_that_ended_the_session_move_to_the_next(talking: World) -> None:
    bye = begun(talking.receive("bye"))
    assert talking.receive("wait") is None
    first = talking.rows.inbound[4].session_id
    run = begun(talking.answer(begun(talking.answer(bye, "Bye!", hang_up=True))))
    assert first == bye.session.id != run.session.id
    assert talking.rows.inbound[4].session_id == run.session.id == talking.session.id
    assert run.session.first_position == 4


def test_s3_a_session_ends_even_when_its_end_never_gets_through(talking: World) -> None:
    run = begun(talking.answer(begun(talking.receive("bye")), hang_up=True))
    for _ in range(2):
        talking.fail(run)
        talking.advance(1)
        run = begun(talking.poll())
    talking.fail(run)
    assert talking.phase is Phase.CLOSED
    assert talking.said == ["Hi, who is this?"], "an end that fails says nothing"


def test_texts_to_a_number_without_an_agent_wait_for_one(talking: World) -> None:
    talking.answer(begun(talking.answer(begun(talking.receive("bye")), hang_up=True)))
    talking.is_registered = False
    assert talking.receive("hello?") is None
    assert talking.phase is Phase.CLOSED
    talking.is_registered = True
    assert texts(talking.receive("anybody?")) == ["hello?", "anybody?"]


def test_an_open_session_goes_on_though_its_number_is_registered_no_more(talking: World) -> None:
    talking.is_registered = False
    assert texts(talking.receive("still there?")) == ["still there?"]
