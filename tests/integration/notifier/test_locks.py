"""Batches of several processes on the same lanes: they never wait in a circle, and the order is kept."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import psycopg
import pytest

from parley_chassis.postgres.pool import DatabaseUnavailable
from parley_notifier.domain.facts import Claim
from parley_notifier.domain.opt_out import OptOut
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import SENDER, Rows, Thread
from tests.integration.notifier.processes import Process, accepted, process_on, reported

STRESS = 3.0
LOCK_AS_THEY_COME = """
SELECT l.thread_id::text
FROM ROWS FROM (unnest(%s::text::uuid[] || ARRAY(SELECT thread_id FROM notifier.deliveries
  WHERE id = ANY (%s::text::uuid[])))) WITH ORDINALITY AS i(thread_id, place)
JOIN notifier.lanes l USING (thread_id)
ORDER BY i.place
FOR UPDATE OF l
"""


class Stress:
    """Random overlapping batches in all processes, none of which leaves out a lane for being held."""

    def __init__(self, processes: list[Process], threads: list[Thread]) -> None:
        self._processes = processes
        self._threads = threads
        self._chance = random.Random(11)
        self._log: list[Claim] = []
        for process in processes:
            process.on_claim = self._log.append
        self._places: dict[str, int] = {}
        self.batches = 0
        self.deadlocks = 0

    def claimed_places(self) -> dict[str, list[int]]:
        """The places in its thread of what was claimed, in the order in which it was."""
        places: dict[str, list[int]] = {thread.id: [] for thread in self._threads}
        for claim in self._log:
            places[claim.thread_id].append(self._places[claim.delivery_id])
        return places

    async def run(self, seconds: float, *, until_deadlock: bool = False) -> None:
        end = time.monotonic() + seconds
        moves = (self._submit, self._submit, self._mark, self._mark, self._report, self._tend, self._opt_in)
        await asyncio.gather(
            *(self._repeat(move, process, end, until_deadlock) for process in self._processes for move in moves)
        )

    async def _repeat(
        self, move: Callable[[Process], Awaitable[object]], process: Process, end: float, until_deadlock: bool
    ) -> None:
        while time.monotonic() < end and not (until_deadlock and self.deadlocks):
            try:
                await move(process)
                self.batches += 1
            except DatabaseUnavailable as error:
                self.deadlocks += "DeadlockDetected" in error.message
            await asyncio.sleep(0)

    async def _submit(self, process: Process) -> None:
        texts = [thread.text() for thread in self._chance.sample(self._threads, 15)]
        self._places |= {text.message_id: text.seq for text in texts}
        self._chance.shuffle(texts)
        while True:
            try:
                await process.submit(*texts)
                return
            except DatabaseUnavailable as error:
                self.deadlocks += "DeadlockDetected" in error.message

    async def _mark(self, process: Process) -> None:
        claims, process.claimed[:] = process.claimed[:], []
        self._chance.shuffle(claims)
        for claim in claims[::3]:
            await self._until_done(lambda claim=claim: process.found(claim, accepted(f"SM{claim.delivery_id}")))  # type: ignore[misc]
        rest = [claim for index, claim in enumerate(claims) if index % 3]
        if rest:
            await self._until_done(
                lambda: process.facts(*(reported(claim, f"SM{claim.delivery_id}", "sent") for claim in rest))
            )

    async def _until_done(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await step()
            except DatabaseUnavailable as error:
                self.deadlocks += "DeadlockDetected" in error.message

    async def _report(self, process: Process) -> None:
        claims = [claim for other in self._processes for claim in other.claimed[:5]]
        await process.facts(*(reported(claim, f"SM{claim.delivery_id}", "queued") for claim in claims))

    async def _opt_in(self, process: Process) -> None:
        threads = self._chance.sample(self._threads, 5)
        await process.facts(*(OptOut(SENDER, thread.participant, False, time.time()) for thread in threads))

    async def _tend(self, process: Process) -> None:
        await process.tend()


@pytest.fixture
async def impatient(database: FreshDatabase) -> None:
    """Makes PostgreSQL look for deadlocks soon."""
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute(b"ALTER DATABASE \"%s\" SET deadlock_timeout = '20ms'" % database.name.encode())


@pytest.fixture
async def stress(impatient: None, database: FreshDatabase, new_thread: Callable[[], Thread]) -> AsyncIterator[Stress]:
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(process_on(database.notifier_url)) for _ in range(2)]
        yield Stress(processes, [new_thread() for _ in range(40)])


async def test_processes_on_the_same_lanes_never_wait_in_a_circle(stress: Stress, rows: Rows) -> None:
    await stress.run(STRESS)
    assert stress.batches > 50
    assert stress.deadlocks == 0
    for places in stress.claimed_places().values():
        assert places == list(range(1, len(places) + 1)), "claimed out of order, or twice"


async def test_without_an_order_of_locks_they_do(stress: Stress) -> None:
    """The stress above would have found it."""
    for process in stress._processes:
        queries = dict(process.store._queries)
        queries["lock_lanes"] = LOCK_AS_THEY_COME
        process.store._queries = queries
    await stress.run(20.0, until_deadlock=True)
    assert stress.deadlocks > 0
