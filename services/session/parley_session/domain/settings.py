"""How sessions are treated: what an agent or a number may wish for, within which bounds, and what holds by default.

A wish is a JSON value under a setting's name; durations are seconds. A session is pinned to the wishes that were in
force when it opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any

Wishes = Mapping[str, Any]

LONGEST_TEXT = 1600
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


class Greeting(IntEnum):
    """Numbers are stored, and are those of the agent contract."""

    GREET = 1
    ANSWER = 2
    GREET_AND_ANSWER = 3


class OnOpenSession(IntEnum):
    """Numbers are stored, and are those of the agent contract."""

    SUPERSEDE = 1
    JOIN = 2
    REJECT = 3


@dataclass(frozen=True, slots=True)
class SessionSettings:
    greeting: Greeting = Greeting.GREET
    settle: timedelta = timedelta(0)
    fallback_text: str = "Sorry, something went wrong. Please try again in a moment."
    on_open_session: OnOpenSession = OnOpenSession.SUPERSEDE
    inactive_after: timedelta = timedelta(hours=24)
    """Silence before the warning; zero for no warning and no end."""
    grace: timedelta = timedelta(minutes=10)
    warning_text: str = "Are you still there? Reply within 10 minutes to keep this conversation open."
    closing_text: str = ""
    unengaged_ttl: timedelta = timedelta(days=30)
    text_limit: int = 10
    """In a minute; zero for no limit, here and below."""
    repeat_limit: int = 5
    """In five minutes."""
    turn_limit: int = 30
    """In ten minutes."""
    validity: timedelta = timedelta(hours=4)
    """For how long a text may still be sent and delivered."""


DEFAULTS = SessionSettings()


def resolve(agent: Wishes, number: Wishes) -> Wishes:
    """The wishes that hold for a session of both: the number's over the agent's."""
    return {**agent, **number}


def settings_of(wishes: Wishes) -> SessionSettings:
    """Wishes that `problems` finds nothing wrong with, on top of the defaults.

    What a newer version has stored and this one does not know counts as no wish: its session must go on.
    """
    if not wishes:
        return DEFAULTS
    known = {}
    for name, value in wishes.items():
        with suppress(KeyError, ValueError):
            known[name] = _RULES[name].read(value)
    return SessionSettings(**known)


def problems(wishes: Wishes) -> list[tuple[str, str]]:
    """What is wrong with which wish: (name, what to write)."""
    return [(name, _RULES[name].fix) for name, value in wishes.items() if not _RULES[name].fits(value)]


@dataclass(frozen=True, slots=True)
class _Rule:
    fits: Callable[[Any], bool]
    read: Callable[[Any], Any]
    fix: str


def _duration(least: float, most: float, fix: str, *, or_zero: bool = False) -> _Rule:
    return _Rule(
        lambda value: least <= value <= most or (or_zero and value == 0), lambda value: timedelta(seconds=value), fix
    )


def _text(*, required: bool) -> _Rule:
    least = "1 to" if required else "at most"
    return _Rule(
        lambda value: len(value) <= LONGEST_TEXT and "\x00" not in value and bool(value.strip() or not required),
        str,
        f"write {least} {LONGEST_TEXT} characters",
    )


def _count(most: int) -> _Rule:
    return _Rule(lambda value: 0 <= value <= most, int, f"write 0 to {most}; 0 for no limit")


_RULES: Mapping[str, _Rule] = {
    "greeting": _Rule(lambda value: value in set(Greeting), Greeting, "write greet, answer or greet_and_answer"),
    "settle": _duration(0, 5, "write 0 to 5 seconds"),
    "fallback_text": _text(required=True),
    "on_open_session": _Rule(
        lambda value: value in set(OnOpenSession), OnOpenSession, "write supersede, join or reject"
    ),
    "inactive_after": _duration(MINUTE, 30 * DAY, "write 1 minute to 30 days, or 0 for never", or_zero=True),
    "grace": _duration(MINUTE, DAY, "write 1 minute to 24 hours"),
    "warning_text": _text(required=True),
    "closing_text": _text(required=False),
    "unengaged_ttl": _duration(MINUTE, 365 * DAY, "write 1 minute to 365 days"),
    "text_limit": _count(1000),
    "repeat_limit": _count(100),
    "turn_limit": _count(1000),
    "validity": _duration(MINUTE, 10 * HOUR, "write 1 minute to 10 hours"),
}
