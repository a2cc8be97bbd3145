"""What agent.yaml may say, and what it means. Reports everything that is wrong with a file at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from parley_agent.domain.greeting import Greetings

GREETING_MODES = ("greet", "answer", "greet_and_answer")
LONGEST_TEXT = 1600
LONGEST_SETTLE = 5.0
LONGEST_TURN = 300.0

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
FILE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.py")
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0}

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Profile:
    """An agent's settings. None and "" stand for what the file leaves to Parley's defaults."""

    name: str
    file: str = "agent.py"
    """The Python file with start(conv), respond(conv, message) and end(conv)."""
    greetings: Greetings = field(default_factory=Greetings)
    greeting_mode: str = ""
    settle: float | None = None
    """Seconds."""
    fallback_text: str = ""
    turn_timeout: float = LONGEST_TURN
    """Seconds: how long a turn may take, whatever its caller allows."""


class InvalidAgent(Exception):
    """An agent directory that cannot be served. Each problem names the file, the key and the fix."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def parse_profile(document: object, file: str, default_name: str) -> Profile:
    """The settings in `document`, a parsed agent.yaml. `file` names it in problems. Raises InvalidAgent."""
    problems: list[str] = []
    top = _Section(document, file, "", problems)
    sms = _Section(top.take("sms", _any, None), file, "sms.", problems)
    limits = _Section(top.take("limits", _any, None), file, "limits.", problems)
    profile = Profile(
        name=top.take("name", _name, None) or _default_name(default_name, file, problems),
        file=top.take("file", _file, "agent.py"),
        greetings=Greetings(top.take("greeting_text", _text, ""), sms.take("greeting_text", _text, "")),
        greeting_mode=top.take("greeting", _greeting_mode, ""),
        settle=top.take("settle", _settle, None),
        fallback_text=top.take("fallback_text", _text, ""),
        turn_timeout=limits.take("turn_timeout", _turn_timeout, LONGEST_TURN),
    )
    for section in (top, sms, limits):
        section.refuse_the_rest()
    if problems:
        raise InvalidAgent(problems)
    return profile


class _Section:
    """A mapping of the file, read key by key; what is wrong goes into `problems`."""

    def __init__(self, values: object, file: str, path: str, problems: list[str]) -> None:
        self._file, self._path, self._problems = file, path, problems
        self._known: list[str] = []
        self._values: Mapping[Any, Any] = {}
        if isinstance(values, Mapping):
            self._values = values
        elif values is not None:
            self._problem(path.rstrip("."), "must be a mapping of keys to values")

    def take(self, key: str, parse: Callable[[Any], ValueT], default: Any) -> Any:
        self._known.append(key)
        if self._values.get(key) is None:
            return default
        try:
            return parse(self._values[key])
        except ValueError as error:
            self._problem(self._path + key, str(error))
            return default

    def refuse_the_rest(self) -> None:
        for key in self._values:
            if key not in self._known:
                self._problem(f"{self._path}{key}", f"is not a key: use {', '.join(self._known)}")

    def _problem(self, key: str, text: str) -> None:
        self._problems.append(f"{self._file}: {key} {text}" if key else f"{self._file}: {text}")


def _any(value: object) -> object:
    return value


def _name(value: object) -> str:
    if isinstance(value, str) and NAME.fullmatch(value):
        return value
    raise ValueError("must be lower-case letters, digits, - and _, beginning with a letter, e.g. front_desk")


def _default_name(name: str, file: str, problems: list[str]) -> str:
    if not NAME.fullmatch(name):
        problems.append(f"{file}: name is missing, and the directory's name cannot stand for it: set e.g. front_desk")
    return name


def _file(value: object) -> str:
    if isinstance(value, str) and FILE.fullmatch(value):
        return value
    raise ValueError("must be the name of a Python file in this directory, e.g. agent.py")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text: put it in quotes")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"has {len(value)} characters and {LONGEST_TEXT} are allowed: shorten it")
    return value.strip()


def _greeting_mode(value: object) -> str:
    if isinstance(value, str) and value in GREETING_MODES:
        return value
    raise ValueError(f"must be one of {', '.join(GREETING_MODES)}; the text of a greeting goes into greeting_text")


def _settle(value: object) -> float:
    seconds = _duration(value)
    if seconds > LONGEST_SETTLE:
        raise ValueError('must be from "0s" to "5s"')
    return seconds


def _turn_timeout(value: object) -> float:
    seconds = _duration(value)
    if not 0 < seconds <= LONGEST_TURN:
        raise ValueError('must be from "1ms" to "5m"')
    return seconds


def _duration(value: object) -> float:
    """Seconds. Raises ValueError."""
    matched = DURATION.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        raise ValueError('must be a number with its unit, e.g. "500ms", "2s" or "1m"')
    return float(matched[1]) * SECONDS[matched[2]]
