"""The values that the rules work on: a thread with its sessions, its turn and the texts that wait.

All frozen: a decision returns new ones. Ids are UUIDs as text; positions and seqs count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum

from parley_session.domain.keywords import KeywordMode
from parley_session.domain.opt_out import NEVER_SAID, OptOut
from parley_session.domain.pace import AT_REST, Pace
from parley_session.domain.settings import DEFAULTS, SessionSettings, Wishes, settings_of

SMS, WEB_CHAT = 1, 2
"""Numbers of the channels that are served, as in all APIs."""


class Phase(Enum):
    """Where a thread's conversation stands. Derived from its session, never stored."""

    CLOSED = "closed"
    OPEN = "open"
    HANDED_OFF = "handed_off"
    """Open, and in the hands of people."""


class TurnPhase(Enum):
    """Where the thread's one open turn stands. Derived, never stored."""

    NONE = "none"
    WAITING = "waiting"
    """A turn waits for its moment (a settling burst, a back-off, a free slot)."""
    RUNNING = "running"
    """A turn is claimed: its input is fixed and the agent may be at work."""
    END_WAITING = "end_waiting"
    """The end(conv) of an ended session waits."""
    END_RUNNING = "end_running"


class TurnKind(IntEnum):
    """Numbers are stored."""

    START = 1
    MESSAGE = 2
    END = 3


class EndReason(IntEnum):
    """Numbers are stored, and are those of the session API."""

    ENDED_BY_AGENT = 1
    SUPERSEDED = 2
    INACTIVE = 3
    UNANSWERED = 4
    OPTED_OUT = 5
    ENDED_BY_REQUEST = 6
    LOOP = 7


@dataclass(frozen=True, slots=True)
class Opening:
    """What our side of the thread is: the agent that a session opened now would get, and the number's register."""

    agent: str
    wishes: Wishes = field(default_factory=dict)
    """What a session opened now would be pinned to."""
    scope: str = field(default="", repr=False)
    """What shares opt-outs with this number; empty for the number alone."""
    keywords: KeywordMode = KeywordMode.PROVIDER
    ingest_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """An inbound text that no committed turn has taken."""

    position: int
    text: str = field(repr=False)
    media_urls: tuple[str, ...] = field(default=(), repr=False)
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class HandOff:
    """What the agent, or who paused it, said to the people who take over."""

    destination: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    agent: str
    wishes: Wishes
    settings: SessionSettings
    """What `wishes` come to."""
    first_position: int
    """Position of the session's first message: where its history begins."""
    started: bool = False
    """Whether the agent's start() is part of a committed turn."""
    state: str = field(default="", repr=False)
    """What the agent remembers: opaque JSON."""
    end_reason: EndReason | None = None
    outbound: bool = False
    """Whether a text of ours opened it."""
    engaged: bool = False
    """Whether the participant has written in it."""
    hand_off: HandOff | None = None
    """Set while people have it."""
    warning_id: str | None = None
    """The message that warned of the end, until somebody writes."""
    grace_end: datetime | None = None
    """When the warning runs out; set once the provider has accepted it."""
    due_time: datetime | None = None
    """The earliest moment at which a rule may have to act. Early is harmless, late is not."""


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
    """Position up to which inbound messages have been taken by committed turns, or ignored."""
    last_seq: int = 0
    active_time: datetime | None = None
    """When somebody last wrote: the participant, the agent or a person. Warnings do not count."""
    pace: Pace = AT_REST
    session: Session | None = None
    """The open session."""
    endings: tuple[Session, ...] = ()
    """Ended sessions whose end(conv) has not run, in the order of their ends."""
    turn: Turn | None = None
    waiting: tuple[Text, ...] = ()
    """Inbound texts above `taken`, oldest first; at most the first TURN_TEXTS of them."""
    opening: Opening | None = None
    """None where our side is not registered (any more)."""
    opt_out: OptOut = NEVER_SAID
    warning_state: int = 0
    """What is known of the delivery of the session's warning: a number of the session API's DeliveryState."""
    from_our_number: bool = False
    """Whether the participant is one of our own numbers."""

    @property
    def phase(self) -> Phase:
        if self.session is None:
            return Phase.CLOSED
        return Phase.HANDED_OFF if self.session.hand_off else Phase.OPEN

    @property
    def turn_phase(self) -> TurnPhase:
        if self.turn is None:
            return TurnPhase.NONE
        if self.turn.kind is TurnKind.END:
            return TurnPhase.END_RUNNING if self.turn.claimed else TurnPhase.END_WAITING
        return TurnPhase.RUNNING if self.turn.claimed else TurnPhase.WAITING

    @property
    def texts_wait(self) -> bool:
        """Whether there are texts that no committed turn has taken: for a turn to come, or for the open one."""
        return self.last_inbound > self.taken

    @property
    def opt_out_scope(self) -> str:
        """What the participant opts out of."""
        return (self.opening.scope if self.opening else "") or self.endpoint

    @property
    def settings(self) -> SessionSettings:
        """What holds now: for the open session, else for one that would be opened."""
        if self.session:
            return self.session.settings
        return settings_of(self.opening.wishes) if self.opening else DEFAULTS
