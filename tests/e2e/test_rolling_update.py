"""Processes that are replaced one by one under a stream of texts: by their like, and by those of a later version."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.migrations import current, migrate
from parley_chassis.postgres.roles import ensure_roles
from parley_cli.stack.free_ports import free_ports
from parley_cli.stack.processes import ServiceProcess, http_probe
from parley_cli.stack.webhooks import Webhooks
from tests.databases import MIGRATIONS, FreshDatabase
from tests.e2e.rig import NUMBERS, Rig, rig
from tests.e2e.stream import PATIENT, stream
from tests.earlier_version import EarlierVersion, NoEarlierVersion, before_newest_migration

REPLICAS = {"session": 2, "notifier": 2}
STEPS = (("session-2", "notifier-2"), ("session", "notifier"))

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_every_process_can_be_replaced_and_nobody_notices(
    database: FreshDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("drain")
    async with rig(database, folder, REPLICAS, PATIENT) as stack, stream(stack) as texts:
        await texts.go_on(10)
        for names in (*STEPS, ("agent",)):
            await texts.under_way()
            await _replace(stack, names)
            await texts.go_on(8)
        await _replace_gateway(stack, folder)
        await texts.go_on(10)


async def _replace(stack: Rig, names: Sequence[str], **told: str) -> None:
    """Stops and starts processes; `told` is all that they are told of PYTHONPATH."""
    processes = [stack.services[name] for name in names]
    assert await asyncio.gather(*(process.stop() for process in processes)) == [0] * len(processes)
    for process in processes:
        process.environment = {key: value for key, value in process.environment.items() if key != "PYTHONPATH"} | told
    await asyncio.gather(*(process.start() for process in processes))


async def _replace_gateway(stack: Rig, folder: Path) -> None:
    """As a balancer does it: the new one gets all that comes, then the old one may finish what it has."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    url = f"http://{address}"
    old = stack.services["gateway"]
    variables = dict(old.environment) | {"PARLEY_GATEWAY_LISTEN": address, "PARLEY_GATEWAY_PUBLIC_URL": url}
    new = ServiceProcess(
        "gateway-2", old.module, variables, http_probe(f"{url}/health/ready"), folder / "gateway-2.log"
    )
    stack.services["gateway-2"] = new
    await new.start()
    hooks = Webhooks(url)
    for number in NUMBERS.values():
        stack.simulator.add_number(number, sms_url=hooks.sms_url, sms_fallback_url=hooks.sms_fallback_url)
    assert await old.stop() == 0


# ---- from the version before


@pytest.fixture(scope="module")
def earlier() -> EarlierVersion:
    try:
        version = before_newest_migration()
        if not version.accepts_newer_schemas:
            raise NoEarlierVersion("the version before this one does not run on a newer schema")
    except NoEarlierVersion as reason:
        pytest.skip(str(reason))
    return version


@pytest.fixture(scope="module")
def earlier_path(earlier: EarlierVersion, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The PYTHONPATH with which a process is of the earlier version."""
    folder = tmp_path_factory.mktemp("earlier")
    path = earlier.unpack(folder)
    look = "import parley_session.app, parley_notifier.app; print(parley_session.__file__, parley_notifier.__file__)"
    found = _run(path, "-c", look).split()
    assert all(place.startswith(str(folder)) for place in found), found
    return path


@pytest.fixture
async def empty_database(postgres: EmbeddedPostgres) -> AsyncIterator[FreshDatabase]:
    """With the services' roles, and no schema."""
    database = FreshDatabase(postgres, f"test_{uuid.uuid4().hex}")
    name = sql.Identifier(database.name)
    server = postgres.url(database="postgres")
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        await ensure_roles(database.admin_url)
        yield database
        await connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


async def test_the_earlier_version_is_replaced_process_by_process(
    empty_database: FreshDatabase, earlier_path: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = empty_database
    for service in MIGRATIONS:
        url = str(getattr(database, f"{service}_url"))
        await asyncio.to_thread(_run, earlier_path, "-c", MIGRATE, url, MIGRATIONS[service], service)
    before = [await current(str(getattr(database, f"{service}_url")), service) for service in MIGRATIONS]
    older = {"PYTHONPATH": earlier_path}
    folder = tmp_path_factory.mktemp("update")
    async with (
        rig(database, folder, REPLICAS, PATIENT, dict.fromkeys(sum(STEPS, ()), older)) as stack,
        stream(stack) as texts,
    ):
        await texts.go_on(10)
        for service, package in MIGRATIONS.items():
            await migrate(str(getattr(database, f"{service}_url")), package, service)
        assert [await current(str(getattr(database, f"{s}_url")), s) for s in MIGRATIONS] != before
        await texts.go_on(10)
        for names in STEPS:
            await texts.under_way()
            await _replace(stack, names)
            await texts.go_on(8)
        # And back again, as after a version that disappoints.
        await _replace(stack, STEPS[0], **older)
        await texts.go_on(10)


MIGRATE = """
import asyncio, sys
from parley_chassis.postgres.migrations import migrate
asyncio.run(migrate(*sys.argv[1:]))
"""


def _run(path: str, *arguments: str) -> str:
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, check=True, text=True
    ).stdout
