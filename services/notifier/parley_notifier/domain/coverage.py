"""How far Twilio's list of inbound texts is known to have been handed over, and which of them need no handing over.

Two clocks are kept apart: windows are read on the database's, what is told to the session service on its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

OVERLAP = 600.0
"""Twilio's list may show a text later than its date says: each list goes so far back behind the one before."""
SHORT_OVERLAP = 30.0
"""The same for lists in between, which a session waits for."""
FURTHEST = 86_400.0
"""Older texts are of no use to anybody."""
SKEW = 5.0
"""Twilio's dates are whole seconds of its own clock."""
KNOWN_SIDS = 100_000
TRIES = 5
"""In lists one after the other, before a text is set aside."""


@dataclass(frozen=True, slots=True)
class InboundText:
    """One text of Twilio's list that a participant has sent."""

    sid: str
    number: str = field(repr=False)
    participant: str = field(repr=False)
    text: str = field(repr=False)
    media_urls: tuple[str, ...] = field(repr=False)
    receive_time: float
    """Twilio's own, in seconds since 1970; whole seconds."""


class Handed(Enum):
    """What the session service did with a text."""

    STORED = "stored"
    """It had missed it."""
    KNOWN = "known"
    """It has it, or wants none of it."""
    FOREIGN = "foreign"
    """Its number is not registered. It may be soon, for texts from before."""
    OPEN = "open"
    """Nothing yet."""


@dataclass(frozen=True, slots=True)
class InboundPage:
    texts: tuple[InboundText, ...]
    oldest_time: float | None
    """Of all messages of the page, also of those that are ours; None for an empty one."""
    next_page: str
    """Where the next older ones are; empty when there are none."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to read the list, by the database's clock."""

    now: float
    start_time: float
    """When the list was first asked for."""
    listed_time: float
    """When the last list was asked for that was handed over whole."""
    recover_time: float | None = None
    """When the database was last found to have forgotten something."""

    def since(self, overlap: float) -> float:
        """How far back the list has to be read."""
        return max(self.listed_time - overlap, self.start_time - SKEW, self.now - FURTHEST)


@dataclass(slots=True)
class Coverage:
    """What the session service said and may be told, on its own clock. `lag`: how late Twilio's list may be."""

    lag: float
    now: float | None = None
    """The latest that it told."""
    awaited_time: float | None = None
    """Sessions wait for a coverage of this."""
    covered_time: float | None = None
    """All texts before it have been handed over, as far as this process knows."""

    @property
    def awaited(self) -> bool:
        return self.awaited_time is not None and (self.covered_time is None or self.covered_time < self.awaited_time)

    def hear(self, now: float, awaited_time: float | None) -> None:
        self.now, self.awaited_time = now, awaited_time

    def cover(self, asked: float | None) -> None:
        """All was handed over of a list that was asked for when `asked` was the latest `now`."""
        if asked is not None:
            self.covered_time = asked - self.lag


class Tries:
    """How often each text could not be handed over: one that never can must not hold up all that are waited for."""

    def __init__(self, limit: int = TRIES) -> None:
        self._limit = limit
        self._failed: dict[str, int] = {}

    def exhausted(self, texts: Iterable[InboundText]) -> list[InboundText]:
        """Counts one more failure for each; those that have failed often enough."""
        hopeless = []
        for text in texts:
            self._failed[text.sid] = self._failed.get(text.sid, 0) + 1
            if self._failed[text.sid] >= self._limit:
                del self._failed[text.sid]
                hopeless.append(text)
        return hopeless


class KnownSids:
    """The texts that were handed over lately, so that they are not every time."""

    def __init__(self, limit: int = KNOWN_SIDS) -> None:
        self._limit = limit
        self._sids: dict[str, float] = {}

    def __contains__(self, sid: str) -> bool:
        return sid in self._sids

    def __len__(self) -> int:
        return len(self._sids)

    def add(self, texts: Iterable[InboundText]) -> None:
        self._sids |= {text.sid: text.receive_time for text in texts}
        while len(self._sids) > self._limit:
            del self._sids[next(iter(self._sids))]

    def forget_all(self) -> None:
        self._sids = {}

    def forget_before(self, time: float) -> None:
        self._sids = {sid: received for sid, received in self._sids.items() if received >= time}
