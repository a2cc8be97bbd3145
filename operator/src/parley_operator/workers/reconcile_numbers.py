"""The queue of resources: each is worked on by one worker at a time, when it is due, and again if it changed."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from parley_chassis.errors import ParleyError
from parley_operator.domain.resource import Key
from parley_operator.errors import Conflict

log = logging.getLogger(__name__)

Work = Callable[[Key], Awaitable[float | None]]
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 60.0
SPREAD = 0.1
"""A resync comes so much of itself earlier or later, so that not all come at once."""
GRACE = 30.0
"""Seconds that a resource under work gets when the operator stops: a request to buy should be seen to its end."""


class ReconcileNumbers:
    """`work` returns the seconds until a resource is due again, None for `resync`; one that is gone is due no more."""

    def __init__(self, work: Work, resync: float, is_there: Callable[[Key], bool]) -> None:
        self._is_there = is_there
        self._work = work
        self._resync = resync
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._working: set[Key] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._changed: set[Key] = set()
        self._backoff: dict[Key, float] = {}
        self._wake = asyncio.Event()
        self._stopping = False

    def ask(self, key: Key) -> None:
        """Has the resource worked on now, or again if it is being worked on."""
        if key in self._working:
            self._changed.add(key)
        else:
            self._plan(key, 0.0)

    @asynccontextmanager
    async def running(self, workers: int, ready: asyncio.Event) -> AsyncIterator[None]:
        """Works from when `ready` is set. Left: what is under work is finished, or cut after GRACE seconds."""
        tasks = [asyncio.create_task(self._run(ready), name=f"reconcile-{index}") for index in range(workers)]
        try:
            yield
        finally:
            self._stopping = True
            self._wake.set()
            for task in tasks:
                if task not in self._busy:
                    task.cancel()
            _, late = await asyncio.wait(tasks, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, ready: asyncio.Event) -> None:
        await ready.wait()
        while not self._stopping:
            key = self._next()
            if key is None:
                await self._wait()
                continue
            pause = await self._alone(key)
            if key in self._changed:
                self._changed.discard(key)
                pause = min(pause, FIRST_BACKOFF if key in self._backoff else 0.0)
            if self._is_there(key):
                self._plan(key, pause)
            else:
                self._backoff.pop(key, None)

    async def _alone(self, key: Key) -> float:
        task = asyncio.current_task()
        assert task is not None
        self._working.add(key)
        self._busy.add(task)
        try:
            return await self._reconcile(key)
        finally:
            self._working.discard(key)
            self._busy.discard(task)

    async def _reconcile(self, key: Key) -> float:
        """Seconds until it is due again."""
        try:
            pause = await self._work(key)
        except Conflict:
            return FIRST_BACKOFF  # the change that was in the way is on its way to us
        except Exception as error:
            self._backoff[key] = min(self._backoff.get(key, FIRST_BACKOFF / 2) * 2, LONGEST_BACKOFF)
            extra = {"namespace": key[0], "resource": key[1], "pause": self._backoff[key]}
            if isinstance(error, ParleyError):
                log.warning("reconcile_failed", extra={**extra, "reason": error.error_reason, "problem": error.message})
            else:
                log.error("reconcile_failed", extra=extra, exc_info=error)
            return self._backoff[key]
        self._backoff.pop(key, None)
        spread = 1 + SPREAD * (2 * random.random() - 1)  # noqa: S311
        return self._resync * spread if pause is None else pause

    def _plan(self, key: Key, pause: float) -> None:
        """The earlier of two plans holds."""
        due = time.monotonic() + pause
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            heapq.heappush(self._heap, (due, next(self._order), key))
            self._wake.set()

    def _next(self) -> Key | None:
        """A resource that is due."""
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                return key
        return None

    async def _wait(self) -> None:
        self._wake.clear()
        pause = max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else None
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass
