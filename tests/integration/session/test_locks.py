"""Batches of several processes on the same threads: they never wait in a circle, and each sees what came before it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from parley_chassis.postgres.pool import DatabaseUnavailable
from parley_session.adapters.ids import new_id
from parley_session.domain.decide import decide
from parley_session.domain.events import (
    Context,
    EndSession,
    HandOffSession,
    Request,
    ResumeSession,
    SendMessage,
)
from parley_session.domain.thread import EndReason, HandOff
from parley_session.handlers.take_requests import Asked
from parley_session.ports import DeliveryRecord
from tests.databases import FreshDatabase
from tests.integration.session.asking import start_session
from tests.integration.session.collisions import deadlocks, is_deadlock
from tests.integration.session.replica import OURS, Replica, Rows, answer, eventually_async, incoming, key

PEOPLE = [f"+1666{number:07d}" for number in range(60)]
SCOPE = (OURS, "+15550101")
SILENCE = '{"inactive_after": 0.2, "grace": 0.1, "closing_text": "Goodbye."}'
STRESS = 3.0

LOCK_AS_THEY_COME = """
SELECT t.id::text
FROM ROWS FROM (jsonb_to_recordset(%s::text::jsonb) AS (channel smallint, endpoint text, participant text))
  WITH ORDINALITY AS i(channel, endpoint, participant, place)
JOIN session.threads t USING (channel, endpoint, participant)
ORDER BY i.place
FOR UPDATE OF t
"""
RENEW_AND_WAIT = """
SELECT u.id
FROM ROWS FROM (jsonb_to_recordset(%s::text::jsonb) AS (id uuid, fence integer))
  WITH ORDINALITY AS i(id, fence, place)
