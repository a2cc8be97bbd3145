"""A hundred thousand armed sessions: those that fall due are decided in time, each once, by two replicas."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import datetime

import psycopg

from bench.armed import arm
from parley_session.domain.effects import MessageKind
from tests.databases import FreshDatabase
from tests.integration.session.replica import Replica, Rows

ARMED, DUE = 100_000, 2_000
PERIOD = 2.0
"""Seconds in which they fall due."""
POLL, LIMIT = 0.2, 100
PATIENCE = 60.0
LATENESS = """
SELECT t.participant, extract(epoch FROM m.create_time - (t.active_time + interval '24 hours'))::float8
FROM session.messages m JOIN session.threads t ON t.id = m.thread_id WHERE m.kind = %s
"""


async def poll(replica: Replica, end: float, heard: dict[str, float]) -> None:
    """Decides as the notifier has it done, and notes when each warning was committed."""
    while time.monotonic() < end and len(heard) < DUE:
        already = len(replica.handed_over)
        decided = (await replica.time_out(LIMIT)).decided
        now = time.time()
        heard.update((submission.participant, now) for submission in replica.handed_over[already:])
        if decided < LIMIT:
            await asyncio.sleep(POLL)


async def test_of_many_timers_those_that_are_due_fire_once_and_in_time(
    database: FreshDatabase, rows: Rows, replica: Replica, other: Replica
) -> None:
    async with await psycopg.AsyncConnection.connect(database.session_url, autocommit=True) as connection:
        began = time.monotonic()
        first = await arm(connection, ARMED, DUE, PERIOD, lead=1.0)
        print(f"\narmed {ARMED:,} sessions in {time.monotonic() - began:.1f} s")
    heard: dict[str, float] = {}
    end = time.monotonic() + PATIENCE
    await asyncio.gather(*(poll(each, end, heard) for each in (replica, other)))

    warned = Counter(submission.participant for each in (replica, other) for submission in each.handed_over)
    assert set(warned.values()) == {1}
    assert len(warned) == DUE
    decided = await rows.all(LATENESS, MessageKind.WARNING.value)
    assert len(decided) == DUE
    assert min(lateness for _, lateness in decided) >= 0, "none was early"
    late = sorted(heard[participant] - _due(first, participant) for participant in warned)
    print(f"committed late by {late[DUE // 2] * 1000:.0f} ms (p50), {late[DUE * 99 // 100] * 1000:.0f} ms (p99)")
    assert late[0] >= 0
    assert await rows.one(
        "SELECT count(*) FROM session.sessions WHERE due_time > session.now() + interval '1 hour'"
    ) == (ARMED - DUE), "the others are as they were"


def _due(first: datetime, participant: str) -> float:
    return first.timestamp() + int(participant[-7:]) * PERIOD / DUE
