"""How fast a participant may text: windows at their edges, and the same counts as a plain look at everything said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_session.domain.pace import AT_REST, MOST_KEPT, Pace
from parley_session.domain.settings import SessionSettings

NOON = 1_893_499_200_000
TEXTS_ONLY = SessionSettings(text_limit=3, repeat_limit=0, turn_limit=0)
REPEATS_ONLY = SessionSettings(text_limit=0, repeat_limit=3, turn_limit=0)
TURNS_ONLY = SessionSettings(text_limit=0, repeat_limit=0, turn_limit=3)


def heard(settings: SessionSettings, *said: tuple[str, float]) -> list[str]:
    """Why each text, said at so many seconds, is too much."""
    pace, reasons = AT_REST, []
    for text, second in said:
        pace, reason = pace.hear(text, (), NOON + round(second * 1000), settings)
        reasons.append(reason)
    return reasons


def planned(settings: SessionSettings, *seconds: float) -> Pace:
    pace = AT_REST
    for second in seconds:
        pace = pace.take_turn(NOON + round(second * 1000), settings)
    return pace


@pytest.mark.parametrize(("second", "reason"), [(59.999, "text_limit"), (60, "")])
def test_the_minute_of_the_text_limit(second: float, reason: str) -> None:
    assert heard(TEXTS_ONLY, ("a", 0), ("b", 1), ("c", 2), ("d", second)) == ["", "", "", reason]


def test_texts_over_the_limit_do_not_count() -> None:
    assert heard(TEXTS_ONLY, *((str(n), n) for n in range(60)), ("last", 60)) == [""] * 3 + ["text_limit"] * 57 + [""]


@pytest.mark.parametrize(("second", "reason"), [(299.999, "repeat_limit"), (300, "")])
def test_the_five_minutes_of_the_repeat_limit(second: float, reason: str) -> None:
    assert heard(REPEATS_ONLY, ("a", 0), ("a", 100), ("a", second)) == ["", "", reason]


@pytest.mark.parametrize(("second", "reason"), [(601.999, "repeat_limit"), (602, "")])
def test_the_ten_minutes_of_a_block(second: float, reason: str) -> None:
    said = [("a", 0), ("a", 1), ("a", 2), ("another", second)]
    assert heard(REPEATS_ONLY, *said) == ["", "", "repeat_limit", reason]


def test_a_block_begins_with_the_text_that_was_too_much() -> None:
    assert heard(REPEATS_ONLY, ("a", 0), ("a", 1), ("a", 2), ("another", 2))[-1] == "repeat_limit"
    assert heard(REPEATS_ONLY, ("a", 0), ("a", 1), ("a", 2), ("late", 1.999))[-1] == ""


def test_texts_of_a_block_do_not_prolong_it() -> None:
    said = [("a", 0), ("a", 1), ("a", 2), ("a", 500), ("a", 602)]
    assert heard(REPEATS_ONLY, *said) == ["", "", "repeat_limit", "repeat_limit", ""]


def test_other_texts_between_do_not_help() -> None:
    assert heard(REPEATS_ONLY, ("a", 0), ("b", 1), ("a", 2), ("c", 3), ("a", 4))[-1] == "repeat_limit"


def test_media_make_a_text_another() -> None:
    pace = AT_REST
    for url in ("one", "two", "three"):
        pace, reason = pace.hear("look", (f"https://media.example/{url}",), NOON, REPEATS_ONLY)
        assert reason == ""


def test_a_repeat_over_the_text_limit_begins_no_block() -> None:
    settings = SessionSettings(text_limit=2, repeat_limit=3, turn_limit=0)
    assert heard(settings, ("a", 0), ("a", 1), ("a", 2), ("b", 61)) == ["", "", "text_limit", ""]


def test_a_text_that_came_late_is_not_held_against_those_that_came_before_it() -> None:
    assert heard(TEXTS_ONLY, ("a", 100), ("b", 101), ("c", 102), ("late", 30), ("d", 103)) == [""] * 4 + ["text_limit"]
    assert heard(REPEATS_ONLY, ("a", 100), ("a", 101), ("a", 50)) == ["", "", ""]


def test_a_text_from_before_a_block_is_taken_and_the_block_goes_on() -> None:
    said = [("a", 100), ("a", 101), ("a", 102), ("late", 50), ("next", 103)]
    assert heard(REPEATS_ONLY, *said) == ["", "", "repeat_limit", "", "repeat_limit"]


def test_zero_is_no_limit() -> None:
    off = SessionSettings(text_limit=0, repeat_limit=0, turn_limit=0)
    assert set(heard(off, *(("a", 0) for _ in range(1200)))) == {""}
    assert AT_REST.hear("a", (), NOON, off) == (AT_REST, "")
    pace = planned(off, *range(100))
    assert (pace, pace.is_looping(NOON, off)) == (AT_REST, False)


@pytest.mark.parametrize(("second", "looping"), [(599.999, True), (600, False)])
def test_the_ten_minutes_of_the_turn_limit(second: float, looping: bool) -> None:
    pace = planned(TURNS_ONLY, 0, 1, 2)
    assert pace.is_looping(NOON + round(second * 1000), TURNS_ONLY) is looping


def test_fewer_turns_are_no_loop() -> None:
    assert not planned(TURNS_ONLY, 0, 1).is_looping(NOON + 2000, TURNS_ONLY)


@pytest.mark.parametrize(("limit", "looping"), [(1, True), (2, True), (5, True), (6, False), (0, False)])
def test_a_limit_that_was_changed_counts_what_was(limit: int, looping: bool) -> None:
    pace = planned(SessionSettings(turn_limit=30), *range(5))
    assert pace.is_looping(NOON + 5000, replace(TURNS_ONLY, turn_limit=limit)) is looping


def test_no_more_is_kept_than_the_highest_limit_needs() -> None:
    settings = SessionSettings(text_limit=MOST_KEPT, repeat_limit=0, turn_limit=MOST_KEPT)
    pace = planned(settings, *(number / 10 for number in range(MOST_KEPT + 5)))
    for number in range(MOST_KEPT + 5):
        pace, _ = pace.hear(str(number), (), NOON + number * 100, settings)
    assert len(pace.turns) == MOST_KEPT
    assert len(pace.texts) <= MOST_KEPT
    assert pace.is_looping(NOON + MOST_KEPT * 100, settings)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 900)), max_size=30))
def test_the_reasons_are_those_of_a_plain_count(said: list[tuple[str, int]]) -> None:
    settings = SessionSettings(text_limit=4, repeat_limit=3, turn_limit=0)
    said = sorted(said, key=lambda one: one[1])
    taken: list[tuple[str, int]] = []
    blocked_until, expected = 0, []
    for text, second in said:
        reason = ""
        if second < blocked_until:
            reason = "repeat_limit"
        elif sum(second - then < 60 for _, then in taken) >= 4:
            reason = "text_limit"
        elif sum(second - then < 300 and known == text for known, then in taken) >= 2:
            reason, blocked_until = "repeat_limit", second + 600
        if not reason:
            taken.append((text, second))
        expected.append(reason)
    assert heard(settings, *said) == expected
