"""What agents and numbers may wish for: each bound of each setting, what is wrong with a wish, and what holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from parley_session.domain.settings import (
    DAY,
    DEFAULTS,
    HOUR,
    LONGEST_TEXT,
    Greeting,
    OnOpenSession,
    SessionSettings,
    problems,
    resolve,
    settings_of,
)

GOOD: dict[str, list[Any]] = {
    "greeting": [1, 2, 3],
    "settle": [0, 0.25, 5],
    "fallback_text": ["x", "x" * LONGEST_TEXT],
    "on_open_session": [1, 2, 3],
    "inactive_after": [0, 60, HOUR, 30 * DAY],
    "grace": [60, 600, DAY],
    "warning_text": ["x", "x" * LONGEST_TEXT],
    "closing_text": ["", "x" * LONGEST_TEXT],
    "unengaged_ttl": [60, 365 * DAY],
    "text_limit": [0, 1, 1000],
    "repeat_limit": [0, 1, 100],
    "turn_limit": [0, 1, 1000],
    "validity": [60, 10 * HOUR],
}
BAD: dict[str, tuple[str, list[Any]]] = {
    "greeting": ("greet, answer or greet_and_answer", [0, 4]),
    "settle": ("0 to 5 seconds", [-0.001, 5.001]),
    "fallback_text": ("1 to 1600 characters", ["", " \n", "x" * (LONGEST_TEXT + 1), "a\x00b"]),
    "on_open_session": ("supersede, join or reject", [0, 4]),
    "inactive_after": ("1 minute to 30 days, or 0 for never", [-1, 0.5, 59.999, 30 * DAY + 1]),
    "grace": ("1 minute to 24 hours", [0, 59.999, DAY + 1]),
    "warning_text": ("1 to 1600 characters", ["", " ", "x" * (LONGEST_TEXT + 1), "\x00"]),
    "closing_text": ("at most 1600 characters", ["x" * (LONGEST_TEXT + 1), "\x00"]),
    "unengaged_ttl": ("1 minute to 365 days", [0, 59.999, 365 * DAY + 1]),
    "text_limit": ("0 to 1000; 0 for no limit", [-1, 1001]),
    "repeat_limit": ("0 to 100; 0 for no limit", [-1, 101]),
    "turn_limit": ("0 to 1000; 0 for no limit", [-1, 1001]),
    "validity": ("1 minute to 10 hours", [0, 59.999, 10 * HOUR + 1]),
}


def test_every_setting_can_be_wished_for() -> None:
    assert set(GOOD) == set(BAD) == set(SessionSettings.__slots__)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_a_wish_within_its_bounds_holds(name: str, value: Any) -> None:
    assert problems({name: value}) == []
    known = getattr(settings_of({name: value}), name)
    assert known == (timedelta(seconds=value) if isinstance(known, timedelta) else value)
    assert type(known) is type(getattr(DEFAULTS, name))


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (_, values) in BAD.items() for value in values])
def test_a_wish_out_of_its_bounds_is_named_with_what_to_write(name: str, value: Any) -> None:
    ((field, fix),) = problems({name: value})
    assert field == name
    assert BAD[name][0] in fix
    assert fix.startswith("write ")


def test_all_problems_are_told_at_once_and_good_wishes_are_none() -> None:
    assert [name for name, _ in problems({"settle": 6, "grace": 60, "text_limit": -1})] == ["settle", "text_limit"]
    assert problems({}) == []


def test_the_numbers_wish_holds_over_the_agents_and_the_agents_over_the_default() -> None:
    wishes = resolve({"settle": 1, "grace": 60}, {"grace": 120, "closing_text": "bye"})
    assert wishes == {"settle": 1, "grace": 120, "closing_text": "bye"}
    settings = settings_of(wishes)
    assert (settings.settle, settings.grace, settings.closing_text, settings.inactive_after) == (
        timedelta(seconds=1),
        timedelta(minutes=2),
        "bye",
        timedelta(hours=24),
    )


def test_a_wish_for_what_is_the_default_holds_over_the_agents() -> None:
    assert settings_of(resolve({"closing_text": "bye"}, {"closing_text": ""})).closing_text == ""


def test_without_wishes_the_defaults_hold() -> None:
    assert settings_of(resolve({}, {})) is DEFAULTS
    assert (DEFAULTS.greeting, DEFAULTS.on_open_session) == (Greeting.GREET, OnOpenSession.SUPERSEDE)
    assert (DEFAULTS.settle, DEFAULTS.inactive_after, DEFAULTS.grace, DEFAULTS.unengaged_ttl) == (
        timedelta(0),
        timedelta(hours=24),
        timedelta(minutes=10),
        timedelta(days=30),
    )
    assert (DEFAULTS.text_limit, DEFAULTS.repeat_limit, DEFAULTS.turn_limit) == (10, 5, 30)
    assert DEFAULTS.warning_text == "Are you still there? Reply within 10 minutes to keep this conversation open."
    assert DEFAULTS.closing_text == ""
    assert DEFAULTS.fallback_text == "Sorry, something went wrong. Please try again in a moment."


def test_a_wish_that_a_later_version_stored_is_passed_over() -> None:
    assert settings_of({"of_tomorrow": 1, "greeting": 9, "settle": 2}) == replace(DEFAULTS, settle=timedelta(seconds=2))
