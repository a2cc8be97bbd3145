"""Runs a target on input after input, for a time or a number of them, and keeps what it found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_FIND = 2000
MOST_FINDS = 20
"""After so many a target is broken, and more of the same says nothing."""


@dataclass
class Finds:
    """`finds` are inputs with what was wrong; `executions` how many were tried, in `seconds`."""

    target: str
    executions: int = 0
    seconds: float = 0.0
    finds: list[str] = field(default_factory=list)

    def add(self, wrong: str) -> None:
        """Keeps what is wrong, as far as one reads it."""
        self.finds.append(wrong[:LONGEST_FIND])

    @property
    def rate(self) -> float:
        return self.executions / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        return f"{self.target:<12} {self.executions:>9,} executions {self.rate:>9,.0f}/s {len(self.finds):>3} finds"


def fuzz(target: str, attempt: Callable[[], str], *, seconds: float = 0.0, executions: int = 0) -> Finds:
    """Calls `attempt` until both `seconds` and `executions` are used up; it returns what is wrong, or nothing.

    An exception out of an attempt is a find: a target expects those that its subject may raise.
    """
    found = Finds(target)
    began = time.monotonic()
    while (found.executions < executions or time.monotonic() - began < seconds) and len(found.finds) < MOST_FINDS:
        found.executions += 1
        try:
            wrong = attempt()
        except Exception as error:
            wrong = f"raised {error!r}"
        if wrong:
            found.add(wrong)
    found.seconds = time.monotonic() - began
    return found
