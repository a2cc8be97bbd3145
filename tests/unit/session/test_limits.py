"""The limits: too many texts, the same text too often, too many turns; and texts that are never answered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from parley_session.domain.effects import TurnOutcome
from parley_session.domain.thread import WEB_CHAT, EndReason, Phase, TurnKind
from tests.unit.session.promises import Register
from tests.unit.session.world import NO_LIMITS, World, begun, texts


def reply(world: World, text: str) -> None:
    """One text and its answer."""
    world.answer(begun(world.receive(text)), "ok")


def test_ten_texts_in_a_minute_are_taken_and_the_eleventh_is_ignored(talking: World) -> None:
    run = begun(talking.receive("1"))
    talking.receive(*(str(number) for number in range(2, 11)))
    assert talking.ignored == {"10": "text_limit"}, "the text that opened the session was the first"
    assert texts(talking.answer(run)) == [str(number) for number in range(2, 10)]


def test_a_text_over_the_limit_is_no_activity(talking: World) -> None:
    talking.wishes = {"text_limit": 1}
    talking.answer(begun(talking.end()))
    talking.advance(60)
    reply(talking, "one")
    active = talking.thread.active_time
    talking.advance(59)
    talking.receive("two")
    assert (talking.ignored, talking.thread.active_time) == ({"two": "text_limit"}, active)
    talking.advance(1)
    assert texts(talking.receive("three")) == ["three"]


def test_keywords_are_not_counted_and_not_limited() -> None:
    world = World({"text_limit": 1})
    world.receive("HELP", "one", "HELP", "STOP")
    assert world.opt_out.opted_out


def test_the_same_text_for_the_fifth_time_blocks_the_participant_for_ten_minutes(world: World) -> None:
    for _ in range(4):
        reply(world, "hello")
        world.advance(70)
    world.receive("hello")
    world.advance(599)
    world.receive("another")
    assert world.ignored == {"hello": "repeat_limit", "another": "repeat_limit"}
    world.advance(1)
    assert texts(world.receive("hello")) == ["hello"]


def test_a_stop_is_heard_during_a_block() -> None:
    world = World({"repeat_limit": 2})
    world.receive("hello", "hello")
    world.receive("STOP")
    assert world.opt_out.opted_out


def test_a_text_that_came_late_is_counted_when_it_came(talking: World) -> None:
    talking.receive(*(str(number) for number in range(9)))
    late = talking.text("late", receive_time=talking.now - timedelta(minutes=10), fetched=True)
    talking.happen([late])
    talking.receive("too much")
    assert talking.ignored == {"too much": "text_limit"}


def test_thirty_turns_in_ten_minutes_end_a_session_as_loop() -> None:
    world = World({**NO_LIMITS, "turn_limit": 30})
    for number in range(30):
        reply(world, f"{number}")
        world.advance(10)
    end = begun(world.receive("one more"))
    assert end.turn.kind is TurnKind.END
    assert world.last_session.end_reason is EndReason.LOOP
    assert world.ignored == {"one more": "turn_limit"}
    assert world.said.count("ok") == len(world.said) == 30
    world.answer(end)
    world.receive("and another")
    assert world.ignored["and another"] == "turn_limit", "it opens no session while the limit is reached"
    world.advance(600)
    assert texts(world.receive("hello")) == ["hello"]


def test_texts_that_wait_when_a_session_loops_are_ignored() -> None:
    world = World({**NO_LIMITS, "turn_limit": 1})
    run = begun(world.receive("one"))
    world.receive("two", "three")
    assert begun(world.answer(run, "ok")).turn.kind is TurnKind.END
    assert world.last_session.end_reason is EndReason.LOOP
    assert world.ignored == {"two": "turn_limit", "three": "turn_limit"}


def test_the_turn_under_way_is_not_ended_by_the_limit() -> None:
    world = World({**NO_LIMITS, "turn_limit": 1})
    run = begun(world.receive("one"))
    world.receive("two")
    assert world.phase is Phase.OPEN
    world.answer(run, "ok")
    assert world.rows.outcomes[run.turn.id] is TurnOutcome.ANSWERED


def test_a_session_that_people_have_does_not_loop() -> None:
    world = World({**NO_LIMITS, "turn_limit": 1})
    reply(world, "one")
    world.hand_off()
    world.receive("two")
    assert (world.phase, world.ignored) == (Phase.HANDED_OFF, {"two": "handed_off"})


def test_a_limit_that_was_lowered_counts_the_turns_that_were() -> None:
    world = World({**NO_LIMITS, "turn_limit": 30})
    for number in range(5):
        reply(world, f"{number}")
    world.wishes = {**NO_LIMITS, "turn_limit": 3}
    assert texts(world.receive("the session keeps its settings")) != []
    world.answer(world.calls[0])
    world.answer(begun(world.end()))
    world.receive("the next one does not")
    assert world.ignored == {"the next one does not": "turn_limit"}


def test_a_session_of_ours_is_not_ended_by_the_texts_that_waited_when_it_opened() -> None:
    world = World({**NO_LIMITS, "turn_limit": 1})
    world.receive("one")
    world.start_session("your parcel is here")
    assert world.phase is Phase.OPEN
    assert world.ignored == {"one": "turn_limit"}


def test_without_limits_nothing_is_too_much() -> None:
    world = World(NO_LIMITS)
    for _ in range(50):
        reply(world, "same")
    assert world.ignored == {}


@pytest.mark.parametrize(("age", "taken"), [(86400, True), (86401, False)])
def test_texts_older_than_a_day_are_ignored(world: World, age: int, taken: bool) -> None:
    world.happen([world.text("late", receive_time=world.now - timedelta(seconds=age), fetched=True)])
    assert world.ignored == ({} if taken else {"late": "too_old"})


def test_the_age_of_a_text_is_real_time(world: World) -> None:
    world.skip(days=3)
    assert texts(world.happen([world.text("hello", receive_time=world.now)])) == ["hello"]


def test_texts_from_our_own_numbers_are_ignored() -> None:
    world = World(register=Register(from_our_number=True))
    assert world.receive("hello") is None
    assert world.ignored == {"hello": "own_number"}
    assert world.rows.sessions == {}


@pytest.mark.parametrize("sender", ["72727", "PARLEY", "+0155501", "+1", "", "+1555010000000000", "whatsapp:+15550111"])
def test_texts_without_a_reply_path_are_ignored(sender: str) -> None:
    world = World(participant=sender)
    assert world.receive("hello") is None
    assert world.ignored == {"hello": "no_reply_path"}


def test_a_visitor_of_web_chat_is_no_number_and_says_no_keywords() -> None:
    world = World(channel=WEB_CHAT, participant="visitor-1")
    assert texts(world.receive("STOP")) == ["STOP"]


def test_web_chat_is_limited_too() -> None:
    world = World({"text_limit": 1}, channel=WEB_CHAT, participant="visitor-1")
    world.receive("one", "two")
    assert world.ignored == {"two": "text_limit"}


def test_a_reply_on_web_chat_is_one_message_that_can_be_stored() -> None:
    world = World(channel=WEB_CHAT)
    world.answer(begun(world.receive("hello")), "long " * 1000, " ", "nul\x00")
    assert world.said == [("long " * 1000).strip(), "nul�"]
