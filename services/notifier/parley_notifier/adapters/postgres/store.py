"""Keeps lanes and deliveries in PostgreSQL: locks and reads a batch, writes what was decided, in two round trips."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg import AsyncCursor

from parley_chassis.postgres.pool import Database, Row, Transaction
from parley_chassis.postgres.queries import load_queries
from parley_notifier.adapters.postgres import rows
from parley_notifier.domain.coverage import Turn
from parley_notifier.domain.decision import Decision
from parley_notifier.domain.delivery import State
from parley_notifier.domain.facts import Submission
from parley_notifier.domain.gate import Passage
from parley_notifier.domain.lane import WINDOW
from parley_notifier.domain.opt_out import OptOut, OptOutKey
from parley_notifier.domain.settlement import Look
from parley_notifier.ports import Gathered, Registered, Unrecorded, Wanted

Queries = Mapping[str, LiteralString]


class PostgresBatch:
    """The Batch port: one transaction."""

    def __init__(self, transaction: Transaction, queries: Queries) -> None:
        self._transaction = transaction
        self._queries = queries

    async def gather(self, wanted: Wanted, *, wait: bool) -> Gathered:
        # Before all other locks: who closes the gate waits for this one, and nobody else for both.
        await self._queue("pass_gate")
        first = [submission for submission in wanted.submissions if submission.seq == 1]
        opting = [opt_out.participant for opt_out in wanted.opt_outs]
        if opting:
            # All at once, also those of new lanes: two batches that took them by and by would wait in a circle.
            await self._queue("lock_participants", [*opting, *(submission.participant for submission in first)])
        if first:
            await self._queue("create_lanes", rows.dump_pairs(first))
        threads = {*wanted.deliveries.values(), *(submission.thread_id for submission in wanted.submissions)}
        if opting:
            threads |= {row[0] for row in await self._fetch("find_lanes", opting)}
            # One lane that is left out would be one that goes on.
            wait = True
        lanes = (rows.ids(threads), rows.ids(wanted.reported))
        locked = await self._queue("lock_lanes" if wait else "lock_free_lanes", *lanes)
        reported = await self._queue("read_deliveries", lanes[1]) if wanted.reported else None
        passage = await self._queue("read_passage")
        found = await self._fetch("read_lanes", WINDOW, *lanes)
        gathered = _gathered(found, {row[0] for row in await locked.fetchall()})
        gathered.passage = Passage(*(await passage.fetchall())[0])
        if reported is not None:
            _add_deliveries(gathered, await reported.fetchall())
        elsewhere = _elsewhere(wanted, gathered)
        if elsewhere:
            _add_deliveries(gathered, await self._fetch("read_deliveries", rows.ids(elsewhere)))
        moving = _moving(wanted, gathered)
        if moving:
            found = await self._fetch("read_opt_outs", rows.dump_keys(moving))
            gathered.opt_outs |= {(row[0], row[1]): OptOut(*row) for row in found}
        await self._take_pace(gathered, threads)
        return gathered

    async def gather_due(self, limit: int, thread_ids: Collection[str]) -> Gathered:
        await self._queue("pass_gate")
        due = {row[0] for row in await self._fetch("lock_due_lanes", limit, rows.ids(thread_ids))}
        if not due:
            return Gathered()
        passage = await self._queue("read_passage")
        gathered = _gathered(await self._fetch("read_lanes", WINDOW, rows.ids(due), rows.ids(())), due)
        gathered.passage = Passage(*(await passage.fetchall())[0])
        await self._take_pace(gathered, due)
        return gathered

    async def commit(self, decision: Decision) -> None:
        parameters = (
            rows.dump(map(rows.new_delivery_row, decision.inserted.values())),
            rows.dump(map(rows.delivery_row, decision.changed.values())),
            rows.dump(map(rows.attempt_row, decision.attempts.values())),
            rows.dump(map(rows.report_row, decision.reports)),
            rows.dump(map(rows.lane_row, decision.lanes.values())),
        )
        if decision.opt_outs:
            await self._queue("store_opt_outs", rows.dump(map(rows.opt_out_row, decision.opt_outs.values())))
        if decision.senders.used:
            await self._queue("write_senders", rows.dump(map(rows.sender_row, decision.senders.used.values())))
        await self._transaction.queue(self._queries["write"], parameters)
        await self._transaction.commit()

    async def _take_pace(self, gathered: Gathered, threads: Collection[str]) -> None:
        """After the lanes, so that all take their locks in one order, and without waiting for another batch's."""
        senders = gathered.senders
        wanted = {
            lane.sender
            for lane in gathered.lanes.values()
            if lane.sender in senders
            and senders[lane.sender].is_paced
            and (lane.thread_id in threads or any(d.state is State.PENDING for d in lane.queue.values()))
        }
        if wanted:
            for row in await self._fetch("lock_senders", list(wanted)):
                senders[row[0]].next_time = row[1]

    async def _fetch(self, name: str, *parameters: str | int | list[str]) -> list[Row]:
        return await self._transaction.fetch(self._queries[name], parameters)

    async def _queue(self, name: str, *parameters: str | list[str]) -> AsyncCursor[Row]:
        return await self._transaction.queue(self._queries[name], parameters)


