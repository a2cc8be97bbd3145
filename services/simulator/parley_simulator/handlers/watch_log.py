"""Lets tests wait for the moment at which something has become true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Watch:
    """Whoever changes the world notifies; whoever waits looks again then."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        if not self._waiting:
            return
        woken, self._waiting = self._waiting, set()
        for future in woken:
            if not future.done():
                future.set_result(None)

    async def until(self, look: Callable[[], T | None], timeout: float) -> T:
        """What `look` gives once it is not None. Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while (seen := look()) is None:
                await self._change()
        return seen

    async def _change(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
