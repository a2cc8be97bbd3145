"""Whether the account may be used: after a refusal of it nothing is sent for a while, then one text to see."""

from __future__ import annotations


class Circuit:
    """`pause` seconds from a refusal to the next try. Moments are of one clock, in seconds."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._refused_time = float("-inf")
        self.is_open = False
        """Open as of a circuit: nothing passes but the one text."""

    def remaining(self, now: float) -> float:
        """Seconds until the next try; 0 when it is due, or when none is needed."""
        return max(self._refused_time + self._pause - now, 0.0) if self.is_open else 0.0

    def room(self, free: int, under_way: int, now: float) -> int:
        """How many of `free` texts may be sent while `under_way` are."""
        if not self.is_open:
            return free
        return 0 if under_way or self.remaining(now) else min(free, 1)

    def refuse(self, now: float) -> bool:
        """The account was refused. True if this opens the circuit."""
        was_open, self.is_open = self.is_open, True
        self._refused_time = now
        return not was_open

    def answer(self, began: float) -> bool:
        """A send that began then was answered otherwise. True if this closes the circuit."""
        if not self.is_open or began < self._refused_time:
            return False
        self.is_open = False
        return True
