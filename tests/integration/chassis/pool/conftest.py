"""One embedded server for the tests of the pool, and databases on it with an empty table."""

from collections.abc import AsyncIterator

import pytest_asyncio

from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_chassis.postgres.pool import Database, database
from tests.integration.chassis.pool.trial import SIZE


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    async with embedded_postgres(settings={"fsync": "off", "deadlock_timeout": "20ms"}) as server:
        yield server


@pytest_asyncio.fixture
async def db(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """A database of three connections with one empty table."""
    async with database(postgres.url(), application="parley-trial", size=SIZE) as opened:
        await opened.run("DROP TABLE IF EXISTS trial")
        await opened.run("CREATE TABLE trial (id int PRIMARY KEY, text text UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        yield opened


@pytest_asyncio.fixture
async def single(postgres: EmbeddedPostgres, db: Database) -> AsyncIterator[Database]:
    """The same database over one connection, so that what is SET stays set."""
    async with database(postgres.url(), application="parley-single", size=1) as opened:
        yield opened
