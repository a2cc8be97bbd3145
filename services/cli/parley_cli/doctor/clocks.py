"""Whether clocks agree: ours, PostgreSQL's, Twilio's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from parley_cli.doctor.finding import Finding

TOLERANCE = timedelta(seconds=5)
FIX = "set this machine's clock, e.g. `timedatectl set-ntp true`"


class Reading(NamedTuple):
    """Another clock, read between two looks at ours. `grain` is its smallest step."""

    before: datetime
    theirs: datetime
    after: datetime
    grain: timedelta = timedelta(0)

    @property
    def offset(self) -> timedelta:
        """How far ours is ahead at least, or behind if negative; zero if they may agree."""
        if self.before > self.theirs + self.grain:
            return self.before - self.theirs - self.grain
        return min(self.after - self.theirs, timedelta(0))


def now() -> datetime:
    return datetime.now(UTC)


def judge(name: str, whose: str, reading: Reading) -> Finding:
    offset = reading.offset.total_seconds()
    if abs(reading.offset) > TOLERANCE:
        side = "ahead of" if offset > 0 else "behind"
        return Finding.bad(name, f"ours is {abs(offset):.0f} s {side} {whose}", FIX)
    return Finding.ok(name, f"within {TOLERANCE.seconds} s of {whose}")
