"""How many sends may be under way at once: as many as Twilio takes, found out by what it refuses (429)."""

from __future__ import annotations

CUT = 0.5


class Congestion:
    """Half as many after a refusal, one more after each round in which all were taken; from 1 to `slots`.

    All that was under way when the limit was cut belongs to one round: its refusals say nothing about the new limit.
    Moments are of one clock, in seconds.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._limit = float(slots)
        self._cut_time = float("-inf")

    @property
    def limit(self) -> int:
        return int(self._limit)

    def throttled(self, began: float, now: float, under_way: int) -> bool:
        """Of `under_way` sends the one that began then was refused. True if this is the first cut of several."""
        if began < self._cut_time:
            return False
        was_free = self._limit >= self._slots
        self._limit = max(1.0, min(self._limit, under_way) * CUT)
        self._cut_time = now
        return was_free

    def accepted(self, began: float) -> bool:
        """The send that began then was taken. True if the limit is what it was before all cuts."""
        if self._limit >= self._slots or began < self._cut_time:
            return False
        self._limit = min(self._limit + 1.0 / self._limit, float(self._slots))
        return self._limit >= self._slots
