"""A real PostgreSQL for whoever asks for one: one server for the whole run, an empty database for each test."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator

import grpc.aio
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from tests.databases import FreshDatabase, fresh_database, make_template

# Hears all that is told while tests run.
pytest_plugins = ["tests.canary.plugin"]

# Their assertions tell what they compared, as those of the tests do.
pytest.register_assert_rewrite("tests.chaos", "tests.chart", "tests.e2e", "tests.kube")

# A process that starts another one while gRPC is at work would run gRPC's own preparations for a fork, which end the
# child now and then; ours become other programs at once. Read when gRPC is first used.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# That the machine is busy is no fault of what is tested.
settings.register_profile("parley", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("parley")

# Nothing that is collected is garbage, and to look through it again and again takes a third of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage; what was collected stays to the end, and is looked through no more."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first; a run that ended with it would end with one process at work."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def grpc_engine() -> None:
    """Keeps gRPC's threads for the whole run.

    Otherwise they end with the last channel, which garbage collection may find in any thread while another test begins.
    """
    grpc.aio.init_grpc_aio()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """The server. Its data does not survive a crash of the machine, and need not."""
    async with embedded_postgres(settings={"fsync": "off", "max_connections": "200"}) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    """The database with all schemas that fresh ones are copies of; nobody may stay connected to it."""
    return await make_template(postgres)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[FreshDatabase]:
    async with fresh_database(postgres, template) as fresh:
        yield fresh


@pytest.fixture
async def database(shared_database: FreshDatabase) -> FreshDatabase:
    """An empty database with the schemas of all services; the test's own while it runs."""
    await shared_database.empty()
    return shared_database
