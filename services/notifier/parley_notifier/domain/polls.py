"""Which deliveries Twilio is asked about because it never reported their end, and what its answer is worth.

A message's id begins with the millisecond in which it was written (UUIDv7): a window of time is a range of ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parley_notifier.domain.facts import Report
from parley_notifier.domain.reports import RANKS, rank

ENDS = tuple(status for status in RANKS if rank(status) >= rank("delivered"))
"""The statuses after which Twilio has no more to say."""
FIRST_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Poll:
    """The right to ask about the deliveries of one age. `now` is of the database's clock."""

    now: float
    polled_id: str
    """All before it, and itself, were asked about; empty: none were yet."""


@dataclass(frozen=True, slots=True)
class Window:
    """Ids between two, both excluded."""

    after: str
    before: str


@dataclass(frozen=True, slots=True)
class Unreported:
    """A delivery that Twilio has, with the furthest status that it reported."""

    delivery_id: str
    sid: str
    status: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the beginning of a window holds."""

    unreported: Sequence[Unreported]
    """In the order of their ids, `limit` at the most."""
    limit: int
    last_id: str
    """The last id that was looked at, also of a delivery that needs no question."""
    is_whole: bool
    """The window holds no more ids."""

    @property
    def ends_window(self) -> bool:
        return self.is_whole and len(self.unreported) < self.limit

    def end(self, window: Window) -> str:
        """What counts as asked about once all of it is."""
        if len(self.unreported) >= self.limit:
            return self.unreported[-1].delivery_id
        return window.before if self.is_whole else self.last_id


@dataclass(frozen=True, slots=True)
class Standing:
    """What Twilio says of one message."""

    status: str
    error_code: int = 0


def window_of(poll: Poll, age: float, next_age: float | None) -> Window:
    """The deliveries that have come to `age` seconds since the last time.

    Those that have come to `next_age` too, after an outage, are left to that; what was there before the first time
    is never asked about.
    """
    before = id_at(poll.now - age)
    after = poll.polled_id or before
    return Window(max(after, id_at(poll.now - next_age)) if next_age is not None else after, before)


def news(unreported: Unreported, standing: Standing | None, receive_time: float) -> Report | None:
    """As if a callback had brought it; None for what is known, or less."""
    if standing is None or rank(standing.status) <= rank(unreported.status):
        return None
    return Report(unreported.delivery_id, unreported.sid, standing.status, standing.error_code, receive_time)


def id_at(time: float) -> str:
    """No id that was made before `time` is greater, and none that was made later is smaller."""
    digits = f"{max(0, int(time * 1000)):012x}"
    return f"{digits[:8]}-{digits[8:]}{FIRST_ID[13:]}"
