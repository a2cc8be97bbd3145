"""Keeps lanes and deliveries in PostgreSQL: locks and reads a batch, writes what was decided, in two round trips."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

from parley_chassis.postgres.pool import Database, Row, Transaction
from parley_chassis.postgres.queries import load_queries
from parley_notifier.adapters.postgres import rows
from parley_notifier.domain.decision import Decision
from parley_notifier.domain.facts import Submission
from parley_notifier.domain.lane import WINDOW
from parley_notifier.ports import Evidence, Gathered, Unrecorded

Queries = Mapping[str, LiteralString]


class PostgresBatch:
    """The Batch port: one transaction."""

    def __init__(self, transaction: Transaction, queries: Queries) -> None:
        self._transaction = transaction
        self._queries = queries

    async def gather_for(self, submissions: Sequence[Submission]) -> Gathered:
        pairs = {submission.thread_id: submission for submission in submissions}
        threads = rows.ids(pairs)
        await self._queue("ensure_lanes", rows.dump(map(rows.pair_row, pairs.values())))
        await self._queue("lock_lanes", threads)
        known = await self._queue("read_deliveries", rows.ids({s.message_id for s in submissions}))
        gathered = await self._read(threads)
        _add_deliveries(gathered, await known.fetchall())
        return gathered

    async def gather(self, deliveries: Collection[tuple[str, str]]) -> Gathered:
        threads = rows.ids({thread_id for thread_id, _ in deliveries})
        await self._queue("lock_lanes", threads)
        gathered = await self._read(threads)
        # A delivery that its lane has passed; its sender was late.
        passed = [delivery_id for _, delivery_id in deliveries if delivery_id not in gathered.deliveries]
        if passed:
            _add_deliveries(
                gathered, await self._transaction.fetch(self._queries["read_deliveries"], (rows.ids(passed),))
            )
        return gathered

    async def gather_reported(self, delivery_ids: Collection[str]) -> Gathered:
        wanted = rows.ids(set(delivery_ids))
        await self._queue("lock_lanes_of_deliveries", wanted)
        known = await self._transaction.fetch(self._queries["read_deliveries"], (wanted,))
        if not known:
            return Gathered()
        gathered = await self._read(rows.ids({row[0] for row in known}))
        _add_deliveries(gathered, known)
        return gathered

    async def gather_due(self, limit: int, thread_ids: Collection[str]) -> Gathered:
        due = await self._transaction.fetch(self._queries["lock_due_lanes"], (limit, rows.ids(thread_ids)))
        return await self._read(rows.ids(row[0] for row in due)) if due else Gathered()

    async def commit(self, decision: Decision, evidence: Evidence) -> None:
        await self._write("insert_deliveries", map(rows.new_delivery_row, decision.inserted.values()))
        await self._write("update_deliveries", map(rows.delivery_row, decision.changed.values()))
        await self._write("update_lanes", map(rows.lane_row, decision.lanes.values()))
        await self._write("insert_attempts", map(rows.attempt_row, evidence.attempts))
        await self._write("insert_reports", map(rows.report_row, evidence.reports))
        await self._transaction.commit()

    async def _read(self, threads: str) -> Gathered:
        gathered = Gathered()
        for row in await self._transaction.fetch(self._queries["read_lanes"], (WINDOW, threads)):
            gathered.now = row[0]
            lane = gathered.lanes.get(row[1])
            if lane is None:
                lane = gathered.lanes[row[1]] = rows.lane_of(row)
            if row[7] is not None:
                delivery = rows.delivery_of(lane.thread_id, row[7:])
                lane.queue[delivery.seq] = gathered.deliveries[delivery.id] = delivery
                lane.cut = len(lane.queue) == WINDOW
        return gathered

    async def _queue(self, name: str, parameter: str) -> Any:
        return await self._transaction.queue(self._queries[name], (parameter,))

    async def _write(self, name: str, items: Iterable[dict[str, Any]]) -> None:
        written = list(items)
        if written:
            await self._queue(name, rows.dump(written))


class PostgresStore:
    """The Store port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("parley_notifier.adapters.postgres")

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[PostgresBatch]:
        async with self._database.transaction() as transaction:
            yield PostgresBatch(transaction, self._queries)

    async def known_sids(self, thread_id: str, delivery_id: str, sids: Sequence[str]) -> set[str]:
        found = await self._database.run(self._queries["known_sids"], (thread_id, delivery_id, list(sids)))
        return {row[0] for row in found}

    async def remember_unrecorded(self, delivery_ids: Collection[str]) -> None:
        await self._database.run(self._queries["remember_unrecorded"], (rows.ids(delivery_ids),))

    async def read_unrecorded(self, limit: int) -> list[Unrecorded]:
        found = await self._database.run(self._queries["read_unrecorded"], (limit,))
        return [rows.unrecorded_of(row) for row in found]

    async def forget_unrecorded(self, unrecorded: Sequence[Unrecorded]) -> None:
        told = rows.dump({"delivery_id": item.delivery_id, "times": item.times} for item in unrecorded)
        await self._database.run(self._queries["forget_unrecorded"], (told,))


def _add_deliveries(gathered: Gathered, found: Iterable[Row]) -> None:
    for row in found:
        # A lane and its own delivery must stay one object, whichever way it was read.
        if row[1] not in gathered.deliveries:
            gathered.deliveries[row[1]] = rows.delivery_of(row[0], row[1:])
