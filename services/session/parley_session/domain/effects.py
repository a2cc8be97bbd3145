"""What a decision asks for, as data. The unit of work commits the rows; what follows a commit is done after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from parley_session.domain.thread import Session, Text, Thread, Turn


class TurnOutcome(IntEnum):
    """How a turn was committed. Numbers are stored."""

    ANSWERED = 1
    FALLBACK = 2
    """Three attempts failed, or the agent was away too long: the fallback text was sent."""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A text to store, with the id of the source that must not be stored twice."""

    id: str
    source_id: str
    session_id: str | None
    position: int
    text: str = field(repr=False)
    media_urls: tuple[str, ...] = field(default=(), repr=False)
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A text to store, and to hand to the notifier."""

    id: str
    session_id: str
    turn_id: str
    position: int
    seq: int
    text: str = field(repr=False)
    fallback: bool = False
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class TurnChange:
    """A turn to write. `outcome` is set once, when it is committed; it is open until then."""

    turn: Turn
    outcome: TurnOutcome | None = None


@dataclass(frozen=True, slots=True)
class RunTurn:
    """After the commit: call the agent with exactly this input, unless somebody claims the turn after us."""

    thread: Thread
    session: Session
    turn: Turn
    texts: tuple[Text, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """The thread as it is from now on, and what to write and do for it."""

    thread: Thread
    inbound: tuple[InboundMessage, ...] = ()
    outbound: tuple[OutboundMessage, ...] = ()
    sessions: tuple[Session, ...] = ()
    turns: tuple[TurnChange, ...] = ()
    """A committed turn stands before the one that follows it: a thread has one open turn at a time."""
    attach: str | None = None
    """Session that waiting messages stored earlier now belong to."""
    run: RunTurn | None = None
