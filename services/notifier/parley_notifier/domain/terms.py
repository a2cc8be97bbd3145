"""The protocol's durations, in seconds. They hold together: see `problems`."""

from __future__ import annotations

from dataclasses import dataclass


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
    """The pause when the sender's queue at Twilio is full, or the account is refused."""

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
