"""What Parley does about a session in which nobody says anything, for a chat that has no stack and no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from parley_agent.domain.agent_yaml import SessionSettings
from parley_session.domain.settings import DEFAULTS


@dataclass(frozen=True, slots=True)
class Terms:
    """What the agent wishes for, or else what holds for everybody. No `inactive_after`: never."""

    inactive_after: timedelta
    grace: timedelta
    warning_text: str
    closing_text: str

    @classmethod
    def of(cls, wishes: SessionSettings) -> Terms:
        return cls(
            _duration(wishes.inactive_after, DEFAULTS.inactive_after),
            _duration(wishes.grace, DEFAULTS.grace),
            _wished(wishes.warning_text, DEFAULTS.warning_text),
            _wished(wishes.closing_text, DEFAULTS.closing_text),
        )


@dataclass(frozen=True, slots=True)
class Warned:
    after: timedelta
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """`text` is the closing text, or empty."""

    after: timedelta
    text: str


class Silence:
    """The time since anybody has said something in a session that the participant has written in."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._passed = timedelta(0)
        self.is_warned = False

    def end(self) -> None:
        """Somebody has said something."""
        self._passed, self.is_warned = timedelta(0), False

    def last(self, duration: timedelta) -> Iterator[Warned | Ended]:
        """It lasts so much longer; what happens meanwhile."""
        terms = self.terms
        self._passed += duration
        if not terms.inactive_after:
            return
        if not self.is_warned and self._passed >= terms.inactive_after:
            self.is_warned = True
            yield Warned(terms.inactive_after, terms.warning_text)
        if self.is_warned and self._passed >= terms.inactive_after + terms.grace:
            self.end()
            yield Ended(terms.grace, terms.closing_text)

    @property
    def next_in(self) -> timedelta | None:
        """How long it is until something happens; None for never."""
        terms = self.terms
        if not terms.inactive_after:
            return None
        due = terms.inactive_after + (terms.grace if self.is_warned else timedelta(0))
        return due - self._passed


def _duration(seconds: float | None, default: timedelta) -> timedelta:
    return default if seconds is None else timedelta(seconds=seconds)


def _wished(text: str | None, default: str) -> str:
    return default if text is None else text
