"""What agent.yaml may say, and what it means. Reports everything that is wrong with a file at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from parley_agent.domain import yaml_values
from parley_agent.domain.greeting import Greetings

GREETING_MODES = ("greet", "answer", "greet_and_answer")
ON_OPEN_SESSION = ("supersede", "join", "reject")
LONGEST_TURN = 300.0
MODE_HINT = "; the text of a greeting goes into greeting_text"

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How the agent wants its sessions treated. None stands for what the file leaves to the session service.

    Durations in seconds.
    """

    greeting: str | None = None
    settle: float | None = None
    fallback_text: str | None = None
    on_open_session: str | None = None
    inactive_after: float | None = None
    """0: never."""
    grace: float | None = None
    warning_text: str | None = None
    closing_text: str | None = None
    """Empty: none."""
    unengaged_ttl: float | None = None
    text_limit: int | None = None
    """0: no limit, as for the other two."""
    repeat_limit: int | None = None
    turn_limit: int | None = None
    validity: float | None = None


PARSERS: Mapping[str, Callable[[object], object]] = {
    "greeting": yaml_values.one_of(GREETING_MODES, MODE_HINT),
    "settle": yaml_values.duration("0s", "5s"),
    "fallback_text": yaml_values.some_text,
    "on_open_session": yaml_values.one_of(ON_OPEN_SESSION),
    "inactive_after": yaml_values.duration("1m", "30d", or_zero="for never"),
    "grace": yaml_values.duration("1m", "24h"),
    "warning_text": yaml_values.some_text,
    "closing_text": yaml_values.text,
    "unengaged_ttl": yaml_values.duration("1m", "365d"),
    "text_limit": yaml_values.whole(1000),
    "repeat_limit": yaml_values.whole(100),
    "turn_limit": yaml_values.whole(1000),
    "validity": yaml_values.duration("1m", "10h"),
}
"""The session settings by their key, which is also the field's name."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What an agent's file says, with what it leaves to the agent service filled in."""

    name: str
    file: str = "agent.py"
    """The Python file with start(conv), respond(conv, message) and end(conv)."""
    greetings: Greetings = field(default_factory=Greetings)
    sessions: SessionSettings = field(default_factory=SessionSettings)
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
    sms = _Section(top.take("sms", yaml_values.anything, None), file, "sms.", problems)
    limits = _Section(top.take("limits", yaml_values.anything, None), file, "limits.", problems)
    profile = Profile(
        name=top.take("name", yaml_values.name, None) or _default_name(default_name, file, problems),
        file=top.take("file", yaml_values.python_file, "agent.py"),
        greetings=Greetings(
            top.take("greeting_text", yaml_values.text, ""), sms.take("greeting_text", yaml_values.text, "")
        ),
        sessions=SessionSettings(**{key: top.take(key, parse, None) for key, parse in PARSERS.items()}),
        turn_timeout=limits.take("turn_timeout", yaml_values.duration("1ms", "5m"), LONGEST_TURN),
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


def _default_name(name: str, file: str, problems: list[str]) -> str:
    if not yaml_values.NAME.fullmatch(name):
        problems.append(f"{file}: name is missing, and the directory's name cannot stand for it: set e.g. front_desk")
    return name
