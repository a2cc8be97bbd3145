"""Finds what other processes have committed in the sessions that are watched here: one statement for all of them."""

from __future__ import annotations

from parley_session.handlers.watchers import Watchers
from parley_session.ports import Watches


class FindChanges:
    def __init__(self, watchers: Watchers, watches: Watches) -> None:
        self._watchers = watchers
        self._watches = watches

    async def __call__(self) -> bool:
        waiting = self._watchers.waiting()
        if waiting:
            for index in await self._watches.find_changed([watch.seen() for watch in waiting]):
                waiting[index].wake()
        return False
