"""The gate: whether anything may be sent, and what has to be known before it opens again.

It closes by itself when the database is not the one that it was, or an earlier state of it: texts that the lost state
had sent would be sent again. What Twilio shows of that time is found out first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

LOG_PAGE = 8192
PAGE_HEADER = 40
"""Bytes of PostgreSQL's write-ahead log."""


@dataclass(frozen=True, slots=True)
class Gate:
    """As one look shows it. Times are of the database's clock, in seconds since 1970."""

    closed: bool
    """By a person."""
    recovering: bool
    reason: str = field(repr=False)
    change_time: float
    lost_since: float | None
    """What was done from then on may be forgotten."""
    recover_time: float | None
    inbound_covered: bool
    """Participants' texts of that time have been handed over."""
    outbound_covered: bool
    """What was sent in that time is known again."""
    same_server: bool
    """The server is the one that the identity was last compared on."""
    same_database: bool
    beat_due: bool
    """It has not been noted for a while that all is well."""
    now: float
    beat_time: float
    position: int
    """How far its log is on disk, in bytes."""

    @property
    def is_open(self) -> bool:
        return not self.closed and not self.recovering and self.same_server


@dataclass(frozen=True, slots=True)
class Passage:
    """What a batch that may claim has found at the gate."""

    is_open: bool = True
    has_orphans: bool = False
    """Twilio has messages that a lost state of the database has sent."""
    position: int = 0
    """How far the database's log is on disk, in bytes."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a process has seen of the database. Neither goes back but in a database that has forgotten something.

    The log tells of what was lost a moment ago; the beat tells of it also when the log has grown again since.
    """

    beat_time: float
    position: int

    def shows_loss(self, gate: Gate) -> bool:
        return gate.position < self.position or gate.beat_time < self.beat_time

    def with_position(self, position: int) -> Seen:
        """Where a page has just begun, the log may end within a record, which a crash takes back: that is not seen."""
        is_between_records = position % LOG_PAGE > PAGE_HEADER
        return replace(self, position=max(position, self.position)) if is_between_records else self


class Step(Enum):
    """What a look calls for."""

    NOTHING = "nothing"
    BEAT = "beat"
    KNOW_SERVER = "know_server"
    """The server was started anew, and the database is the same."""
    RECOVER = "recover"
    """The database is another one, or an earlier state of it."""
    COVER_OUTBOUND = "cover_outbound"
    OPEN = "open"


def next_step(gate: Gate, settle: float, seen: Seen | None) -> Step:
    """What `gate` calls for.

    `settle`: for so long Twilio may still take what a process that was at work before had claimed, so what was sent is
    asked for only after that. `seen`: by this process, before it looked.
    """
    has_forgotten = seen is not None and seen.shows_loss(gate)
    if not gate.same_database or (has_forgotten and not gate.recovering):
        return Step.RECOVER
    if not gate.same_server:
        return Step.KNOW_SERVER
    if gate.recovering and gate.recover_time is not None:
        if not gate.outbound_covered:
            return Step.COVER_OUTBOUND if gate.now >= gate.recover_time + settle else Step.NOTHING
        if gate.inbound_covered:
            return Step.OPEN
    return Step.BEAT if gate.beat_due else Step.NOTHING
