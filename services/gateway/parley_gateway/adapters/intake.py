"""Lets items into a batcher: only so many may wait, no caller waits in vain, and none longer than its time.

A caller that gave up says nothing about its item, which may still be flushed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from parley_chassis.batcher import Batcher
from parley_gateway.errors import OutOfTime, Overloaded

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """`patience` is how many seconds a caller waits, `waiting` how many items may, beside those being flushed.

    While one of them has waited for `queue` seconds, no other is let in: it would wait in vain.
    """

    patience: float
    waiting: int
    batch: int
    flights: int
    queue: float = math.inf


class Intake(Generic[Item, Result]):
    def __init__(self, flush: Callable[[list[Item]], Awaitable[Sequence[Result]]], limits: IntakeLimits) -> None:
        self.batcher = Batcher(flush, limit=limits.batch, flights=limits.flights)
        self._limits = limits
        self._loop = asyncio.get_running_loop()

    async def submit(self, item: Item) -> Result:
        """Raises Overloaded, OutOfTime, or what the flush raised."""
        if self.batcher.waiting >= self._limits.waiting or self.batcher.longest_wait > self._limits.queue:
            raise Overloaded
        future = self.batcher.put(item)
        timer = self._loop.call_later(self._limits.patience, _give_up, future)
        try:
            return await future
        finally:
            timer.cancel()

    async def close(self) -> None:
        await self.batcher.close()


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(OutOfTime())
