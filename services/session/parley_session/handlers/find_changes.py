"""Finds what other processes have committed in the sessions that are watched here: one statement for all of them.

Where there are very many, those that were not looked after for the longest: others' commits are told later then, and
nothing else is held up.
"""

from __future__ import annotations

from parley_session.handlers.wake_watchers import Watchers
from parley_session.ports import Watches

LIMIT = 1000
"""Watches that one look covers: some 10 ms of work here, and a little more in the database."""


class FindChanges:
    def __init__(self, watchers: Watchers, watches: Watches) -> None:
        self._watchers = watchers
        self._watches = watches

    async def __call__(self) -> bool:
        waiting = self._watchers.waiting(LIMIT)
        if waiting:
            for index in await self._watches.find_changed([watch.seen() for watch in waiting]):
                waiting[index].wake()
        return False
