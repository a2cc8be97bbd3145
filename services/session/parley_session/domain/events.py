"""What can happen to a thread, and the conditions under which it is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Receive:
    """A participant's text arrived."""

    source_id: str
    text: str = field(repr=False)
    media_urls: tuple[str, ...] = field(default=(), repr=False)
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Wake:
    """The turn's wake_time has come: its moment, or the end of its lease."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The agent ran the turn."""

    turn_id: str
    fence: int
    replies: tuple[str, ...] = field(default=(), repr=False)
    state: str = field(default="", repr=False)
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """The agent was called and did not run the turn."""

    turn_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class Absence:
    """The agent could not be called."""

    turn_id: str
    fence: int


Event = Receive | Wake | Answer | Failure | Absence


@dataclass(frozen=True, slots=True)
class Protocol:
    """The durations and counts of the turn protocol."""

    lease: timedelta = timedelta(seconds=20)
    attempts: int = 3
    away_limit: timedelta = timedelta(seconds=60)
    """How long an agent may be away before the fallback text is sent."""
    first_pause: timedelta = timedelta(milliseconds=250)
    """Before a second attempt; doubles for the third."""
    longest_pause: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Context:
    """`now` is the database's time, read under the thread's lock."""

    now: datetime
    new_id: Callable[[], str]
    may_claim: bool = True
    """Whether this process can run another turn. If not, whoever can will find the turn waiting."""
    protocol: Protocol = Protocol()
