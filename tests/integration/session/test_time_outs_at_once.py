"""Several processes that decide silence at the same time, and some that die in it: each session is decided once."""

from __future__ import annotations

import asyncio
from collections import Counter

import psycopg
import pytest

from parley_chassis.postgres.pool import DatabaseUnavailable
from parley_session.adapters.postgres.clock import PostgresClock
from parley_session.domain.thread import EndReason
from parley_session.handlers.receive_messages import Outcome
from parley_session.ports import DeliveryRecord
from tests.databases import FreshDatabase
from tests.integration.session.asking import REASONS, ending, talk
from tests.integration.session.replica import (
    Replica,
    Rows,
    answer,
    eventually_async,
    incoming,
    key,
    replica_running,
)
from tests.integration.session.silence import ACCEPTED, DAY, GRACE, warn, warn_and_accept, warnings
from tests.integration.session.wire import wire_to

PEOPLE = [f"+1666{number:07d}" for number in range(120)]


async def converse(replica: Replica, people: list[str]) -> None:
    """An engaged session with each of them."""
    replica.free_slots = 1000
    await replica.receive(*(incoming(f"S{person}", participant=person) for person in people))
    await replica.commit(*(answer(run, "hi") for run, _ in replica.started))


async def decide_all(*replicas: Replica, limit: int = 20) -> int:
    """Until nothing is due; how many were decided."""

    async def decide(replica: Replica) -> int:
        decided = 0
        while (timed_out := await replica.time_out(limit)).decided:
            decided += timed_out.decided
        return decided

    return sum(await asyncio.gather(*(decide(each) for each in replicas for _ in range(2))))


async def test_two_replicas_warn_each_once(replica: Replica, other: Replica, rows: Rows, clock: PostgresClock) -> None:
    await converse(replica, PEOPLE)
    await clock.skip(DAY)
    replica.handed_over.clear()
    await decide_all(replica, other)
    warned = Counter(s.participant for each in (replica, other) for s in each.handed_over)
    assert warned == Counter(PEOPLE)
    assert len(await warnings(rows)) == len(PEOPLE)


async def test_two_replicas_end_each_once(replica: Replica, other: Replica, rows: Rows, clock: PostgresClock) -> None:
    await converse(replica, PEOPLE)
    await clock.skip(DAY)
    await decide_all(replica, other)
    await replica.record(*(DeliveryRecord(warning, ACCEPTED) for warning in await warnings(rows)))
    await clock.skip(GRACE)
    covered = (await replica.time_out()).now
    looks = await asyncio.gather(*(each.time_out(50, covered) for each in (replica, other) * 3))
    assert sum(look.decided for look in looks) >= len(PEOPLE)
    assert await rows.all("SELECT DISTINCT end_reason FROM session.sessions") == [(EndReason.INACTIVE,)]
    ends = "SELECT count(*), count(DISTINCT session_id) FROM session.turns WHERE kind = 3"
    assert await rows.all(ends) == [(len(PEOPLE), len(PEOPLE))]


