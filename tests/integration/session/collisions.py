"""Makes two batches meet: each has some of its locks when both come to one that somebody else holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import psycopg

from parley_chassis.postgres.pool import DatabaseUnavailable
from tests.databases import FreshDatabase
from tests.integration.session.replica import Rows, eventually_async

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'test' AND wait_event_type = 'Lock'
"""


async def deadlocks(database: FreshDatabase, rows: Rows, held: str, *batches: Awaitable[object]) -> int:
    """Runs the batches while a transaction that ran `held` is open, then ends it; how many of them PostgreSQL ended."""
    async with await psycopg.AsyncConnection.connect(database.session_url) as holder:
        await holder.execute(held.encode())
        tasks = [asyncio.ensure_future(batch) for batch in batches]

        async def have_met() -> bool:
            return await rows.one(WAITING) == len([task for task in tasks if not task.done()])

        await eventually_async(have_met)
        await holder.rollback()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return sum(is_deadlock(result) for result in results if isinstance(result, BaseException))


def is_deadlock(error: BaseException) -> bool:
    """Whether that was it. Nothing else may go wrong here."""
    if not (isinstance(error, DatabaseUnavailable) and "DeadlockDetected" in error.message):
        raise error
    return True


async def look_for_deadlocks_soon(database: FreshDatabase) -> None:
    """Lasts until the database is emptied. Connections made before go on as they were."""
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute(b"ALTER DATABASE \"%s\" SET deadlock_timeout = '20ms'" % database.name.encode())
