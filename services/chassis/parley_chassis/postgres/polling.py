"""Waiting for what sends no event: another process's end, a line in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL = 0.005


async def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Looks every 5 ms until `condition` is true or `timeout` seconds have gone; returns which of the two."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while not condition():
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(INTERVAL)
    return True
