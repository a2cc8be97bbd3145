"""Senders, our numbers: whether anything may be sent from one now, and how many segments in a second."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from parley_notifier.domain.delivery import Delivery
from parley_notifier.domain.segments import count

BURST = 1.0
"""Seconds' worth of segments that may go out at once after a silence: what Twilio's own queue spreads."""
KEPT = 5.0
"""Seconds for which a text that was given its turn keeps it. Turns that a stop has let pass are not made up for."""
HORIZON = 60.0
"""Seconds ahead for which turns are given. Who finds none asks again after as many, so that another pace soon holds."""
ASLEEP = math.inf
"""When a lane is looked at that waits for its sender to be switched on: not before it is woken."""


@dataclass(slots=True)
class Sender:
    """Times are seconds of the database's clock since 1970."""

    number: str = field(repr=False)
    sending_paused: bool = False
    """By people: nothing is claimed until they say otherwise."""
    paused_until: float = 0.0
    """Twilio's queue for it was full."""
    segments_per_second: float = 0.0
    """0: as many as Twilio takes."""
    next_time: float | None = None
    """When all that was given a turn has gone out; None: another batch holds the sender."""

    @property
    def is_paced(self) -> bool:
        return self.segments_per_second > 0

    def blocked_until(self, now: float) -> float | None:
        """Until when nothing is sent from it; None if something may be."""
        if self.sending_paused:
            return ASLEEP
        return self.paused_until if self.paused_until > now else None

    def turn(self, now: float) -> float:
        """When the next text may go out, behind all that was given a turn before."""
        return max((self.next_time or 0.0) - BURST, now)

    def take(self, segments: int, now: float) -> None:
        """Takes the segments from its pace."""
        self.next_time = max(self.next_time or 0.0, now) + segments / self.segments_per_second


@dataclass(slots=True)
class Senders:
    """Those of a batch's lanes from which not everything may be sent at once, by number, and what holds them all."""

    known: Mapping[str, Sender] = field(default_factory=dict, repr=False)
    closed_until: float = 0.0
    """Until then nothing is claimed: Twilio refuses the account. Finite: for ever sleeps only who is switched off."""
    used: dict[str, Sender] = field(default_factory=dict, repr=False)
    """Those whose pace was taken from; to be written."""

    def blocked_until(self, number: str, now: float) -> float | None:
        """Until when nothing of a sender is claimed; None if something may be."""
        sender = self.known.get(number)
        if sender is not None and (blocked_until := sender.blocked_until(now)) is not None:
            return max(blocked_until, self.closed_until)
        return self.closed_until if self.closed_until > now else None

    def has_turn(self, number: str, head: Delivery, now: float) -> bool:
        """Whether a head that is due may go out in its sender's pace. If not, its due time may have moved."""
        sender = self.known.get(number)
        if sender is None or not sender.is_paced:
            return True
        if head.paced and head.due_time is not None and head.due_time >= now - KEPT:
            return True
        if sender.next_time is None:
            return False
        turn = sender.turn(now)
        head.paced = turn <= now + HORIZON
        head.due_time = min(turn, now + HORIZON)
        if head.paced:
            sender.take(count(head.text), now)
            self.used[number] = sender
        return turn <= now
