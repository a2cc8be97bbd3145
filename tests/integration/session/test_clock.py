"""The clock of people's deadlines: it is skipped for all replicas, and no row is aged; nothing else goes by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from itertools import pairwise
from typing import TypeVar

import psycopg

from parley_session.adapters.postgres.clock import PostgresClock
from parley_session.domain.events import Receive
from parley_session.domain.thread import EndReason
from parley_session.handlers.receive_messages import Incoming, Outcome
from parley_session.ports import ThreadKey
from tests.databases import FreshDatabase
from tests.integration.session.asking import REASONS, ending, talk
from tests.integration.session.replica import Replica, Rows, answer, eventually_async, incoming
from tests.integration.session.silence import DAY, GRACE, HOUR, MINUTE, is_about, left, warnings

CHAT = ThreadKey(2, "echo", "visitor-1")
T = TypeVar("T")


async def test_time_is_skipped_for_all_and_no_row_is_aged(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    before = await rows.all("SELECT (SELECT s FROM session.sessions s)::text, (SELECT t FROM session.threads t)::text")
    first = await clock.skip(HOUR)
    second = await clock.skip(DAY)
    assert is_about(second - first, DAY) or second - first > DAY
    assert (
        await rows.all("SELECT (SELECT s FROM session.sessions s)::text, (SELECT t FROM session.threads t)::text")
        == before
    )
    assert (await other.time_out()).decided == 1


async def test_skipping_nothing_tells_the_time(rows: Rows, clock: PostgresClock) -> None:
    await clock.skip(DAY)
    told = await clock.skip(timedelta(0))
    now = await rows.one("SELECT session.now()")
    assert abs(now - told) < MINUTE  # type: ignore[operator]
    assert is_about(await rows.one("SELECT session.now() - clock_timestamp()"), DAY)  # type: ignore[arg-type]


async def test_skips_that_meet_add_up(rows: Rows, clock: PostgresClock) -> None:
    await asyncio.gather(*(clock.skip(HOUR) for _ in range(4)))
    assert await rows.one("SELECT ahead FROM session.clock") == 4 * HOUR


async def test_leases_and_pauses_are_not_skipped(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    await replica.receive(incoming("S2", "more"))
    await clock.skip(100 * DAY)
    assert not await other.claim()
    assert other.started == []
    assert await other.store.take_unsubmitted(10) == []


async def test_a_chat_is_warned_and_ended_without_anybodys_word(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await rows.all("INSERT INTO session.agents (name, version, settings) VALUES ('echo', '1', '{}')")
    (received,) = await replica.receive(Incoming(CHAT, Receive("W1", "hello")))
    assert received.outcome is Outcome.ACCEPTED
    await replica.commit(answer(replica.last, "hi"))
    await clock.skip(DAY)
    await replica.time_out()
    assert len(await warnings(rows)) == 1
    assert is_about(await left(rows, CHAT.participant), GRACE)
    await clock.skip(GRACE)
    assert (await replica.time_out()).decided == 1
    assert await rows.all(REASONS) == [(EndReason.INACTIVE,)]
    assert replica.handed_over == [], "a chat has no deliveries"
    assert await rows.one("SELECT count(*) FROM session.outbox") == 0


# ---- a clock that is moved between a decision and its write


async def skip_before_the_write(
    decision: Awaitable[T], database: FreshDatabase, rows: Rows, clock: PostgresClock, duration: timedelta
) -> T:
    """Lets what is decided wait with its write until time is skipped."""
    async with await psycopg.AsyncConnection.connect(database.session_url) as holder:
        await holder.execute("LOCK TABLE session.messages IN SHARE MODE")
        deciding = asyncio.ensure_future(decision)
        await eventually_async(lambda: _one_waits(rows))
        await clock.skip(duration)
        await holder.rollback()
    return await deciding


async def _one_waits(rows: Rows) -> bool:
    query = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await rows.one(query))


async def test_a_text_that_is_written_after_a_skip_was_said_before_it(
    database: FreshDatabase, replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await skip_before_the_write(replica.receive(incoming("S1")), database, rows, clock, DAY)
    ((said, opened),) = await rows.all("SELECT m.create_time, s.open_time FROM session.messages m, session.sessions s")
    assert said == opened == await rows.one("SELECT active_time FROM session.threads")


async def test_a_reply_that_is_written_after_a_skip_is_older_than_the_silence_that_is_warned_of(
    database: FreshDatabase, replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await replica.receive(incoming("S1"))
    await skip_before_the_write(replica.commit(answer(replica.last, "hi")), database, rows, clock, DAY)
    assert (await replica.time_out()).decided == 1
    told = await rows.all("SELECT create_time FROM session.messages ORDER BY position")
    assert [after - before >= DAY for (before,), (after,) in pairwise(told)] == [False, True]


async def test_an_end_that_is_written_after_a_skip_was_before_it(
    database: FreshDatabase, replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    session_id = await talk(replica, rows)
    await skip_before_the_write(replica.ask(ending(session_id)), database, rows, clock, DAY)
    assert await rows.one("SELECT end_time < open_time + interval '1 hour' FROM session.sessions") is True
