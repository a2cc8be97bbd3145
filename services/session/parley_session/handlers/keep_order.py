"""Lets batches on the same threads go one after the other, as they came; batches on other threads pass them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from parley_session.ports import ThreadKey


class KeepOrder:
    """Without it the later of two batches under way may get a thread's lock first."""

    def __init__(self) -> None:
        self._last: dict[ThreadKey, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def behind_earlier(self, keys: Collection[ThreadKey]) -> AsyncIterator[None]:
        """Entered when all who asked before for one of `keys` have left."""
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        earlier = {self._last[key] for key in keys if key in self._last}
        self._last.update(dict.fromkeys(keys, left))
        try:
            if earlier:
                await asyncio.wait(earlier)
            yield
        finally:
            left.set_result(None)
            for key in keys:
                if self._last.get(key) is left:
                    del self._last[key]
