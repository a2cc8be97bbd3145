"""The session rules S6 to S8: the warning, its grace, and the end; and the moments at which each is decided."""

from __future__ import annotations

from datetime import timedelta

import pytest

from parley_session.domain.effects import MessageKind
from parley_session.domain.settings import DEFAULTS, HOUR
from parley_session.domain.thread import WEB_CHAT, EndReason, HandOff, Phase, TurnKind
from tests.unit.session.agent_calls import PROTOCOL
from tests.unit.session.world import World, begun, texts

ACCEPTED, DELIVERED = 3, 5
WARNING = DEFAULTS.warning_text


@pytest.fixture
def graced(talking: World) -> World:
    """A session that has ten minutes left."""
    talking.deliver(talking.warn(), ACCEPTED)
    return talking


@pytest.mark.parametrize(("short", "warned"), [(1, False), (0, True)])
def test_s6_after_a_day_of_silence_a_warning_is_sent(talking: World, short: int, warned: bool) -> None:
    talking.skip(hours=24, seconds=-short)
    talking.time_out()
    assert (talking.said[-1] == WARNING) is warned
    assert (talking.rows.outbound[-1].kind is MessageKind.WARNING) is warned


def test_s6_a_text_of_either_side_is_no_silence(talking: World) -> None:
    talking.skip(hours=23)
    run = begun(talking.receive("me"))
    talking.skip(hours=23)
    talking.answer(run, "and me")
    talking.skip(hours=23, minutes=59)
    talking.time_out()
    assert talking.said[-1] == "and me"
    assert talking.session.due_time == talking.people_now + timedelta(minutes=1)


def test_s6_a_message_does_not_write_the_session_whose_time_it_prolongs(talking: World) -> None:
    """Every text would, otherwise: the rule looks at the true last activity when it is due."""
    session = talking.session
    talking.skip(hours=5)
    run = begun(talking.receive("me"))
    talking.answer(run, "and me", state=session.state)
    assert talking.session == session


def test_s6_an_answer_that_says_nothing_is_no_message(talking: World) -> None:
    run = begun(talking.receive("me"))
    talking.skip(hours=5)
    talking.answer(run, " ", "\n")
    talking.skip(hours=19)
    talking.time_out()
    assert talking.said[-1] == WARNING


@pytest.mark.parametrize("text", ["HELP", "START", "unstop!"])
def test_s6_a_keyword_is_no_activity(talking: World, text: str) -> None:
    talking.skip(hours=23)
    talking.receive(text)
    talking.skip(hours=1)
    talking.time_out()
    assert talking.said[-1] == WARNING


def test_s6_the_warning_is_no_activity_and_is_said_once(talking: World) -> None:
    talking.warn()
    for _ in range(5):
        talking.skip(hours=24)
        talking.time_out()
    assert talking.said.count(WARNING) == 1


def test_s6_a_person_who_writes_is_activity(talking: World) -> None:
    talking.skip(hours=23)
    talking.send("this is Ann")
    talking.skip(hours=23)
    talking.time_out()
    assert talking.said[-1] == "this is Ann"


def test_s6_there_is_no_warning_while_an_answer_is_owed(talking: World) -> None:
    talking.receive("me")
    talking.skip(hours=24)
    talking.time_out()
    assert WARNING not in talking.said
    assert talking.session.due_time == talking.people_now + PROTOCOL.look_again


def test_s6_nor_while_the_text_waits_for_the_end_of_an_earlier_session(talking: World) -> None:
    talking.wishes = {"inactive_after": 60}
    talking.end()
    talking.start_session("your parcel is here")
    talking.receive("which?")
    talking.skip(hours=24)
    talking.time_out()
    assert WARNING not in talking.said
    assert texts(talking.answer(talking.calls[0])) == ["which?"]


def test_s6_silence_can_be_allowed_for_ever() -> None:
    world = World({"inactive_after": 0})
    world.answer(begun(world.receive("hello")), "Hi")
    assert world.session.due_time is None
    world.skip(days=400)
    world.time_out()
    assert world.said == ["Hi"]


