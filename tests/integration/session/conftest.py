"""A session database with one registered number, and replicas of the service's handlers on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from parley_chassis.postgres.engine import engine
from parley_session.adapters.postgres.clock import PostgresClock
from tests.databases import FreshDatabase
from tests.integration.session.collisions import look_for_deadlocks_soon
from tests.integration.session.replica import Replica, Rows, replica_running


@pytest.fixture
async def impatient(database: FreshDatabase) -> None:
    """Makes PostgreSQL look for deadlocks soon. To be asked for before the replicas."""
    await look_for_deadlocks_soon(database)


@pytest.fixture
async def rows(database: FreshDatabase) -> AsyncIterator[Rows]:
    """The database itself, with one number registered."""
    async with await psycopg.AsyncConnection.connect(database.session_url, autocommit=True) as connection:
        rows = Rows(connection)
        await rows.register()
        yield rows


@pytest.fixture
async def replica(database: FreshDatabase, rows: Rows) -> AsyncIterator[Replica]:
    async with replica_running(database.session_url) as replica:
        yield replica


@pytest.fixture
async def other(database: FreshDatabase, rows: Rows) -> AsyncIterator[Replica]:
    """A second process on the same database."""
    async with replica_running(database.session_url) as replica:
        yield replica


@pytest.fixture
async def clock(database: FreshDatabase, rows: Rows) -> AsyncIterator[PostgresClock]:
    """The clock of people's deadlines, for all replicas."""
    async with engine(database.session_url, application="test") as created:
        yield PostgresClock(created)
