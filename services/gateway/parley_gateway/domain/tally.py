"""Counts what was answered and why something was refused. Holds reasons and numbers, nothing of any request."""

from __future__ import annotations

from collections import Counter


class Tally:
    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        """By HTTP status."""
        self.refusals: Counter[str] = Counter()
        """By reason."""
        self._told: Counter[str] = Counter()

    def news(self) -> dict[str, int]:
        """The refusals since the last call."""
        since = self.refusals - self._told
        self._told = self.refusals.copy()
        return dict(since)
