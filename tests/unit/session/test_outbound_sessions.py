"""The session rules S4, S5 and S9: sessions that a text of ours opens, answered or not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from parley_session.domain.decide import Refused
from parley_session.domain.effects import MessageKind
from parley_session.domain.keywords import Keyword
from parley_session.domain.settings import DAY, OnOpenSession
from parley_session.domain.thread import EndReason, Phase, TurnKind, TurnPhase
from tests.unit.session.promises import Register
from tests.unit.session.world import World, begun, texts


def refusal(world: World, text: str = "your parcel is here") -> str:
    """Why a session is not started; nothing has happened."""
    before = world.thread
    with pytest.raises(Refused) as caught:
        world.start_session(text)
    assert world.thread == before
    return caught.value.reason


def test_s4_a_text_of_ours_opens_a_session_whose_first_message_it_is(world: World) -> None:
    done = world.start_session("your parcel is here")
    assert (done.session_id, done.message_id) == (world.session.id, world.rows.outbound[0].id)
    assert world.rows.outbound[0].kind is MessageKind.OPENING
    assert (world.session.outbound, world.session.engaged, world.session.started) == (True, False, False)
    assert world.session.first_position == world.rows.outbound[0].position == 1


def test_s4_an_unanswered_text_never_calls_the_agent(world: World) -> None:
    world.start_session("your parcel is here")
    assert world.turn_phase is TurnPhase.NONE
    world.end()
    world.come_to_rest()
    assert world.rows.turns == {}, "an agent that was never started has nothing to end"


def test_s4_the_agent_is_started_with_the_first_reply(world: World) -> None:
    world.start_session("your parcel is here")
    run = begun(world.receive("thanks"))
    assert (run.turn.kind, run.session.outbound, texts(run)) == (TurnKind.START, True, ["thanks"])
    assert run.session.first_position == 1, "the text of ours is in the agent's context"


def test_s4_an_older_session_ends_as_superseded_and_what_it_said_is_still_sent(talking: World) -> None:
    older = talking.session.id
    talking.start_session("your parcel is here")
    assert talking.rows.sessions[older].end_reason is EndReason.SUPERSEDED
    assert talking.said == ["Hi, who is this?", "your parcel is here"]
    assert talking.rows.canceled == set()
    assert talking.calls[0].turn.kind is TurnKind.END
    assert talking.calls[0].session.id == older


def test_s4_texts_that_no_turn_has_taken_follow_into_the_session_that_supersedes(talking: World) -> None:
    running = begun(talking.receive("where is it?"))
    talking.receive("hello??")
    talking.start_session("your parcel is here")
    assert talking.session.engaged
    assert {stored.session_id for stored in talking.rows.untaken.values()} == {talking.session.id}
    assert talking.session.first_position == 3, "they are in its history"
    assert running in talking.calls
    end = talking.calls[-1]
    run = begun(talking.answer(end))
    assert (run.turn.kind, texts(run), run.session.id) == (
        TurnKind.START,
        ["where is it?", "hello??"],
        talking.session.id,
    )


def test_s4_a_session_that_was_never_answered_is_superseded_without_an_end(world: World) -> None:
    first = world.start_session("one").session_id
    second = world.start_session("two").session_id
    assert world.rows.sessions[first].end_reason is EndReason.SUPERSEDED
    assert world.session.id == second
    assert world.rows.turns == {}


def test_s4_a_second_session_may_supersede_while_the_end_of_the_first_is_under_way(talking: World) -> None:
    first = talking.session.id
    end = begun(talking.end())
    second = talking.start_session("one").session_id
    third = talking.start_session("two").session_id
    assert talking.receive("which?") is None
    run = begun(talking.answer(end))
    assert (end.session.id, run.session.id, texts(run)) == (first, third, ["which?"])
    assert talking.rows.sessions[second].end_reason is EndReason.SUPERSEDED
    talking.come_to_rest()


def test_s4_ends_are_run_in_the_order_of_the_ends(talking: World) -> None:
    first = talking.session.id
    bye = begun(talking.answer(begun(talking.receive("bye")), hang_up=True))
    talking.receive("wait")
    run = begun(talking.answer(bye))
    talking.answer(run, "yes?")
    second = talking.session.id
    end = begun(talking.end())
    talking.start_session("news")
    assert (bye.session.id, end.session.id) == (first, second)
    talking.come_to_rest()
    assert talking.rows.ended == [first, second]


def test_s4_join_sends_the_text_in_the_open_session(talking: World) -> None:
    talking.wishes = {"on_open_session": OnOpenSession.JOIN.value}
    session = talking.session.id
    assert talking.start_session("your parcel is here").session_id == session == talking.session.id
    assert talking.said[-1] == "your parcel is here"
    assert talking.session.end_reason is None


def test_s4_join_opens_a_session_where_none_is_open(world: World) -> None:
    world.wishes = {"on_open_session": OnOpenSession.JOIN.value}
    world.start_session("your parcel is here")
    assert world.session.outbound


def test_s4_join_reaches_a_session_that_people_have(talking: World) -> None:
    talking.wishes = {"on_open_session": OnOpenSession.JOIN.value}
    talking.hand_off()
    talking.start_session("your parcel is here")
    assert talking.phase is Phase.HANDED_OFF


def test_s4_join_is_activity_and_voids_a_warning(talking: World) -> None:
    talking.wishes = {"on_open_session": OnOpenSession.JOIN.value}
    warning = talking.warn()
    talking.start_session("your parcel is here")
    assert (talking.session.warning_id, talking.rows.canceled) == (None, {warning})


def test_s4_reject_refuses_while_a_session_is_open(talking: World) -> None:
    talking.wishes = {"on_open_session": OnOpenSession.REJECT.value}
    assert refusal(talking) == "OPEN_SESSION"
    talking.answer(begun(talking.end()))
    talking.start_session("your parcel is here")


def test_s4_supersede_ends_a_session_that_people_have(talking: World) -> None:
    talking.hand_off()
    talking.start_session("your parcel is here")
    assert talking.last_session.end_reason is EndReason.SUPERSEDED
    assert talking.phase is Phase.OPEN


def test_s4_nothing_is_sent_to_who_has_opted_out(talking: World) -> None:
    talking.receive("STOP")
    assert refusal(talking) == "OPTED_OUT"
    talking.advance(1)
    talking.receive("START")
    talking.start_session("your parcel is here")


def test_s4_nor_to_who_has_opted_out_at_another_number_of_the_scope() -> None:
    world = World(register=Register(scope="pool"))
    world.hear_elsewhere(Keyword.STOP)
    assert refusal(world) == "OPTED_OUT"


def test_s4_a_number_that_is_not_registered_sends_nothing(world: World) -> None:
    world.is_registered = False
    assert refusal(world) == "NO_NUMBER"


def test_s4_a_long_text_is_one_request(world: World) -> None:
    done = world.start_session("x" * 1601)
    first, second = world.rows.outbound
    assert (first.kind, second.kind, first.session_id) == (MessageKind.OPENING, MessageKind.OPENING, second.session_id)
    assert done.message_id == second.id


def test_s5_a_reply_joins_the_session_that_the_endpoint_opened(world: World) -> None:
    session = world.start_session("your parcel is here").session_id
    assert begun(world.receive("thanks")).session.id == session
    assert world.rows.inbound[2].session_id == session
    assert world.session.engaged


def test_s5_further_replies_continue_it(world: World) -> None:
    world.start_session("your parcel is here")
    world.answer(begun(world.receive("thanks")), "Anything else?", state="{}")
    run = begun(world.receive("no"))
    assert (run.turn.kind, run.session.state) == (TurnKind.MESSAGE, "{}")


@pytest.mark.parametrize(("short", "open_still"), [(1, True), (0, False)])
def test_s9_an_unanswered_session_closes_silently_at_its_ttl(world: World, short: int, open_still: bool) -> None:
    world.wishes = {"closing_text": "bye"}
    world.start_session("your parcel is here")
    world.skip(days=30, seconds=-short)
    world.time_out()
    assert (world.phase is Phase.OPEN) is open_still
    assert world.said == ["your parcel is here"]
    if not open_still:
        assert world.last_session.end_reason is EndReason.UNANSWERED
        assert world.rows.turns == {}


def test_s9_there_is_no_inactivity_timer_before_an_answer(world: World) -> None:
    world.start_session("your parcel is here")
    assert world.session.due_time == world.people_now + timedelta(days=30)
    world.skip(days=2)
    world.time_out()
    assert world.said == ["your parcel is here"]


def test_s9_the_time_counts_from_the_last_text_of_ours(world: World) -> None:
    world.start_session("your parcel is here")
    world.skip(days=20)
    world.send("still here, says Ann")
    world.skip(days=20)
    world.time_out()
    assert world.phase is Phase.OPEN
    assert world.session.due_time == world.people_now + timedelta(days=10)


def test_s9_its_length_is_a_setting(world: World) -> None:
    world.wishes = {"unengaged_ttl": DAY}
    world.start_session("your parcel is here")
    world.skip(days=1)
    world.time_out()
    assert world.last_session.end_reason is EndReason.UNANSWERED


def test_s9_an_answer_begins_the_time_of_silence(world: World) -> None:
    world.start_session("your parcel is here")
    world.skip(days=10)
    world.receive("thanks")
    assert world.session.due_time == world.people_now + timedelta(hours=24)


@pytest.mark.parametrize("word", ["HELP", "START"])
def test_s9_a_keyword_is_no_answer(world: World, word: str) -> None:
    world.start_session("your parcel is here")
    due_time = world.session.due_time
    world.skip(days=3)
    world.receive(word)
    assert (world.session.engaged, world.session.due_time) == (False, due_time)
    world.skip(days=27)
    world.time_out()
    assert world.last_session.end_reason is EndReason.UNANSWERED
