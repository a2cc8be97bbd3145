"""What a check has found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    OK = "✓"
    BAD = "✗"
    OPEN = "–"
    """Not examined: it does not apply here, or something else has to work first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`fix` is the next command, or the page to open."""

    name: str
    state: State
    detail: str = ""
    fix: str = ""

    @classmethod
    def ok(cls, name: str, detail: str = "") -> Finding:
        return cls(name, State.OK, detail)

    @classmethod
    def bad(cls, name: str, detail: str, fix: str) -> Finding:
        return cls(name, State.BAD, detail, fix)

    @classmethod
    def left_open(cls, name: str, detail: str) -> Finding:
        return cls(name, State.OPEN, detail)