def test_s6_an_outbound_session_that_was_answered_may_be_silent_for_ever_too() -> None:
    world = World({"inactive_after": 0})
    world.start_session("your parcel is here")
    world.receive("thanks")
    assert world.session.due_time is None


def test_s6_the_text_and_the_time_are_settings() -> None:
    world = World({"inactive_after": HOUR, "warning_text": "Hello?"})
    world.answer(begun(world.receive("hello")), "Hi")
    world.skip(hours=1)
    world.time_out()
    assert world.said == ["Hi", "Hello?"]


def test_s6_people_have_no_timer(talking: World) -> None:
    talking.hand_off()
    assert talking.session.due_time is None
    talking.skip(days=30)
    talking.time_out()
    assert WARNING not in talking.said


def test_s7_a_reply_within_the_grace_keeps_the_session_and_the_day_starts_again(graced: World) -> None:
    session = graced.session.id
    graced.skip(minutes=9, seconds=59)
    run = begun(graced.receive("I am"))
    assert run.session.id == session
    assert (graced.session.warning_id, graced.session.grace_end) == (None, None)
    assert graced.session.due_time == graced.people_now + timedelta(hours=24)
    graced.answer(run, "Good")
    graced.skip(hours=24)
    graced.time_out()
    assert graced.said.count(WARNING) == 2, "a new silence has a warning of its own"


def test_s7_the_grace_begins_with_the_acceptance(talking: World) -> None:
    warning = talking.warn()
    talking.skip(minutes=30)
    talking.time_out()
    assert talking.phase is Phase.OPEN
    talking.deliver(warning, ACCEPTED)
    assert talking.session.grace_end == talking.session.due_time == talking.people_now + timedelta(minutes=10)


def test_s7_further_reports_on_the_warning_do_not_prolong_the_grace(graced: World) -> None:
    grace_end, warning = graced.session.grace_end, graced.session.warning_id or ""
    graced.skip(minutes=5)
    graced.deliver(warning, DELIVERED)
    assert graced.session.grace_end == grace_end


def test_s7_an_acceptance_that_no_rule_has_heard_of_is_found_when_the_session_is_looked_at(talking: World) -> None:
    talking.deliver(talking.warn(), ACCEPTED, dies=True)
    assert talking.session.grace_end is None
    talking.skip_to_due()
    talking.time_out()
    assert talking.session.grace_end == talking.people_now + timedelta(minutes=10)


def test_s7_a_reply_before_the_acceptance_takes_the_warning_back(talking: World) -> None:
    warning = talking.warn()
    talking.receive("I am")
    assert talking.rows.canceled == {warning}
    talking.deliver(warning, 9)
    assert talking.phase is Phase.OPEN


def test_s7_a_warning_that_is_under_way_is_not_taken_back(talking: World) -> None:
    warning = talking.warn()
    talking.deliver(warning, 2)
    talking.receive("I am")
    assert talking.rows.canceled == set()
    talking.deliver(warning, ACCEPTED)
    assert talking.session.grace_end is None


def test_s7_a_reply_that_the_end_waited_for_keeps_the_session(graced: World) -> None:
    """Sent within the grace, while nothing of ours could take it."""
    session, sent = graced.session.id, graced.now
    graced.skip(minutes=10, seconds=20)
    graced.time_out(covered=timedelta(minutes=3))
    assert graced.phase is Phase.OPEN
    assert begun(graced.happen([graced.text("I am", receive_time=sent, fetched=True)])).session.id == session


@pytest.mark.parametrize(("short", "ended"), [(1, False), (0, True)])
def test_s8_without_a_reply_the_session_ends(graced: World, short: int, ended: bool) -> None:
    graced.skip(minutes=10, seconds=-short)
    graced.time_out()
    assert (graced.phase is Phase.CLOSED) is ended
    if ended:
        assert graced.last_session.end_reason is EndReason.INACTIVE
        assert graced.said[-1] == WARNING, "there is no closing text by default"
        assert graced.calls[0].turn.kind is TurnKind.END


