"""The session rule S10: STOP, START and HELP, in whatever order and by whatever way they become known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from parley_session.domain.decide import Refused
from parley_session.domain.effects import TurnOutcome
from parley_session.domain.events import Confirm
from parley_session.domain.keywords import Keyword, KeywordMode
from parley_session.domain.machine import LateResult
from parley_session.domain.opt_out import NEVER_SAID
from parley_session.domain.thread import EndReason, Phase, TurnKind, TurnPhase
from tests.unit.session.promises import Register
from tests.unit.session.world import World, begun, texts

SUPPRESSED = 8


def talking_at(register: Register) -> World:
    world = World(register=register)
    world.answer(begun(world.receive("hello")), "Hi, who is this?")
    return world


def say(world: World, text: str, ago: float = 0, stated: Keyword | None = None) -> None:
    """A keyword, said so many seconds ago."""
    world.happen([world.text(text, stated=stated, receive_time=world.now - timedelta(seconds=ago))])


# ---- STOP, START, HELP


@pytest.mark.parametrize("word", ["STOP", "Stop.", " quit\n"])
def test_s10_stop_ends_the_session_and_says_nothing(talking: World, word: str) -> None:
    assert begun(talking.receive(word)).turn.kind is TurnKind.END
    assert talking.last_session.end_reason is EndReason.OPTED_OUT
    assert talking.said == ["Hi, who is this?"]
    assert talking.ignored == {word: "stop"}
    assert talking.opt_out.opted_out


def test_s10_stop_cancels_what_is_not_yet_sent(talking: World) -> None:
    talking.answer(begun(talking.receive("me")), "one", "two")
    first, second, third = talking.rows.outbound
    talking.deliver(first.id, 4)
    talking.deliver(second.id, 2)
    talking.receive("STOP")
    assert talking.rows.canceled == {second.id, third.id}, "the notifier knows what is under way"


def test_s10_stop_cancels_what_an_ended_session_has_not_yet_sent(talking: World) -> None:
    talking.answer(begun(talking.answer(begun(talking.receive("bye")), "Bye!", hang_up=True)))
    talking.receive("STOP")
    assert talking.rows.canceled == {message.id for message in talking.rows.outbound}


def test_s10_stop_drops_the_turn_that_runs_and_refuses_its_answer(talking: World) -> None:
    run = begun(talking.receive("me"))
    talking.receive("STOP")
    with pytest.raises(LateResult):
        talking.answer(run, "too late")
    assert talking.ignored == {"me": "opted_out", "STOP": "stop"}


def test_s10_stop_drops_a_turn_that_waits() -> None:
    world = World({"settle": 5})
    world.receive("hello")
    world.receive("STOP")
    assert (world.turn_phase, world.phase) == (TurnPhase.NONE, Phase.CLOSED)
    assert list(world.rows.outcomes.values()) == [TurnOutcome.DROPPED]


def test_s10_the_texts_around_a_stop_are_ignored(talking: World) -> None:
    talking.receive("before", "STOP", "after")
    assert talking.ignored == {"before": "opted_out", "STOP": "stop", "after": "opted_out"}


def test_s10_stop_ignores_the_texts_that_wait_for_the_next_session(talking: World) -> None:
    end = begun(talking.end())
    talking.receive("wait")
    talking.receive("STOP")
    assert talking.answer(end) is None
    assert talking.ignored == {"wait": "opted_out", "STOP": "stop"}


def test_s10_stop_ends_a_session_that_people_have(talking: World) -> None:
    talking.hand_off()
    talking.receive("STOP")
    assert talking.last_session.end_reason is EndReason.OPTED_OUT


def test_s10_a_first_stop_opens_no_session(world: World) -> None:
    assert world.receive("STOP") is None
    assert (world.rows.sessions, world.opt_out.opted_out) == ({}, True)


def test_s10_texts_of_who_has_opted_out_are_stored_and_ignored(talking: World) -> None:
    talking.answer(begun(talking.receive("STOP")))
    assert talking.receive("hello?") is None
    assert talking.ignored["hello?"] == "opted_out"
    assert talking.phase is Phase.CLOSED


def test_s10_end_runs_for_who_has_opted_out_and_says_nothing(talking: World) -> None:
    talking.answer(begun(talking.receive("STOP")), "We are sorry to see you go", state='{"n":1}')
    assert talking.said == ["Hi, who is this?"]
    assert talking.last_session.state == '{"n":1}'


def test_s10_start_clears_the_opt_out_and_opens_no_session(talking: World) -> None:
    talking.answer(begun(talking.receive("STOP")))
    talking.advance(1)
    assert talking.receive("START") is None
    assert (talking.opt_out.opted_out, talking.phase) == (False, Phase.CLOSED)
    assert begun(talking.receive("hello")).turn.kind is TurnKind.START


def test_s10_a_text_behind_a_start_is_answered(talking: World) -> None:
    talking.answer(begun(talking.receive("STOP")))
    talking.advance(1)
    assert texts(talking.receive("START", "hello")) == ["hello"]


def test_s10_a_text_between_stop_and_start_is_not(talking: World) -> None:
    moment = talking.now + timedelta(seconds=1)
    stop, lost, kept = talking.text("STOP"), talking.text("lost"), talking.text("kept")
    talking.happen([stop, lost, talking.text("START", receive_time=moment), kept])
    talking.come_to_rest()
    assert talking.ignored == {"STOP": "stop", "lost": "opted_out", "START": "start"}
    assert talking.said[-1] == "at last"


def test_s10_a_clock_that_is_far_ahead_says_nothing_that_nobody_could_take_back(talking: World) -> None:
    talking.happen([talking.text("STOP", receive_time=talking.now + timedelta(days=1))])
    assert talking.opt_out.stop_time == talking.now


def test_s10_yes_from_who_has_opted_out_is_a_start(talking: World) -> None:
    talking.answer(begun(talking.receive("STOP")))
    talking.advance(1)
    assert talking.receive("Yes") is None
    assert not talking.opt_out.opted_out


def test_s10_yes_is_an_ordinary_answer_otherwise(talking: World) -> None:
    assert texts(talking.receive("Yes")) == ["Yes"]


@pytest.mark.parametrize("word", ["HELP", "START"])
def test_s10_help_and_start_leave_the_session_as_it_is(talking: World, word: str) -> None:
    session = talking.session
    assert talking.receive(word) is None
    assert talking.session == session
    assert talking.ignored == {word: word.lower()}


def test_s10_help_of_who_has_opted_out_changes_nothing(talking: World) -> None:
    talking.receive("STOP")
    known = talking.opt_out
    talking.receive("HELP")
    assert talking.opt_out == known


def test_s10_keywords_do_not_wait_for_a_turn_and_do_not_begin_one(talking: World) -> None:
    run = begun(talking.receive("me"))
    assert talking.receive("HELP") is None
    assert talking.answer(run, "fine") is None


def test_s10_people_may_not_write_to_who_has_opted_out(talking: World) -> None:
    session = talking.session.id
    talking.receive("STOP")
    with pytest.raises(Refused) as caught:
        talking.send("please come back", session)
    assert caught.value.reason == "SESSION_ENDED"


# ---- the same, out of order


def test_s10_a_stop_that_comes_behind_the_start_said_after_it_changes_nothing(talking: World) -> None:
    say(talking, "START", ago=5)
    say(talking, "STOP", ago=10)
    assert (talking.opt_out.opted_out, talking.phase) == (False, Phase.OPEN)
    assert talking.ignored == {"START": "start", "STOP": "stop"}, "it is not for the agent all the same"


def test_s10_a_start_that_comes_behind_the_stop_said_after_it_changes_nothing(talking: World) -> None:
    say(talking, "STOP", ago=5)
    say(talking, "START", ago=10)
    assert talking.opt_out.opted_out
    assert talking.receive("hello?") is None


def test_s10_of_equal_moments_the_stop_counts(talking: World) -> None:
    say(talking, "START")
    say(talking, "STOP")
    assert talking.opt_out.opted_out
    say(talking, "START")
    assert talking.opt_out.opted_out


def test_s10_a_stop_that_is_fetched_late_ends_the_session(talking: World) -> None:
    say(talking, "STOP", ago=7200)
    assert talking.last_session.end_reason is EndReason.OPTED_OUT


def test_s10_a_stop_counts_however_old_it_is(talking: World) -> None:
    say(talking, "STOP", ago=3 * 86400)
    assert talking.opt_out.opted_out


def test_s10_the_providers_list_knows_better_when_a_stop_came(talking: World) -> None:
    stop = talking.text("STOP")
    talking.advance(-20)
    talking.receive("START")
    talking.advance(20)
    talking.happen([stop])
    assert talking.opt_out.opted_out, "its webhook came last"
    talking.receive_again(stop, talking.now - timedelta(seconds=40))
    assert not talking.opt_out.opted_out, "but it was said first"


def test_s10_the_providers_list_knows_better_when_a_start_came(talking: World) -> None:
    talking.answer(begun(talking.receive("STOP")))
    start = talking.text("START")
    talking.advance(5)
    talking.happen([start])
    talking.receive("hello")
    talking.receive_again(start, talking.now - timedelta(seconds=30))
    assert talking.opt_out.opted_out
    assert talking.last_session.end_reason is EndReason.OPTED_OUT
    assert talking.ignored["hello"] == "opted_out"


@pytest.mark.parametrize(("said_last", "between"), [("STOP", "START"), ("START", "STOP")])
def test_s10_what_gave_way_to_a_keyword_that_only_came_last_counts_again(
    talking: World, said_last: str, between: str
) -> None:
    """Its webhook took twelve seconds; the list shows that it was said first."""
    first, second, third = (talking.text(word) for word in (said_last, between, said_last))
    began = talking.now
    moments = [began + timedelta(seconds=at) for at in (0, 4, 8)]
    talking.advance(12)
    for text, moment in ((second, moments[1]), (third, moments[2]), (first, talking.now)):
        talking.happen([replace(text, receive_time=moment)])
    session = talking.thread.session
    talking.read_list(*zip((first, second, third), moments, strict=True))
    assert talking.opt_out.opted_out is (said_last == "STOP")
    assert talking.opt_out.event_time == moments[2]
    assert talking.thread.session == session, "that it gave way for a moment is nobody's business"


def test_s10_a_start_that_counts_again_leaves_the_session_that_followed_it_alone(talking: World) -> None:
    first, second, third = (talking.text(word) for word in ("START", "STOP", "START"))
    began = talking.now
    moments = [began + timedelta(seconds=at) for at in (0, 4, 8)]
    talking.advance(12)
    for text, moment in ((second, moments[1]), (third, moments[2]), (first, talking.now)):
        talking.happen([replace(text, receive_time=moment)])
    talking.come_to_rest()
    run = begun(talking.receive("hello again"))
    talking.read_list(*zip((first, second, third), moments, strict=True))
    talking.answer(run, "Hi")
    assert talking.said[-1] == "Hi"


def test_s10_a_yes_that_was_a_start_stays_one(talking: World) -> None:
    """It is no keyword any more when the list is read, since it has cleared the opt-out."""
    talking.answer(begun(talking.receive("STOP")))
    yes = talking.text("Yes")
    talking.advance(5)
    talking.happen([yes])
    talking.receive_again(yes, talking.now - timedelta(seconds=30))
    assert talking.opt_out.opted_out


def test_s10_a_better_moment_of_what_is_no_keyword_changes_nothing(talking: World) -> None:
    text = talking.text("hello")
    talking.happen([text])
    before = talking.thread
    talking.happen([Confirm(replace(text, receive_time=talking.now, fetched=True))])
    assert talking.thread == before
    assert talking.opt_out == NEVER_SAID


def test_s10_a_confirmation_without_a_moment_changes_nothing(talking: World) -> None:
    stop = talking.text("STOP")
    talking.happen([stop])
    known = talking.opt_out
    talking.advance(60)
    talking.happen([Confirm(stop)])
    assert talking.opt_out == known


# ---- what only the provider knows


def test_s10_a_refusal_of_the_provider_is_an_opt_out(talking: World) -> None:
    talking.answer(begun(talking.receive("me")), "one", "two")
    _, second, third = talking.rows.outbound
    talking.deliver(second.id, SUPPRESSED)
    assert talking.last_session.end_reason is EndReason.OPTED_OUT
    assert third.id in talking.rows.canceled
    assert talking.receive("hello?") is None


def test_s10_a_refusal_of_a_send_that_began_before_the_start_does_not_count(talking: World) -> None:
    began = talking.now
    talking.advance(1)
    talking.receive("START")
    talking.advance(1)
    talking.deliver(talking.rows.outbound[0].id, SUPPRESSED, began)
    assert (talking.opt_out.opted_out, talking.phase) == (False, Phase.OPEN)


def test_s10_a_refusal_of_a_send_that_began_after_the_start_does(talking: World) -> None:
    talking.receive("START")
    talking.advance(1)
    talking.deliver(talking.rows.outbound[0].id, SUPPRESSED, talking.now)
    assert talking.opt_out.opted_out


def test_s10_a_start_clears_a_refusal(talking: World) -> None:
    talking.deliver(talking.rows.outbound[0].id, SUPPRESSED)
    talking.advance(1)
    talking.receive("START")
    assert not talking.opt_out.opted_out


def test_s10_a_refusal_after_the_end_of_its_session_ends_the_one_that_followed(talking: World) -> None:
    message = talking.rows.outbound[0].id
    talking.answer(begun(talking.end()))
    talking.receive("hello again")
    talking.deliver(message, SUPPRESSED)
    assert talking.last_session.end_reason is EndReason.OPTED_OUT
    assert talking.ignored == {"hello again": "opted_out"}


def test_s10_on_a_toll_free_number_yes_is_no_start() -> None:
    world = talking_at(Register(toll_free=True))
    world.deliver(world.rows.outbound[0].id, SUPPRESSED)
    world.advance(1)
    world.receive("Yes")
    assert (world.opt_out.opted_out, world.ignored["Yes"]) == (True, "opted_out")
    world.receive("unstop!")
    assert not world.opt_out.opted_out


# ---- keyword modes


def test_s10_with_lists_of_the_customers_own_what_the_provider_says_counts() -> None:
    world = talking_at(Register(keywords=KeywordMode.ADVANCED))
    say(world, "ARRET", stated=Keyword.STOP)
    assert world.last_session.end_reason is EndReason.OPTED_OUT
    world.advance(1)
    say(world, "RETOUR", stated=Keyword.START)
    assert not world.opt_out.opted_out


@pytest.mark.parametrize(("mode", "word"), [(KeywordMode.ADVANCED, "QUIT"), (KeywordMode.NONE, "STOP")])
def test_s10_and_words_alone_do_not(mode: KeywordMode, word: str) -> None:
    assert texts(talking_at(Register(keywords=mode)).receive(word)) == [word]


def test_s10_a_fixed_word_that_is_found_in_the_list_counts_without_its_mark() -> None:
    world = talking_at(Register(keywords=KeywordMode.ADVANCED))
    say(world, "STOP")
    assert world.last_session.end_reason is EndReason.OPTED_OUT


def test_s10_what_the_provider_says_wins_over_the_words(talking: World) -> None:
    say(talking, "please stop texting me", stated=Keyword.STOP)
    assert talking.opt_out.opted_out
