"""A number moves into a messaging service while somebody texts STOP to it: the STOP is known where the number is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from parley_chassis.errors import Unavailable
from parley_chassis.postgres.engine import engine
from parley_session.adapters.postgres.numbers import PostgresNumberStore
from parley_session.handlers.receive_messages import Outcome
from parley_session.ports import NumberChange
from tests.databases import FreshDatabase
from tests.integration.session.asking import talk
from tests.integration.session.replica import OURS, Replica, Rows, eventually_async, incoming

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
async def numbers(database: FreshDatabase) -> AsyncIterator[PostgresNumberStore]:
    async with engine(database.session_url, application="test") as created:
        yield PostgresNumberStore(created)


async def wait_for_waiters(rows: Rows, count: int) -> None:
    async def are_waiting() -> bool:
        return await rows.one(WAITING) == count

    await eventually_async(are_waiting)


async def is_ignored(replica: Replica) -> bool:
    return (await replica.receive(incoming("S3", "anybody?")))[0].outcome is Outcome.IGNORED


async def test_a_stop_that_is_being_written_moves_along(
    replica: Replica, rows: Rows, database: FreshDatabase, numbers: PostgresNumberStore
) -> None:
    await talk(replica, rows)
    async with await psycopg.AsyncConnection.connect(database.session_url) as somebody:
        await somebody.execute("SELECT FROM session.outbox FOR UPDATE")
        stop = asyncio.create_task(replica.receive(incoming("S2", "STOP")))
        await wait_for_waiters(rows, 1)
        move = asyncio.create_task(numbers.update_number(OURS, NumberChange(opt_out_scope="MG1"), allow_missing=False))
        await wait_for_waiters(rows, 2)
    await asyncio.gather(stop, move)
    assert await is_ignored(replica)


async def test_a_stop_that_was_read_before_the_move_comes_again(
    replica: Replica, rows: Rows, database: FreshDatabase
) -> None:
    await talk(replica, rows)
    async with await psycopg.AsyncConnection.connect(database.session_url) as somebody:
        await somebody.execute("UPDATE session.numbers SET opt_out_scope = 'MG1'")
        stop = asyncio.create_task(replica.receive(incoming("S2", "STOP")))
        await wait_for_waiters(rows, 1)
    with pytest.raises(Unavailable):
        await stop
    await replica.receive(incoming("S2", "STOP"))
    assert await rows.one("SELECT scope FROM session.opt_outs") == "MG1"
    assert await is_ignored(replica)
