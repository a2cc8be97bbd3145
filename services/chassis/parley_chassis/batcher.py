"""Turns single items into batches: whatever arrives while one flush runs is the next batch.

Never waits for a batch to fill: at idle a batch is one item and costs no delay. Refuses nothing; a batch that
fails is flushed again in halves, so that one bad item does not take its neighbours down.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Generic, TypeAlias, TypeVar

from parley_chassis.cancellation import is_being_cancelled
from parley_chassis.errors import Unavailable, is_unavailable

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

Entry: TypeAlias = "tuple[Item, asyncio.Future[Result]]"


class BatcherClosed(Unavailable):
    """The process is stopping; nothing was done with the item, unless its flush was under way."""

    reason = "STOPPING"


def log_sizes(batchers: Mapping[str, Batcher[Any, Any]]) -> None:
    """Logs (items, batches) of each, so that a run can be judged by how full its batches were."""
    sizes = {name: (batcher.items, batcher.batches) for name, batcher in batchers.items()}
    log.info("batches", extra={"batches": sizes})


class Batcher(Generic[Item, Result]):
    """Gathers items for `flush`, which takes a list and returns as many results in the same order.

    `flights` flushes run at a time. When a flush of several items raises, or returns another number of results, its
    halves are flushed one after the other, and so on down to the single item, which gets the error. An error that
    `is_unavailable` fails the whole batch at once: asking an absent peer again for each part would only take longer.

    An item whose caller has gone is flushed all the same: it may have been promised elsewhere.
    """

    def __init__(
        self,
        flush: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        limit: int = 200,
        flights: int = 1,
    ) -> None:
        self._flush = flush
        self._limit = limit
        self._flights = flights
        self._waiting: deque[Entry[Item, Result]] = deque()
        self._since: deque[float] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        # A flush belongs to no caller: it must not run in the context (the trace) of the one who happened to start it.
        self._context = contextvars.copy_context()
        self._scheduled = False
        self._closed = False
        self.items = 0
        self.batches = 0

    def put(self, item: Item) -> asyncio.Future[Result]:
        """Hands the item over; the future resolves when its batch has been flushed."""
        future: asyncio.Future[Result] = self._loop.create_future()
        if self._closed:
            _fail([(item, future)], BatcherClosed("the process is stopping"))
            return future
        self._waiting.append((item, future))
        self._since.append(self._loop.time())
        if not self._scheduled and len(self._running) < self._flights:
            # One turn of the loop later, so that all that this turn brings goes together.
            self._scheduled = True
            self._loop.call_soon(self._start, context=self._context)
        return future

    async def submit(self, item: Item) -> Result:
        """The item's result, once its batch has been flushed; raises what the flush raised for this item."""
        return await self.put(item)

    @property
    def waiting(self) -> int:
        """Items that no flush has taken yet."""
        return len(self._waiting)

    @property
    def longest_wait(self) -> float:
        """For how many seconds the first of them has waited; 0 where none does."""
        return self._loop.time() - self._since[0] if self._since else 0.0

    async def close(self) -> None:
        """Refuses further items and returns when all that were taken have been flushed."""
        self._closed = True
        self._start()
        while self._running:
            # Unlike gather, this leaves the flushes alone when whoever waits here is cancelled.
            await asyncio.wait(self._running)

    def _start(self) -> None:
        self._scheduled = False
        while self._waiting and len(self._running) < self._flights:
            size = min(self._limit, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            for _ in range(size):
                self._since.popleft()
            self.items += size
            self.batches += 1
            task = self._loop.create_task(self._run(batch), context=self._context.copy())
            self._running.add(task)
            task.add_done_callback(self._finished, context=self._context)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    async def _run(self, batch: list[Entry[Item, Result]]) -> None:
        parts = [batch]
        while parts:
            part = parts.pop()
            try:
                results = await self._flush([item for item, _ in part])
                answers = list(zip(part, results, strict=True))
            except asyncio.CancelledError:
                if is_being_cancelled():
                    self._give_up(chain(part, *parts))
                    raise
                _fail(chain(part, *parts), Unavailable("what the flush needed was cancelled; try again"))
                return
            except Exception as error:
                if is_unavailable(error):
                    _fail(chain(part, *parts), error)
                    return
                parts += _halves(part, error)
            else:
                _resolve(answers)

    def _give_up(self, entries: Iterable[Entry[Item, Result]]) -> None:
        """The loop is ending under a flush: nobody would run another one."""
        self._closed = True
        _fail(chain(entries, self._waiting), BatcherClosed("the process is stopping"))
        self._waiting.clear()
        self._since.clear()


def _halves(part: list[Entry[Item, Result]], error: Exception) -> list[list[Entry[Item, Result]]]:
    """What is to be flushed instead of `part`, last half first; nothing when a single item is to blame."""
    if len(part) == 1:
        _reject(part[0][1], error)
        return []
    middle = len(part) // 2
    return [part[middle:], part[:middle]]


def _resolve(answers: list[tuple[Entry[Item, Result], Result]]) -> None:
    for (_, future), result in answers:
        if not future.done():
            future.set_result(result)


def _fail(entries: Iterable[Entry[Item, Result]], error: Exception) -> None:
    for _, future in entries:
        _reject(future, _own(error))


def _reject(future: asyncio.Future[Result], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        # A caller that has gone does not read it; that is no fault to report.
        future.exception()


def _own(error: Exception) -> Exception:
    """A copy for one caller: raised in several tasks at once, one exception would mix up their tracebacks."""
    own = type(error).__new__(type(error), *error.args)
    own.__dict__.update(error.__dict__)
    own.__cause__ = error
    return own
