"""Follows the session service's register of numbers: which are switched off, and how fast each may send."""

from __future__ import annotations

import time

from parley_chassis.errors import ParleyError
from parley_notifier.handlers.note_trouble import Trouble
from parley_notifier.ports import Register, SenderStore

OVERLAP = 10.0
"""Seconds for which a change may be committed behind a later one."""
WOKEN = 1000
"""Lanes of one sender that are woken at once."""
STEP = 1e-6
"""The finest difference between two times of the register."""


class FollowNumbers:
    """Every process follows: whoever reads a change first stores it for all."""

    def __init__(self, register: Register, store: SenderStore) -> None:
        self._register = register
        self._store = store
        self._latest: float | None = None
        """The latest change that was read."""
        self._latest_read = time.monotonic()
        self._trouble = Trouble("follow_numbers")

    async def __call__(self) -> bool:
        """One look; True if there may be more lanes to wake."""
        try:
            await self._read()
        except ParleyError as error:
            self._trouble.note(error.error_reason)
        else:
            self._trouble.over()
        return await self._store.wake_senders(WOKEN) >= WOKEN

    async def _read(self) -> None:
        since, latest = self._since(), self._latest
        next_page = ""
        while True:
            page = await self._register.list_numbers(since, next_page)
            if page.numbers:
                await self._store.store_senders(page.numbers)
                latest = max(latest or 0.0, *(number.update_time for number in page.numbers))
            next_page = page.next_page
            if not next_page:
                break
        if latest != self._latest:
            self._latest, self._latest_read = latest, time.monotonic()

    def _since(self) -> float | None:
        if self._latest is None:
            return None
        is_settled = time.monotonic() - self._latest_read > OVERLAP
        return self._latest + STEP if is_settled else self._latest - OVERLAP
