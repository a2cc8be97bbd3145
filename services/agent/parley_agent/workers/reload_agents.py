"""The loop that notices changed agent files, in development."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from parley_chassis.lifecycle import loop_running

INTERVAL = 0.3


@asynccontextmanager
async def reloading(reload: Callable[[], Awaitable[None]], interval: float = INTERVAL) -> AsyncIterator[None]:
    async def once() -> bool:
        await reload()
        return False

    async with loop_running("reload_agents", once, interval=interval):
        yield