JOIN session.turns u ON u.id = i.id AND u.open AND u.claimed AND u.fence = i.fence
ORDER BY i.place
FOR UPDATE OF u
"""


class Stress:
    """Random overlapping batches on both replicas; counts those that PostgreSQL ended for a deadlock."""

    def __init__(self, *replicas: Replica) -> None:
        self._replicas = replicas
        self._chance = random.Random(7)
        self.batches = 0
        self.deadlocks = 0

    async def run(self, seconds: float, *, until_deadlock: bool = False) -> None:
        end = time.monotonic() + seconds
        moves = (
            self._receive,
            self._receive,
            self._commit,
            self._renew,
            self._record,
            self._claim,
            self._ask,
            self._start,
            self._say_keywords,
            self._time_out,
            self._relay,
        )
        await asyncio.gather(
            *(self._repeat(move, replica, end, until_deadlock) for replica in self._replicas for move in moves)
        )

    async def _repeat(
        self, move: Callable[[Replica], Awaitable[object]], replica: Replica, end: float, until_deadlock: bool
    ) -> None:
        while time.monotonic() < end and not (until_deadlock and self.deadlocks):
            try:
                await move(replica)
                self.batches += 1
            except DatabaseUnavailable as error:
                self.deadlocks += is_deadlock(error)
            await asyncio.sleep(0)

    async def _receive(self, replica: Replica) -> None:
        chosen = self._chance.sample(PEOPLE, 30)
        await replica.receive(*(incoming(str(uuid4()), participant=participant) for participant in chosen))

    async def _commit(self, replica: Replica) -> None:
        runs = [run for run, _ in replica.started[-40:]]
        self._chance.shuffle(runs)
        latest = {run.thread.id: run for run in runs}
        await replica.commit(*(answer(run, "hello") for run in latest.values()))

    async def _renew(self, replica: Replica) -> None:
        claims = [(run.turn.id, run.turn.fence) for run, _ in replica.started[-60:]]
        self._chance.shuffle(claims)
        await replica.store.renew_leases(claims, 20.0)

    async def _record(self, replica: Replica) -> None:
        ids = [submission.message_id for each in self._replicas for submission in each.handed_over[-60:]]
        chosen = self._chance.sample(ids, min(len(ids), 40))
        await replica.record(
            *(DeliveryRecord(message_id, self._chance.choice([2, 3, 4, 5, 6, 8])) for message_id in chosen)
        )

    async def _claim(self, replica: Replica) -> None:
        await replica.claim()

    async def _ask(self, replica: Replica) -> None:
        sessions = [run.session.id for run, _ in replica.started[-60:]]
        keys = await replica.store.find_session_threads(sessions)
        chosen = self._chance.sample(sorted(keys), min(len(keys), 20))
        asked = []
        for session_id in chosen:
            write = SendMessage(Request(str(uuid4()), "f"), session_id, "a person")
            commands = (write, HandOffSession(session_id, HandOff()), ResumeSession(session_id), EndSession(session_id))
            asked.append(Asked(keys[session_id], self._chance.choice(commands)))
        await replica.ask(*asked)

    async def _start(self, replica: Replica) -> None:
        """Some of the requests are made at both replicas, and for both numbers."""
        chosen = self._chance.sample(PEOPLE, 15)
        await replica.ask(
            *(Asked(key(one, self._chance.choice(SCOPE)), start_session(f"{one} {self._round()}")) for one in chosen)
        )

    async def _say_keywords(self, replica: Replica) -> None:
        chosen = self._chance.sample(PEOPLE, 15)
        words = self._chance.choices(("STOP", "START", "START"), k=15)
        await replica.receive(
            *(
                incoming(str(uuid4()), word, one, self._chance.choice(SCOPE))
                for word, one in zip(words, chosen, strict=True)
            )
        )
        told, replica.opt_outs = replica.opt_outs, []
        self._chance.shuffle(told)
        await replica.store.finish_opt_outs(told)

    async def _time_out(self, replica: Replica) -> None:
        await replica.time_out(40, datetime.max.replace(tzinfo=UTC))

    async def _relay(self, replica: Replica) -> None:
        await replica.store.take_unsubmitted_opt_outs(40)
        await replica.store.take_unsubmitted(40)

    def _round(self) -> int:
        return int(time.monotonic() * 10)


@pytest.fixture
async def busy(rows: Rows) -> None:
    """Two numbers share opt-outs, and silence is short: sessions are warned and end while the stress lasts."""
    await rows.register(SCOPE[1])
    await rows.all("UPDATE session.numbers SET opt_out_scope = 'MG1', settings = settings || %s::text::jsonb", SILENCE)


async def test_overlapping_batches_never_deadlock(
    impatient: None, busy: None, replica: Replica, other: Replica, rows: Rows
) -> None:
    stress = Stress(replica, other)
    await stress.run(STRESS)
    assert stress.deadlocks == 0
    assert stress.batches > 50
    # Else the moves had no part in it. How often each comes is for the machine to say.
    reasons = {reason for (reason,) in await rows.all("SELECT DISTINCT end_reason FROM session.sessions")}
    assert reasons >= {EndReason.OPTED_OUT, EndReason.SUPERSEDED, EndReason.ENDED_BY_REQUEST}


async def test_the_same_stress_deadlocks_without_the_order(impatient: None, replica: Replica, other: Replica) -> None:
    """The negative control: the stress is able to find what it looks for."""
    replace_query(LOCK_AS_THEY_COME, "lock", replica, other)
    stress = Stress(replica, other)
    await stress.run(10, until_deadlock=True)
    assert stress.deadlocks > 0


async def meet(database: FreshDatabase, rows: Rows, replica: Replica, other: Replica) -> int:
    """Two batches on three threads, in opposite orders; how many of them PostgreSQL ended for a deadlock."""
    first, second = ([incoming(f"{n} {name}", participant=PEOPLE[n]) for n in range(3)] for name in ("one", "two"))
    await replica.receive(*(incoming(f"S{n}", participant=PEOPLE[n]) for n in range(3)))
    middle = f"SELECT FROM session.threads WHERE participant = '{PEOPLE[1]}' FOR UPDATE"
    return await deadlocks(database, rows, middle, replica.receive(*first), other.receive(*reversed(second)))


async def test_two_batches_in_opposite_orders_meet_without_harm(
    impatient: None, database: FreshDatabase, rows: Rows, replica: Replica, other: Replica
) -> None:
    assert await meet(database, rows, replica, other) == 0


async def test_they_would_deadlock_if_they_took_locks_as_they_come(
    impatient: None, database: FreshDatabase, rows: Rows, replica: Replica, other: Replica
) -> None:
    replace_query(LOCK_AS_THEY_COME, "lock", replica, other)
    assert await meet(database, rows, replica, other) == 1


async def renew_and_commit(database: FreshDatabase, rows: Rows, replica: Replica, other: Replica) -> int:
    """A renewal and a commit of three turns, in opposite orders."""
    await replica.receive(*(incoming(f"S{n}", participant=PEOPLE[n]) for n in range(3)))
    runs = [run for run, _ in replica.started]
    claims = [(run.turn.id, run.turn.fence) for run in reversed(runs)]
    middle = f"SELECT FROM session.turns WHERE id = '{runs[1].turn.id}' FOR UPDATE"
    committing = replica.commit(*(answer(run) for run in runs))
    return await deadlocks(database, rows, middle, committing, other.store.renew_leases(claims, 20.0))


async def test_a_renewal_waits_for_no_turn_that_is_being_committed(
    impatient: None, database: FreshDatabase, rows: Rows, replica: Replica, other: Replica
) -> None:
    assert await renew_and_commit(database, rows, replica, other) == 0


async def test_a_renewal_that_waits_can_deadlock(
    impatient: None, database: FreshDatabase, rows: Rows, replica: Replica, other: Replica
) -> None:
    replace_query(RENEW_AND_WAIT, "renew_leases", replica, other)
    assert await renew_and_commit(database, rows, replica, other) == 1


async def test_a_claim_waits_for_no_thread_that_somebody_is_at_work_on(replica: Replica, other: Replica) -> None:
    replica.free_slots = 0
    await replica.receive(*(incoming(f"S{n}", participant=PEOPLE[n]) for n in range(3)))
    async with replica.store.batch() as batch:
        await batch.gather([key(PEOPLE[1])])
        async with asyncio.timeout(20):
            await other.claim()
    assert {run.thread.participant for run, _ in other.started} == {PEOPLE[0], PEOPLE[2]}


def replace_query(statement: str, name: str, *replicas: Replica) -> None:
    for replica in replicas:
        replica.store._queries = {**replica.store._queries, name: statement}


async def test_a_batch_that_waited_for_the_lock_sees_what_the_other_did(
    replica: Replica, other: Replica, rows: Rows
) -> None:
    await replica.receive(incoming("S1", "one"))
    await replica.commit(answer(replica.last, "1"))
    async with replica.store.batch() as batch:
        gathered = await batch.gather([key()])
        waiting = asyncio.create_task(other.receive(incoming("S3", "three")))
        await eventually_async(lambda: _somebody_waits(rows))
        assert gathered.now is not None
        event, context = incoming("S2", "two").event, Context(gathered.now, new_id)
        decision = decide(gathered.threads[key()], [event], context)
        await batch.commit([decision])
    await waiting
    assert decision.run is not None
    assert other.started == [], "the turn that was claimed meanwhile was not seen"
    assert await rows.all("SELECT text, position FROM session.messages WHERE direction = 1 ORDER BY position") == [
        ("one", 1),
        ("two", 3),
        ("three", 4),
    ]
    await other.commit(answer(decision.run, "2"))
    assert other.last_texts == ["three"]


async def test_a_commit_that_waited_for_the_lock_takes_the_text_that_came_meanwhile(
    replica: Replica, other: Replica, rows: Rows
) -> None:
    await replica.receive(incoming("S1", "one"))
    async with other.store.batch() as batch:
        gathered = await batch.gather([key()])
        waiting = asyncio.create_task(replica.commit(answer(replica.last, "1")))
        await eventually_async(lambda: _somebody_waits(rows))
        assert gathered.now is not None
        decision = decide(gathered.threads[key()], [incoming("S2", "two").event], Context(gathered.now, new_id))
        await batch.commit([decision])
    assert await waiting == [True]
    assert replica.last_texts == ["two"]


async def _somebody_waits(rows: Rows) -> bool:
    query = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await rows.one(query))


async def test_a_thread_that_came_between_lock_and_look_is_not_touched(replica: Replica) -> None:
    """Nobody has locked it for this batch, so it counts as missing and is gathered again."""
    await replica.receive(incoming("S1"))
    replace_query(replica.store._queries["lock"].replace("ORDER BY", "WHERE false ORDER BY"), "lock", replica)
    async with replica.store.batch() as batch:
        assert (await batch.gather([key()], ["S1"])).threads == {}
