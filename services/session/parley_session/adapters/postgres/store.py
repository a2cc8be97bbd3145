"""Keeps threads in PostgreSQL: locks and reads a batch, writes what was decided, all in two round trips."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString

import orjson
import psycopg

from parley_chassis.errors import Unavailable
from parley_chassis.postgres.pool import Database, Row, Transaction
from parley_chassis.postgres.queries import load_queries
from parley_session.adapters.ids import id_before, new_id
from parley_session.adapters.postgres import rows
from parley_session.domain.effects import Decision, Done
from parley_session.domain.events import Request
from parley_session.domain.keywords import Keyword
from parley_session.domain.numbering import Sender
from parley_session.domain.opt_out import OptOut
from parley_session.domain.thread import SMS, Thread
from parley_session.ports import (
    Committed,
    Coverage,
    DeliveryRecord,
    Gathered,
    HistoryItem,
    OptOutNotice,
    RecordedDelivery,
    RequestTaken,
    SenderWanted,
    Submission,
    ThreadKey,
)

KEYWORDS = frozenset(keyword.value for keyword in Keyword)
"""What messages are ignored as that say them."""

Queries = Mapping[str, LiteralString]
Cursor = psycopg.AsyncCursor[Row]


class PostgresBatch:
    """One transaction of gather and commit."""

    def __init__(self, transaction: Transaction, queries: Queries) -> None:
        self._transaction = transaction
        self._queries = queries
        self._moment: datetime | None = None

    async def gather(
        self, keys: Sequence[ThreadKey], source_ids: Sequence[str] = (), request_ids: Sequence[str] = ()
    ) -> Gathered:
        parameter = rows.dump(key._asdict() for key in keys)
        locked = await self._queue("lock", parameter)
        sources = await self._queue("read_sources", _ids("source_id", source_ids)) if source_ids else None
        requests = await self._queue("read_requests", _ids("id", request_ids)) if request_ids else None
        found = await self._transaction.fetch(self._queries["read"], (parameter,))
        # A thread that was created between the two statements is there to read, but nobody has locked it for us.
        ours = {row[0] for row in await locked.fetchall()}
        return self._decided_on(
            [row for row in found if row[0] in ours],
            await sources.fetchall() if sources else (),
            _requests(await requests.fetchall()) if requests else {},
        )

    async def gather_due(self, limit: int) -> Gathered:
        return await self._read_locked(await self._transaction.fetch(self._queries["lock_due"], (limit,)))

    async def gather_due_sessions(self, limit: int, covered: datetime | None) -> Gathered:
        keys = await self._transaction.fetch(self._queries["lock_due_sessions"], (limit,))
        if covered and len(keys) < limit:
            rest = (covered, limit - len(keys))
            keys += await self._transaction.fetch(self._queries["lock_covered_sessions"], rest)
        return await self._read_locked(keys)

    async def commit(self, decisions: Sequence[Decision]) -> Committed:
        try:
            return await self._write(decisions)
        except psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name == "requests_pkey":
                raise RequestTaken from None
            raise

    async def _write(self, decisions: Sequence[Decision]) -> Committed:
        await self._hold_scopes([decision.thread for decision in decisions if decision.opt_out_changed])
        await self._transaction.queue(self._queries["write"], (self._moment, *_write_parameters(decisions)))
        canceled = await self._write_rest(decisions)
        wanted = [_history_row(decision) for decision in decisions if decision.run]
        history = await self._queue("history", rows.dump(wanted)) if wanted else None
        await self._transaction.commit()
        return Committed(
            _history(await history.fetchall()) if history else {},
            [Submission(*row) for row in await canceled.fetchall()] if canceled else (),
        )

    async def _hold_scopes(self, threads: Sequence[Thread]) -> None:
        if not threads:
            return
        scopes = rows.dump({"number": thread.endpoint, "scope": thread.opt_out_scope} for thread in threads)
        if await self._transaction.fetch(self._queries["moved_numbers"], (scopes,)):
            raise Unavailable("a number has been given another opt_out_scope meanwhile; try again", reason="MOVED")

    async def _write_rest(self, decisions: Sequence[Decision]) -> Cursor | None:
        """What few decisions ask for; returns where the messages that were taken back will stand."""
        attached = [row for d in decisions if (row := rows.attach_row(d))]
        ignored = [rows.ignore_row(d.thread.id, ignore) for d in decisions for ignore in d.ignore]
        requests = [rows.request_row(done) for d in decisions for done in d.done]
        for name, parameter in (
            ("attach", attached),
            ("ignore", ignored),
            *(("write_opt_outs", stage) for stage in rows.opt_out_stages(decisions)),
            ("write_requests", requests),
        ):
            if parameter:
                await self._queue(name, rows.dump(parameter))
        canceled = [row for d in decisions for row in rows.cancel_rows(d)]
        return await self._queue("cancel", rows.dump(canceled)) if canceled else None

    async def _read_locked(self, keys: Sequence[Row]) -> Gathered:
        if not keys:
            return self._decided_on([])
        parameter = rows.dump(ThreadKey(*key)._asdict() for key in keys)
        return self._decided_on(await self._transaction.fetch(self._queries["read"], (parameter,)))

    def _decided_on(
        self, found: Sequence[Row], sources: Sequence[Row] = (), requests: Mapping[str, Done] | None = None
    ) -> Gathered:
        gathered = _gathered(found, sources, requests or {})
        self._moment = gathered.people_now
        return gathered

    async def _queue(self, name: str, parameter: str) -> Cursor:
        return await self._transaction.queue(self._queries[name], (parameter,))


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

    async def find_threads(self, thread_ids: Sequence[str]) -> Mapping[str, ThreadKey]:
        return {found: ThreadKey(*key) for found, *key in await self._find("find_threads", thread_ids)}

    async def find_session_threads(self, session_ids: Sequence[str]) -> Mapping[str, ThreadKey]:
        return {found: ThreadKey(*key) for found, *key in await self._find("find_session_threads", session_ids)}

    async def find_requests(self, request_ids: Sequence[str]) -> Mapping[str, Done]:
        return _requests(await self._find("read_requests", request_ids))

    async def find_senders(self, wanted: Sequence[SenderWanted]) -> Sequence[Sequence[Sender]]:
        found = await self._run("find_senders", [{"place": i, **w._asdict()} for i, w in enumerate(wanted)])
        senders: list[list[Sender]] = [[] for _ in wanted]
        for place, number, active_time in found:
            senders[place].append(Sender(number, active_time))
        return senders

    async def read_coverage(self, covered: datetime | None) -> Coverage:
        return Coverage(*(await self._database.run(self._queries["awaited_coverage"], (covered,)))[0])

    async def renew_leases(self, claims: Sequence[tuple[str, int]], lease: float) -> None:
        await self._run("renew_leases", [{"id": turn, "fence": fence, "lease": lease} for turn, fence in claims])

    async def record_deliveries(self, records: Sequence[DeliveryRecord]) -> Sequence[RecordedDelivery]:
        recorded = await self._run(
            "record",
            [
                {
                    "id": r.message_id,
                    "state": r.state,
                    "source_id": r.source_id or None,
                    "error": r.error_code,
                    "again": r.is_dated_refusal,
                }
                for r in records
            ],
        )
        return [RecordedDelivery(*row) for row in recorded]

    async def find_backlogged(self, age: float, limit: int) -> set[str]:
        return {row[0] for row in await self._database.run(self._queries["find_backlogged"], (id_before(age), limit))}

    async def take_unsubmitted(self, limit: int) -> list[Submission]:
        found = await self._database.run(self._queries["take_unsubmitted"], (limit,))
        return [_unsubmitted(row) for row in found]

    async def take_unsubmitted_opt_outs(self, limit: int) -> list[OptOutNotice]:
        found = await self._database.run(self._queries["take_unsubmitted_opt_outs"], (limit,))
        notices = [_notice(scope, participant, said) for scope, participant, *said in found]
        return [notice for notice in notices if notice]

    async def finish_opt_outs(self, notices: Sequence[OptOutNotice]) -> None:
        await self._run(
            "finish_opt_outs",
            [
                {"scope": n.scope, "participant": n.participant, "opted_out": n.opted_out, "event_time": n.event_time}
                for n in notices
            ],
        )

    async def _find(self, name: str, ids: Sequence[str]) -> list[Row]:
        return await self._run(name, [{"id": identity} for identity in ids])

    async def _run(self, name: str, parameter: list[dict[str, Any]]) -> list[Row]:
        return await self._database.run(self._queries[name], (rows.dump(parameter),))


def _ids(name: str, values: Sequence[str]) -> str:
    return rows.dump({name: value} for value in values)


def _requests(found: Sequence[Row]) -> Mapping[str, Done]:
    return {row[0]: Done(Request(row[0], row[1]), row[2], row[3]) for row in found}


def _unsubmitted(row: Row) -> Submission:
    participant, (scope, *said) = row[4], row[11:]
    return replace(Submission(*row[:11]), said=_notice(scope, participant, said) if scope else None)


def _notice(scope: str, participant: str, said: Sequence[Any]) -> OptOutNotice | None:
    opt_out = OptOut(*said)
    if opt_out.event_time is None:
        return None
    return OptOutNotice(scope, participant, opt_out.opted_out, opt_out.event_time)


def _history(found: Sequence[Row]) -> Mapping[str, Sequence[HistoryItem]]:
    return {turn_id: [HistoryItem(*item) for item in orjson.loads(texts)] for turn_id, texts in found}


def _gathered(found: Sequence[Row], sources: Sequence[Row], requests: Mapping[str, Done]) -> Gathered:
    threads = [rows.thread_from_row(row) for row in found]
    people_now, now = found[0][-2:] if found else (None, None)
    by_key = {ThreadKey.of(thread): thread for thread in threads}
    stored = {source_id: message_id for source_id, message_id, _ in sources}
    keywords = {source_id: Keyword(reason) for source_id, _, reason in sources if reason in KEYWORDS}
    return Gathered(now, by_key, stored, people_now, requests, keywords)


def _write_parameters(decisions: Sequence[Decision]) -> tuple[str, str, str, str, str]:
    """The parameters of `write`: threads, sessions, turns, messages, and those to hand over."""
    messages = [rows.inbound_row(d.thread.id, message) for d in decisions for message in d.inbound]
    messages += [rows.outbound_row(d.thread, message) for d in decisions for message in d.outbound]
    return (
        rows.dump(rows.thread_row(decision) for decision in decisions),
        rows.dump(rows.session_row(d.thread, session) for d in decisions for session in d.sessions),
        rows.dump(rows.turn_row(d.thread.id, change) for d in decisions for change in d.turns),
        rows.dump(messages),
        # Only text messages have deliveries.
        rows.dump(rows.outbox_row(message) for d in decisions if d.thread.channel == SMS for message in d.outbound),
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