async def test_what_somebody_is_at_work_on_is_not_waited_for(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await converse(replica, PEOPLE[:3])
    await clock.skip(DAY)
    async with replica.store.batch() as batch:
        await batch.gather([key(PEOPLE[1])])
        async with asyncio.timeout(20):
            assert (await other.time_out()).decided == 2
    assert (await other.time_out()).decided == 1
    assert len(await warnings(rows)) == 3


async def test_a_text_and_the_end_that_meet_leave_one_answered_text(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    """Whichever is first: it keeps its session, or it opens the next one."""
    await converse(replica, PEOPLE[:20])
    await clock.skip(DAY)
    await replica.time_out()
    await replica.record(*(DeliveryRecord(warning, ACCEPTED) for warning in await warnings(rows)))
    await clock.skip(GRACE)
    covered = (await replica.time_out()).now
    ending_them = asyncio.create_task(replica.time_out(100, covered))
    received = await asyncio.gather(*(other.receive(incoming(f"T{person}", "wait", person)) for person in PEOPLE[:20]))
    await ending_them
    assert {one.outcome for (one,) in received} == {Outcome.ACCEPTED}
    other.free_slots = replica.free_slots = 1000
    for _ in range(2):
        runs = [run for each in (replica, other) for run, _ in each.started]
        await replica.commit(*(answer(run, "ok") for run in {run.thread.id: run for run in runs}.values()))
        await other.claim()
    unanswered = "SELECT count(*) FROM session.threads WHERE last_inbound > taken"
    assert await rows.one(unanswered) == 0
    closed = "SELECT count(*) FROM session.threads WHERE session_id IS NULL"
    assert await rows.one(closed) == 0, "a text that came last has an open session"


async def test_a_session_that_ended_between_look_and_lock_is_left_alone(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    session_id = await talk(replica, rows)
    await clock.skip(DAY)
    await asyncio.gather(replica.ask(ending(session_id)), other.time_out(), other.time_out())
    assert await rows.all(REASONS) == [(EndReason.ENDED_BY_REQUEST,)]
    assert len(await warnings(rows)) <= 1


# ---- processes that die


async def test_a_warning_whose_commit_nobody_heard_of_is_sent_once(
    database: FreshDatabase, rows: Rows, clock: PostgresClock, other: Replica
) -> None:
    async with wire_to(database.session_url) as wire, replica_running(wire.url) as cut_off:
        await talk(cut_off, rows)
        await clock.skip(DAY)
        wire.swallow_commits()
        with pytest.raises(DatabaseUnavailable):
            await cut_off.time_out()
        assert wire.swallowed == 1
        assert (await cut_off.time_out()).decided == 0, "it was done"
    assert len(await warnings(rows)) == 1
    await rows.all("UPDATE session.outbox SET next_submit_time = clock_timestamp()")
    handed_over = await other.store.take_unsubmitted(10)
    assert [submission.message_id for submission in handed_over][1:] == await warnings(rows)


async def test_a_process_that_is_killed_before_its_commit_has_decided_nothing(
    database: FreshDatabase, rows: Rows, replica: Replica, other: Replica, clock: PostgresClock
) -> None:
    await converse(replica, PEOPLE[:5])
    await clock.skip(DAY)
    async with await psycopg.AsyncConnection.connect(database.session_url) as holder:
        await holder.execute("LOCK TABLE session.messages IN SHARE MODE")
        deciding = asyncio.create_task(replica.time_out())
        await eventually_async(lambda: _waits(rows))
        assert (await other.time_out()).decided == 0, "their threads are locked"
        await rows.all(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'test' AND wait_event_type = 'Lock'"
        )
        with pytest.raises(DatabaseUnavailable):
            await deciding
        await holder.rollback()
    assert await warnings(rows) == []
    assert (await other.time_out()).decided == 5
    assert len(await warnings(rows)) == 5


async def test_an_end_whose_commit_nobody_heard_of_runs_its_end_once(
    database: FreshDatabase, rows: Rows, clock: PostgresClock, other: Replica
) -> None:
    async with wire_to(database.session_url) as wire, replica_running(wire.url, lease=0.05) as cut_off:
        session_id = await talk(cut_off, rows)
        grace_end = await warn_and_accept(cut_off, rows, clock)
        await clock.skip(GRACE)
        wire.swallow_commits()
        with pytest.raises(DatabaseUnavailable):
            await cut_off.time_out(covered=grace_end)
        assert [run.session.id for run, _ in cut_off.started] == [session_id], "only its start"
    run = await other.claim_one()
    assert (run.session.id, run.turn.fence) == (session_id, 2)
    assert await rows.all(REASONS) == [(EndReason.INACTIVE,)]


async def test_a_word_of_the_provider_that_two_hear_begins_one_grace(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    warning = await warn(replica, rows, clock)
    await asyncio.gather(
        *(each.record(DeliveryRecord(warning, state)) for each in (replica, other) for state in (3, 4))
    )
    first = await rows.one("SELECT grace_end FROM session.sessions")
    assert first is not None
    await replica.record(DeliveryRecord(warning, 5))
    assert await rows.one("SELECT grace_end FROM session.sessions") == first


async def _waits(rows: Rows) -> bool:
    query = (
        "SELECT count(*) > 0 FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'test' AND wait_event_type = 'Lock'"
    )
    return bool(await rows.one(query))
