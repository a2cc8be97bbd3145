"""The values that the rules work on: a thread with its open session, its turn and the texts that wait.

All frozen: a decision returns new ones. Ids are UUIDs as text; positions and seqs count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, IntEnum


class Phase(Enum):
    """Where a thread stands. Derived from its session and its turn, never stored."""

    CLOSED = "closed"
    """No open session, no turn."""
    IDLE = "idle"
    """An open session, no turn."""
    WAITING = "waiting"
    """An open session; a turn waits for its moment (a settling burst, a back-off, a free slot)."""
    RUNNING = "running"
    """An open session; a turn is claimed: its input is fixed and the agent may be at work."""
    END_WAITING = "end_waiting"
    """The session has ended; its end(conv) waits."""
    END_RUNNING = "end_running"
    """The session has ended; its end(conv) is claimed."""


class TurnKind(IntEnum):
    """Numbers are stored."""

    START = 1
    MESSAGE = 2
    END = 3


class Greeting(IntEnum):
    """Numbers are stored, and are those of the agent contract."""

    GREET = 1
    ANSWER = 2
    GREET_AND_ANSWER = 3


class EndReason(IntEnum):
    """Numbers are stored, and are those of the session API."""

    ENDED_BY_AGENT = 1


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How an agent wants its sessions treated; pinned when a session opens."""

    greeting: Greeting = Greeting.GREET
    settle: timedelta = timedelta(0)
    fallback_text: str = "Sorry, something went wrong. Please try again in a moment."


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session opened now would be pinned to: the number's agent."""

    agent: str
    settings: AgentSettings


@dataclass(frozen=True, slots=True)
class Text:
    """An inbound text that no committed turn has taken."""

    position: int
    text: str = field(repr=False)
    media_urls: tuple[str, ...] = field(default=(), repr=False)
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    agent: str
    settings: AgentSettings
    first_position: int
    """Position of the session's first message: where its history begins."""
    started: bool = False
    """Whether the agent's start() is part of a committed turn."""
    state: str = field(default="", repr=False)
    """What the agent remembers: opaque JSON."""
    end_reason: EndReason | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of the agent, from its planning to its commit."""

    id: str
    session_id: str
    kind: TurnKind
    wake_time: datetime
    """When somebody must look at it: its moment while it waits, the end of its lease while it runs."""
    claimed: bool = False
    fence: int = 0
    """Raised by each claim; a commit with an older one loses."""
    attempt: int = 0
    """Calls of the agent that were delivered, this one included."""
    first_position: int = 0
    last_position: int = 0
    """The inbound positions that the first claim fixed as input; 0 before it."""
    away_since: datetime | None = None
    """When the agent was first found away, where it has not answered since."""
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Thread:
    id: str
    channel: int
    endpoint: str = field(repr=False)
    participant: str = field(repr=False)
    last_position: int = 0
    last_inbound: int = 0
    """Position of the newest inbound message that a turn may take."""
    taken: int = 0
    """Position up to which committed turns have taken inbound messages."""
    last_seq: int = 0
    session: Session | None = None
    """The open session, or the ended one whose end(conv) has not run."""
    turn: Turn | None = None
    waiting: tuple[Text, ...] = ()
    """Inbound texts above `taken`, oldest first; at most the first TURN_TEXTS of them."""
    opening: Opening | None = None

    @property
    def phase(self) -> Phase:
        if self.session is None:
            return Phase.CLOSED
        if self.turn is None:
            return Phase.CLOSED if self.session.end_reason else Phase.IDLE
        if self.session.end_reason:
            return Phase.END_RUNNING if self.turn.claimed else Phase.END_WAITING
        return Phase.RUNNING if self.turn.claimed else Phase.WAITING
