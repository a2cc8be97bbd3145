"""The session rules S1, S2, S3 and S12: which session a text joins, and which turn takes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from parley_session.domain.actions import TURN_TEXTS
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Context, Receive
from parley_session.domain.machine import decide
from parley_session.domain.thread import AgentSettings, EndReason, Greeting, Phase, TurnKind
from tests.unit.session.world import World


def begun(run: RunTurn | None) -> RunTurn:
    assert run is not None
    return run


def texts(run: RunTurn | None) -> list[str]:
    return [text.text for text in begun(run).texts]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def talking(world: World) -> World:
    """A session whose first turn is committed."""
    world.answer(begun(world.receive("hello")), "Hi, who is this?", state='{"step":1}')
    return world


@pytest.mark.parametrize("greeting", Greeting)
def test_s1_a_text_without_an_open_session_opens_one_and_starts_the_agent(greeting: Greeting) -> None:
    world = World(AgentSettings(greeting=greeting))
    run = begun(world.receive("hello"))
    assert run.turn.kind is TurnKind.START
    assert texts(run) == ["hello"]
    assert run.session.settings.greeting is greeting
    assert run.session.state == ""
    assert world.inbound[1].session_id == run.session.id
    assert run.session.first_position == 1


def test_s1_a_session_keeps_the_settings_that_it_was_opened_with(talking: World) -> None:
    talking.settings = AgentSettings(greeting=Greeting.ANSWER, fallback_text="other")
    assert begun(talking.receive("me")).session.settings == AgentSettings()


def test_s1_the_agent_is_started_until_a_start_has_got_through(world: World) -> None:
    run = begun(world.receive("hello"))
    for _ in range(2):
        world.fail(run)
        world.advance(1)
        run = begun(world.poll())
    world.fail(run)
    assert world.replies == [AgentSettings().fallback_text]
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
    assert talking.sessions[first].end_reason is EndReason.ENDED_BY_AGENT
    assert talking.sessions[first].state == '{"step":3}'

    run = begun(talking.receive("hello again"))
    assert run.session.id != first
    assert (run.turn.kind, run.session.state, run.session.started) == (TurnKind.START, "", False)
    assert run.session.first_position == talking.thread.last_inbound


def test_s3_what_end_says_is_dropped(talking: World) -> None:
    end = begun(talking.answer(begun(talking.receive("bye")), "Bye!", hang_up=True))
    talking.answer(end, "You will never read this", hang_up=True)
    assert talking.replies == ["Hi, who is this?", "Bye!"]


def test_s3_positions_and_seqs_run_on_across_sessions(talking: World) -> None:
    talking.answer(begun(talking.answer(begun(talking.receive("bye")), "Bye!", hang_up=True)))
    talking.answer(begun(talking.receive("hello again")), "Hi again")
    assert [(message.position, message.seq) for message in talking.outbound] == [(2, 1), (4, 2), (6, 3)]


def test_s3_texts_that_arrive_during_end_open_the_next_session_in_their_order(talking: World) -> None:
    first = talking.session.id
    end = begun(talking.answer(begun(talking.receive("bye")), hang_up=True))
    assert talking.receive("wait") is None
    assert talking.receive("one more") is None
    assert [talking.inbound[position].session_id for position in (4, 5)] == [None, None]

    run = begun(talking.answer(end))
    assert texts(run) == ["wait", "one more"]
    assert run.session.id != first
    assert [talking.inbound[position].session_id for position in (4, 5)] == [run.session.id] * 2


def test_s3_texts_that_arrived_in_the_turn_that_ended_the_session_move_to_the_next(talking: World) -> None:
    bye = begun(talking.receive("bye"))
    assert talking.receive("wait") is None
    first = talking.inbound[4].session_id
    run = begun(talking.answer(begun(talking.answer(bye, "Bye!", hang_up=True))))
    assert first == bye.session.id != run.session.id
    assert talking.inbound[4].session_id == run.session.id == talking.session.id
    assert run.session.first_position == 4


def test_s3_a_session_ends_even_when_its_end_never_gets_through(talking: World) -> None:
    run = begun(talking.answer(begun(talking.receive("bye")), hang_up=True))
    for _ in range(2):
        talking.fail(run)
        talking.advance(1)
        run = begun(talking.poll())
    talking.fail(run)
    assert talking.phase is Phase.CLOSED
    assert talking.replies == ["Hi, who is this?"], "an end that fails says nothing"


def test_s12_texts_of_one_batch_are_answered_in_one_turn(world: World) -> None:
    assert texts(world.receive("one", "two", "three")) == ["one", "two", "three"]


def test_s12_texts_that_arrive_during_a_turn_wait_and_join_in_the_next(talking: World) -> None:
    run = begun(talking.receive("one"))
    assert talking.receive("two") is None
    assert talking.receive("three") is None
    following = begun(talking.answer(run, "1"))
    assert texts(following) == ["two", "three"]
    assert talking.answer(following, "2 and 3") is None
    assert talking.phase is Phase.IDLE


def test_s12_a_turn_takes_so_many_texts_and_the_next_the_rest(talking: World) -> None:
    run = begun(talking.receive("first"))
    flood = [f"text {number}" for number in range(2 * TURN_TEXTS + 7)]
    talking.receive(*flood[:60])
    talking.receive(*flood[60:])
    taken: list[list[str]] = []
    following = talking.answer(run)
    while following := following or talking.poll():
        taken.append(texts(following))
        following = talking.answer(following)
    assert max(len(batch) for batch in taken) <= TURN_TEXTS
    assert [text for batch in taken for text in batch] == flood


def test_s12_a_flood_during_the_last_turn_opens_the_next_session_whole(talking: World) -> None:
    bye = begun(talking.receive("bye"))
    talking.receive(*(f"text {number}" for number in range(TURN_TEXTS + 10)))
    run = begun(talking.answer(begun(talking.answer(bye, hang_up=True))))
    assert len(run.texts) == TURN_TEXTS
    assert {stored.session_id for stored in talking.untaken.values()} == {run.session.id}


def test_s12_settle_waits_for_the_rest_of_a_burst() -> None:
    world = World(AgentSettings(settle=timedelta(seconds=2)))
    assert world.receive("one") is None
    world.advance(1.5)
    assert world.receive("two") is None
    world.advance(1.9)
    assert world.poll() is None, "the second text has begun the wait anew"
    world.advance(0.1)
    assert texts(world.poll()) == ["one", "two"]


def test_s12_settle_waits_no_more_for_a_turn_that_was_tried() -> None:
    world = World(AgentSettings(settle=timedelta(seconds=5)))
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
    assert world.phase is Phase.WAITING
    assert world.receive("two", may_claim=False) is None
    assert texts(world.poll()) == ["one", "two"]


def test_texts_to_a_number_without_an_agent_wait_for_one(talking: World) -> None:
    end = begun(talking.answer(begun(talking.receive("bye")), hang_up=True))
    talking.receive("wait")
    thread = replace(talking.thread, waiting=(talking.untaken[4].text,), opening=None)
    late = Receive("source", "hello?")
    decision = decide(thread, [late], Context(talking.now, lambda: "id"))
    assert decision.inbound[0].session_id is None
    assert decision.thread.session is not None
    assert decision.thread.session.id == end.session.id