def test_s8_the_closing_text_is_sent_with_the_end() -> None:
    world = World({"closing_text": "Bye for now", "grace": 60})
    world.answer(begun(world.receive("hello")), "Hi")
    world.deliver(world.warn(), ACCEPTED)
    world.skip(minutes=1)
    world.time_out()
    assert world.said == ["Hi", WARNING, "Bye for now"]
    assert world.rows.outbound[-1].kind is MessageKind.CLOSING
    world.come_to_rest()
    assert world.said[-1] == "Bye for now", "what end(conv) says is dropped"


@pytest.mark.parametrize("state", [6, 9, 10, 11])
def test_s8_a_warning_that_cannot_be_sent_ends_the_session_without_a_closing_text(state: int) -> None:
    world = World({"closing_text": "Bye for now"})
    world.answer(begun(world.receive("hello")), "Hi")
    world.deliver(world.warn(), state)
    assert world.last_session.end_reason is EndReason.INACTIVE
    assert world.said == ["Hi", WARNING]


@pytest.mark.parametrize("state", [4, 5, 7])
def test_s8_what_became_of_an_accepted_warning_does_not_matter(talking: World, state: int) -> None:
    talking.deliver(talking.warn(), state)
    assert talking.session.grace_end == talking.people_now + timedelta(minutes=10)


def test_s8_a_warning_that_is_refused_because_of_an_opt_out_ends_the_session_as_opted_out(talking: World) -> None:
    talking.deliver(talking.warn(), 8)
    assert talking.last_session.end_reason is EndReason.OPTED_OUT


def test_s8_so_it_does_where_the_rules_hear_of_it_late(talking: World) -> None:
    talking.deliver(talking.warn(), 8, dies=True)
    talking.skip_to_due()
    talking.time_out()
    assert talking.last_session.end_reason is EndReason.OPTED_OUT


@pytest.mark.parametrize("covered", [None, timedelta(seconds=1)])
def test_s8_a_session_is_not_ended_before_the_providers_list_covers_its_grace(
    graced: World, covered: timedelta | None
) -> None:
    graced.skip(minutes=10)
    graced.time_out(covered=covered)
    assert graced.session.due_time == graced.session.grace_end, "it comes up again as soon as the list reaches it"
    assert graced.last_decision
    assert graced.last_decision.sessions == (), "what waits for the list is not written again and again"
    graced.time_out()
    assert graced.last_session.end_reason is EndReason.INACTIVE


def test_s8_a_warning_of_which_nothing_is_known_ends_nothing(talking: World) -> None:
    talking.warn()
    talking.skip(days=3)
    talking.time_out()
    assert talking.phase is Phase.OPEN
    assert talking.session.due_time == talking.people_now + PROTOCOL.look_again


def test_s8_a_reply_after_the_end_opens_a_session(graced: World) -> None:
    first = graced.session.id
    graced.skip(minutes=10)
    graced.time_out()
    graced.answer(graced.calls[0])
    assert begun(graced.receive("hello?")).session.id != first


def test_s8_on_web_chat_the_grace_begins_with_the_warning_and_no_list_is_waited_for() -> None:
    world = World(channel=WEB_CHAT)
    world.answer(begun(world.receive("hello")), "Hi")
    world.warn()
    assert world.session.grace_end == world.people_now + timedelta(minutes=10)
    world.skip(minutes=10)
    world.time_out(covered=None)
    assert world.last_session.end_reason is EndReason.INACTIVE


def test_a_session_that_is_not_due_is_left_alone(talking: World) -> None:
    before = talking.thread
    talking.time_out()
    assert talking.thread == before


def test_a_hand_off_takes_the_warning_back(talking: World) -> None:
    warning = talking.warn()
    talking.hand_off(HandOff("desk"))
    assert talking.rows.canceled == {warning}
    assert (talking.session.warning_id, talking.session.due_time) == (None, None)


def test_the_day_starts_again_when_the_agent_has_the_session_back(talking: World) -> None:
    talking.hand_off()
    talking.skip(days=5)
    talking.resume()
    assert talking.session.due_time == talking.people_now + timedelta(hours=24)
    talking.time_out()
    assert WARNING not in talking.said


def test_an_end_by_request_takes_the_warning_back(talking: World) -> None:
    warning = talking.warn()
    talking.end()
    assert talking.rows.canceled == {warning}
