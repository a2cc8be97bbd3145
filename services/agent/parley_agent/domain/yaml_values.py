"""The kinds of value that agent.yaml may hold. Each reads what YAML made of it, or raises ValueError with the fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from parley_agent.domain.texts import can_be_carried

LONGEST_TEXT = 1600

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
FILE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.py")
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def anything(value: object) -> object:
    return value


def name(value: object) -> str:
    if isinstance(value, str) and NAME.fullmatch(value):
        return value
    raise ValueError("must be lower-case letters, digits, - and _, beginning with a letter, e.g. front_desk")


def python_file(value: object) -> str:
    if isinstance(value, str) and FILE.fullmatch(value):
        return value
    raise ValueError("must be the name of a Python file in this directory, e.g. agent.py")


def text(value: object) -> str:
    """At most 1600 characters; blanks around it do not count."""
    if not isinstance(value, str):
        raise ValueError("must be a text: put it in quotes")
    if len(value.strip()) > LONGEST_TEXT:
        raise ValueError(f"has {len(value.strip())} characters and {LONGEST_TEXT} are allowed: shorten it")
    if not can_be_carried(value):
        raise ValueError("has a character that no message can carry (NUL or a lone surrogate): take it out")
    return value.strip()


def some_text(value: object) -> str:
    found = text(value)
    if not found:
        raise ValueError("is empty: write a text, or leave the key out for the default")
    return found


def one_of(choices: tuple[str, ...], hint: str = "") -> Callable[[object], str]:
    def parse(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise ValueError(f"must be one of {', '.join(choices)}{hint}")

    return parse


def whole(highest: int) -> Callable[[object], int]:
    """From 0 (no limit) to `highest`."""

    def parse(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest:
            return value
        raise ValueError(f"must be a whole number from 1 to {highest}, or 0 for no limit")

    return parse


def duration(lowest: str, highest: str, *, or_zero: str = "") -> Callable[[object], float]:
    """Seconds from `lowest` to `highest`, written as in the file; `or_zero` says what 0 means where it is allowed."""
    bounds = f'must be from "{lowest}" to "{highest}"{f", or 0 {or_zero}" if or_zero else ""}'

    def parse(value: object) -> float:
        seconds = _seconds(value)
        if not (_seconds(lowest) <= seconds <= _seconds(highest) or (or_zero and seconds == 0)):
            raise ValueError(bounds)
        return seconds

    return parse


def _seconds(value: object) -> float:
    if value == 0 and type(value) is int:
        return 0.0
    matched = DURATION.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        raise ValueError('must be a number with its unit, e.g. "500ms", "2s", "10m", "24h" or "30d"')
    return float(matched[1]) * SECONDS[matched[2]]
