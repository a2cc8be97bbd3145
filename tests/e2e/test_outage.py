"""An outage of ours ends no session: before the end, Twilio's own list is asked for a reply that we missed (S8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from tests.databases import FreshDatabase
from tests.e2e.rig import NUMBERS, Rig, rig

PARTICIPANT = "+16660500001"
CLOCK = """
INSERT INTO session.clock (ahead) VALUES (%s::interval)
ON CONFLICT (sole) DO UPDATE SET ahead = clock.ahead + excluded.ahead
"""


@pytest.fixture
async def running(database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(database, tmp_path) as running:
        yield running


async def one(running: Rig, query: str, *parameters: str) -> object:
    async with await psycopg.AsyncConnection.connect(running.database.admin_url, autocommit=True) as connection:
        cursor = await connection.execute(query.encode(), parameters)
        row = await cursor.fetchone() if cursor.description else (None,)
    assert row
    return row[0]


async def until(running: Rig, query: str, expected: object, timeout: float = 30.0) -> None:
    async with asyncio.timeout(timeout):
        while await one(running, query) != expected:
            await asyncio.sleep(0.05)


async def test_a_reply_at_nine_and_a_half_minutes_survives_an_outage_until_ten_and_twenty_seconds(
    running: Rig,
) -> None:
    await running.text(PARTICIPANT, "Hello")
    await running.replies(PARTICIPANT, 1)
    await one(running, CLOCK, "24 hours")
    assert "still there" in (await running.replies(PARTICIPANT, 2))[-1]
    await until(running, "SELECT count(*) FROM session.sessions WHERE grace_end IS NOT NULL", 1)

    await one(running, CLOCK, "9 minutes 30 seconds")
    for service in ("gateway", "session", "notifier", "agent"):
        await running.services[service].kill()
    inbound = await running.simulator.text(PARTICIPANT, NUMBERS["desk"], "Yes, I am")
    assert inbound.outcome not in ("delivered", "fallback"), "nobody was there to take it"
    await one(running, CLOCK, "50 seconds")

    for service in ("agent", "notifier", "session", "gateway"):
        await running.services[service].start()
    await running.replies(PARTICIPANT, 3)
    await running.settled()
    assert await one(running, "SELECT count(*) FROM session.sessions") == 1
    assert await one(running, "SELECT end_reason FROM session.sessions") is None
    await running.check()


async def test_without_a_reply_the_same_outage_ends_the_session(running: Rig) -> None:
    await running.text(PARTICIPANT, "Hello")
    await running.replies(PARTICIPANT, 1)
    await one(running, CLOCK, "24 hours")
    await running.replies(PARTICIPANT, 2)
    await until(running, "SELECT count(*) FROM session.sessions WHERE grace_end IS NOT NULL", 1)
    await one(running, CLOCK, "9 minutes 30 seconds")
    await running.services["notifier"].kill()
    await one(running, CLOCK, "50 seconds")
    assert await one(running, "SELECT end_reason FROM session.sessions") is None
    await running.services["notifier"].start()
    await until(running, "SELECT end_reason FROM session.sessions", 3)
