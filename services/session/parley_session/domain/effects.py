"""What a decision asks for, as data. The unit of work commits the rows; what follows a commit is done after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from parley_session.domain.events import Request
from parley_session.domain.opt_out import OptOut
from parley_session.domain.thread import Session, Text, Thread, Turn


class TurnOutcome(IntEnum):
    """How a turn was committed. Numbers are stored."""

    ANSWERED = 1
    FALLBACK = 2
    """Three attempts failed, or the agent was away too long: the fallback text was sent."""
    DROPPED = 3
    """Its session ended, or went to people, before it was answered: it took nothing."""


class MessageKind(IntEnum):
    """What an outbound message is. Numbers are stored, and are those of the session API."""

    REPLY = 1
    FALLBACK = 2
    OPENING = 3
    WARNING = 4
    CLOSING = 5
    PERSON = 6


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
    ignore_reason: str = ""


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A text to store, and on SMS to hand to the notifier."""

    id: str
    session_id: str
    turn_id: str | None
    position: int
    seq: int
    text: str = field(repr=False)
    kind: MessageKind = MessageKind.REPLY
    traceparent: str = ""
    at_most_once: bool = False
    """Rather not sent at all than perhaps twice."""
    expire_time: datetime | None = None
    """When it is of no use any more, on the real clock."""


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
class Ignore:
    """Messages stored earlier, from `first` to `last` position, that no agent will be given after all."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """A caller's request, with what it has brought about."""

    request: Request
    session_id: str
    message_id: str


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
    ignore: tuple[Ignore, ...] = ()
    cancel: tuple[str, ...] = ()
    """Messages that must not be sent any more, if they are not under way."""
    cancel_all: bool = False
    """So must nothing of the thread that was committed before."""
    opt_out_changed: bool = False
    done: tuple[Done, ...] = ()
    corrections: tuple[OptOut, ...] = ()
    """What the thread's opt-out was on the way, each time that something was taken back to an earlier moment: only
    after it does what was said between the two count again."""
