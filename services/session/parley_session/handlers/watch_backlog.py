"""Knows which numbers have more to send than they get sent, so that callers are told before they add to it."""

from __future__ import annotations

import logging

from parley_session.ports import ThreadStore

log = logging.getLogger(__name__)

LATE = 60.0
"""Seconds."""
FEW = 20
"""Texts that may be late, each behind one whose outcome has to be found out."""


class WatchBacklog:
    """Texts of participants are answered whatever waits; only what callers would add is kept out."""

    def __init__(self, store: ThreadStore, late: float = LATE, few: int = FEW) -> None:
        self._store = store
        self._late = late
        self._few = few
        self._numbers: set[str] = set()

    def holds_up(self, number: str) -> bool:
        return number in self._numbers

    async def __call__(self) -> bool:
        found = await self._store.find_backlogged(self._late, self._few)
        if bool(found) != bool(self._numbers):
            log.warning("backlog" if found else "backlog_over", extra={"numbers": len(found)})
        self._numbers = found
        return False
