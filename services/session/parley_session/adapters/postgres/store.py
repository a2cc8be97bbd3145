"""Keeps threads in PostgreSQL: locks and reads a batch, writes what was decided, all in two round trips."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import orjson

from parley_chassis.postgres.pool import Database, Row, Transaction
from parley_chassis.postgres.queries import load_queries
from parley_session.adapters.ids import new_id
from parley_session.adapters.postgres import rows
from parley_session.domain.effects import Decision
from parley_session.ports import (
    DeliveryRecord,
    Gathered,
    HistoryItem,
    Submission,
    ThreadKey,
)

Queries = Mapping[str, LiteralString]


class PostgresBatch:
    """One transaction of gather and commit."""

    def __init__(self, transaction: Transaction, queries: Queries) -> None:
        self._transaction = transaction
        self._queries = queries

    async def gather(self, keys: Sequence[ThreadKey], source_ids: Sequence[str] = ()) -> Gathered:
        parameter = rows.dump(key._asdict() for key in keys)
        locked = await self._transaction.queue(self._queries["lock"], (parameter,))
        sources = None
        if source_ids:
            ids = rows.dump({"source_id": source_id} for source_id in source_ids)
            sources = await self._transaction.queue(self._queries["read_sources"], (ids,))
        found = await self._transaction.fetch(self._queries["read"], (parameter,))
        # A thread that was created between the two statements is there to read, but nobody has locked it for us.
        ours = {row[0] for row in await locked.fetchall()}
        return _gathered([row for row in found if row[0] in ours], dict(await sources.fetchall()) if sources else {})

    async def gather_due(self, limit: int) -> Gathered:
        keys = await self._transaction.fetch(self._queries["lock_due"], (limit,))
        if not keys:
            return _gathered([], {})
        parameter = rows.dump(ThreadKey(*key)._asdict() for key in keys)
        return _gathered(await self._transaction.fetch(self._queries["read"], (parameter,)), {})

    async def commit(self, decisions: Sequence[Decision]) -> Mapping[str, Sequence[HistoryItem]]:
        await self._transaction.queue(self._queries["write"], _write_parameters(decisions))
        attached = [
            {"thread_id": d.thread.id, "session_id": d.attach, "taken": d.thread.taken} for d in decisions if d.attach
        ]
        if attached:
            await self._transaction.queue(self._queries["attach"], (rows.dump(attached),))
        wanted = [_history_row(decision) for decision in decisions if decision.run]
        history = await self._transaction.queue(self._queries["history"], (rows.dump(wanted),)) if wanted else None
        await self._transaction.commit()
        if history is None:
            return {}
        return {
            turn_id: [HistoryItem(*item) for item in orjson.loads(texts)] for turn_id, texts in await history.fetchall()
        }


class PostgresThreadStore:
    """The ThreadStore port on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("parley_session.adapters.postgres")

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[PostgresBatch]:
        async with self._database.transaction() as transaction:
            yield PostgresBatch(transaction, self._queries)

    async def create_threads(self, keys: Sequence[ThreadKey]) -> None:
        await self._run("create_threads", [{"id": new_id(), **key._asdict()} for key in keys])

    async def renew_leases(self, claims: Sequence[tuple[str, int]], lease: float) -> None:
        await self._run("renew_leases", [{"id": turn, "fence": fence, "lease": lease} for turn, fence in claims])

    async def record_deliveries(self, records: Sequence[DeliveryRecord]) -> None:
        await self._run(
            "record",
            [
                {"id": r.message_id, "state": r.state, "source_id": r.source_id or None, "error": r.error_code}
                for r in records
            ],
        )

    async def take_unsubmitted(self, limit: int) -> list[Submission]:
        found = await self._database.run(self._queries["take_unsubmitted"], (limit,))
        return [Submission(*row) for row in found]

    async def _run(self, name: str, parameter: list[dict[str, Any]]) -> list[Row]:
        return await self._database.run(self._queries[name], (rows.dump(parameter),))


def _gathered(found: Sequence[Row], sources: Mapping[str, str]) -> Gathered:
    threads = [rows.thread_from_row(row) for row in found]
    now = found[0][-1] if found else None
    return Gathered(now, {ThreadKey.of(thread): thread for thread in threads}, sources)


def _write_parameters(decisions: Sequence[Decision]) -> tuple[str, str, str, str]:
    """The parameters of `write`: threads, sessions, turns, messages."""
    messages = [rows.inbound_row(d.thread.id, message) for d in decisions for message in d.inbound]
    messages += [rows.outbound_row(d.thread.id, message) for d in decisions for message in d.outbound]
    return (
        rows.dump(rows.thread_row(decision) for decision in decisions),
        rows.dump(rows.session_row(d.thread.id, session) for d in decisions for session in d.sessions),
        rows.dump(rows.turn_row(d.thread.id, change) for d in decisions for change in d.turns),
        rows.dump(messages),
    )


def _history_row(decision: Decision) -> dict[str, Any]:
    run = decision.run
    assert run is not None
    return {
        "turn_id": run.turn.id,
        "thread_id": run.thread.id,
        "session_id": run.session.id,
        "first_position": run.session.first_position,
        "taken": run.thread.taken,
    }
