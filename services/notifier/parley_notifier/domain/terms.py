"""The protocol's durations, in seconds. They hold together: see `problems`."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST_VALIDITY, MOST_VALIDITY = 6, 36_000
"""Seconds: Twilio advises against 5 and fewer, and takes no more."""


@dataclass(frozen=True, slots=True)
class Terms:
    lease: float = 60.0
    """For so long a claim belongs to its sender."""
    margin: float = 20.0
    """No send begins with less of the lease left."""
    settle: float = 120.0
    """An attempt counts as absent only so long after its claim."""
    gap: float = 30.0
    """Two lists that show an attempt's absence lie at least so far apart."""
    look_after: float = 5.0
    """The first look at the list, after the outcome became unknown."""
    backoff: float = 1.0
    """The first pause after a 429 or a failed connection; doubles with each attempt."""
    backoff_limit: float = 30.0
    pause: float = 60.0
    """For so long nothing is sent from a sender whose queue is full, and at all when Twilio refuses the account."""

    def backoff_of(self, attempt: int, jitter: float) -> float:
        """The pause before the attempt after `attempt`; `jitter` from 0 to 1 takes up to half of it away."""
        whole = min(self.backoff * 2.0 ** min(attempt - 1, 16), self.backoff_limit)
        return whole * (1.0 - jitter / 2.0)

    def problems(self, send_timeout: float) -> list[str]:
        """What makes these durations unsafe with sends that may take `send_timeout`; empty when nothing does."""
        found = []
        if self.margin < send_timeout:
            found.append("margin is shorter than the send timeout: a send could outlive its lease")
        if self.lease <= self.margin:
            found.append("lease is not longer than margin: no send could begin")
        if self.settle < self.lease:
            found.append("settle is shorter than lease: an attempt under way could count as absent")
        return found


def validity(expire_time: float | None, now: float) -> int:
    """The seconds after which Twilio is to give up a text that is sent now; 0 where nothing is to be said of it."""
    if expire_time is None:
        return 0
    return min(max(math.ceil(expire_time - now), LEAST_VALIDITY), MOST_VALIDITY)
