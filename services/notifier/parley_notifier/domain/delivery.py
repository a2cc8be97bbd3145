"""A delivery: one outbound text on its way to Twilio, and the table of what may become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where a delivery stands. CLAIMED and UNKNOWN are in flight; those after them are final for its lane."""

    PENDING = "pending"
    CLAIMED = "claimed"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    """Of no use any more before it was sent."""
    HELD = "held"
    """Perhaps sent, and not to be sent twice: people decide."""


IN_FLIGHT = frozenset({State.CLAIMED, State.UNKNOWN})
FINAL = frozenset(State) - {State.PENDING} - IN_FLIGHT


class Event(StrEnum):
    """What can happen to a delivery."""

    CLAIM = "claim"
    """A sender takes it: from here on bytes may leave."""
    CANCEL = "cancel"
    """The session service takes it back."""
    PROVE = "prove"
    """Twilio has it: its 201, its status callback, or its list says so."""
    REFUSE = "refuse"
    """Twilio will never take it."""
    OPT_OUT = "opt_out"
    """The participant has opted out: Twilio refuses the text, or it is not sent at all."""
    GIVE_BACK = "give_back"
    """Certainly not sent: 429, no connection, or not begun."""
    DOUBT = "doubt"
    """Bytes may have left and no answer tells what became of them."""
    LAPSE = "lapse"
    """The lease ran out: nobody knows what the sender did."""
    MISS = "miss"
    """Twilio's list has not shown it, often and late enough."""
    HOLD = "hold"
    """The same, of a text that is sent once at the most."""
    EXPIRE = "expire"
    """Its time is over."""


# The whole machine. A pair that is not here changes nothing.
TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.PENDING, Event.CLAIM): State.CLAIMED,
    (State.PENDING, Event.CANCEL): State.CANCELED,
    (State.PENDING, Event.OPT_OUT): State.SUPPRESSED,
    (State.PENDING, Event.EXPIRE): State.EXPIRED,
    (State.PENDING, Event.PROVE): State.ACCEPTED,  # a proof may come after the evidence of absence
    (State.CLAIMED, Event.PROVE): State.ACCEPTED,
    (State.CLAIMED, Event.REFUSE): State.FAILED,
    (State.CLAIMED, Event.OPT_OUT): State.SUPPRESSED,
    (State.CLAIMED, Event.GIVE_BACK): State.PENDING,
    (State.CLAIMED, Event.DOUBT): State.UNKNOWN,
    (State.CLAIMED, Event.LAPSE): State.UNKNOWN,
    (State.UNKNOWN, Event.PROVE): State.ACCEPTED,
    (State.UNKNOWN, Event.MISS): State.PENDING,  # the only way to a second send
    (State.UNKNOWN, Event.HOLD): State.HELD,
    (State.HELD, Event.PROVE): State.ACCEPTED,  # whoever decides about it has to know; its lane has passed it
}


@dataclass(slots=True)
class Delivery:
    """One text and what is known of it. Times are seconds of the database's clock since 1970."""

    id: str
    thread_id: str
    seq: int
    text: str = field(repr=False)
    state: State = State.PENDING
    attempt: int = 0
    """How often it was claimed. It is the fence: only a proof counts that is about an earlier attempt."""
    owner: str = ""
    """The process that claimed it last."""
    started_time: float | None = None
    """When it was claimed last: no byte of that attempt left earlier. Of one that was suppressed unsent: when the
    participant opted out."""
    due_time: float | None = None
    """When somebody has to act. PENDING: not before it; CLAIMED: the lease ends; UNKNOWN: the next look at the list."""
    absent_time: float | None = None
    """When a list was first asked for that did not show the attempt."""
    sid: str = ""
    status: str = ""
    """The furthest status that Twilio reported."""
    error_code: int = 0
    canceled: bool = False
    """Must not be sent (again); settled first if it is in flight."""
    at_most_once: bool = False
    """Never sent a second time without proof that the first one came to nothing."""
    expire_time: float | None = None
    """From then on it is of no use."""
    paced: bool = False
    """It was given its turn in the sender's pace, for `due_time`."""
    segments: int = 0
    traceparent: str = ""
    create_time: float = 0.0

    @property
    def final(self) -> bool:
        return self.state in FINAL

    @property
    def in_flight(self) -> bool:
        return self.state in IN_FLIGHT

    def apply(self, event: Event) -> bool:
        """Makes the transition that the table has for `event`; False if it has none."""
        after = TRANSITIONS.get((self.state, event))
        if after is None:
            return False
        self.state = after
        return True