class PostgresStore:
    """The Store port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        package = "parley_notifier.adapters.postgres"
        self._queries = {**load_queries(package), **load_queries(package, "gate.sql")}

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[PostgresBatch]:
        async with self._database.transaction() as transaction:
            yield PostgresBatch(transaction, self._queries)

    async def create_lanes(self, submissions: Sequence[Submission]) -> None:
        await self._database.run(self._queries["create_lanes"], (rows.dump_pairs(submissions),))

    async def known_sids(self, look: Look, sids: Sequence[str]) -> set[str]:
        parameters = (look.participant, look.delivery_id, list(sids))
        found = await self._database.run(self._queries["known_sids"], parameters)
        return {row[0] for row in found}

    async def remember_unrecorded(self, delivery_ids: Collection[str]) -> None:
        await self._database.run(self._queries["remember_unrecorded"], (rows.ids(delivery_ids),))

    async def read_unrecorded(self, limit: int) -> list[Unrecorded]:
        found = await self._database.run(self._queries["read_unrecorded"], (limit,))
        return [rows.unrecorded_of(row) for row in found]

    async def forget_unrecorded(self, unrecorded: Sequence[Unrecorded]) -> None:
        told = rows.dump({"delivery_id": item.delivery_id, "times": item.times} for item in unrecorded)
        await self._database.run(self._queries["forget_unrecorded"], (told,))


class PostgresSenders:
    """The SenderStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("parley_notifier.adapters.postgres")

    async def store_senders(self, numbers: Sequence[Registered]) -> None:
        await self._database.run(self._queries["store_senders"], (rows.dump(map(rows.registered_row, numbers)),))

    async def wake_senders(self, limit: int) -> int:
        return len(await self._database.run(self._queries["wake_senders"], (limit,)))

    async def pause_senders(self, numbers: Collection[str], seconds: float) -> None:
        await self._database.run(self._queries["pause_senders"], (seconds, list(numbers)))


class PostgresCoverage:
    """The CoverageStore port, of one account."""

    def __init__(self, database: Database, account_sid: str) -> None:
        self._database = database
        self._account_sid = account_sid
        self._queries = load_queries("parley_notifier.adapters.postgres")

    async def take_coverage(self, owner: str, lease: float, age: float) -> Turn | None:
        found = await self._database.run(self._queries["take_coverage"], (self._account_sid, owner, lease, age))
        return Turn(*found[0]) if found else None

    async def keep_coverage(self, owner: str, lease: float) -> bool:
        return bool(await self._database.run(self._queries["keep_coverage"], (lease, self._account_sid, owner)))

    async def end_coverage(self, owner: str, listed_time: float | None) -> None:
        await self._database.run(self._queries["end_coverage"], (listed_time, self._account_sid, owner))


def _gathered(found: Iterable[Row], locked: Set[str]) -> Gathered:
    """From the rows of `read_lanes`."""
    gathered = Gathered()
    for row in found:
        gathered.now = row[0]
        if row[1] not in locked:
            gathered.busy.add(row[1])
            continue
        lane = gathered.lanes.get(row[1])
        if lane is None:
            lane = gathered.lanes[row[1]] = rows.lane_of(row)
            opt_out = rows.opt_out_of(lane, row)
            if opt_out is not None:
                gathered.opt_outs[opt_out.key] = opt_out
            sender = rows.sender_of(lane, row)
            if sender is not None:
                gathered.senders.setdefault(sender.number, sender)
        if row[13] is not None:
            delivery = rows.delivery_of(lane.thread_id, row[13:])
            lane.queue[delivery.seq] = gathered.deliveries[delivery.id] = delivery
            lane.cut = len(lane.queue) == WINDOW
    return gathered


def _add_deliveries(gathered: Gathered, found: Iterable[Row]) -> None:
    for row in found:
        # A lane and its own delivery must stay one object, whichever way it was read.
        if row[1] not in gathered.deliveries:
            gathered.deliveries[row[1]] = rows.delivery_of(row[0], row[1:])


def _moving(wanted: Wanted, gathered: Gathered) -> set[OptOutKey]:
    """The opt-outs that did not come with the lanes: of the scopes that they may move into."""
    keys: set[OptOutKey] = set()
    for submission in wanted.submissions:
        lane = gathered.lanes.get(submission.thread_id)
        if lane is not None and lane.opt_out_scope != submission.opt_out_scope:
            keys.add((submission.opt_out_scope or lane.sender, lane.participant))
    return keys


def _elsewhere(wanted: Wanted, gathered: Gathered) -> list[str]:
    """The deliveries that did not come with their lanes but may exist: their lane has passed them, mostly."""
    known, lanes = gathered.deliveries, gathered.lanes
    ids = [delivery_id for delivery_id in wanted.deliveries if delivery_id not in known]
    for submission in wanted.submissions:
        lane = lanes.get(submission.thread_id)
        # By its place a text is mostly seen to be new.
        if lane is not None and lane.may_hold(submission.seq) and submission.message_id not in known:
            ids.append(submission.message_id)
    return ids
