"""install, upgrade, rollback and uninstall by both helms: migrations run first, and PhoneNumbers survive all of it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.kube.chart.installation import (
    DEPLOYMENTS,
    JOBS,
    SERVICES,
    VALUES,
    Values,
    buy,
    explained,
    install,
    prepare,
    talk,
    the,
    until,
)
from tests.kube.chart.release import CHART, HelmError, Release
from tests.kube.chart.world import PASSWORDS, World
from tests.kube.client import DEFINITIONS, Client
from tests.kube.operator.rig import DEFINITION, PHONE_NUMBERS
from tests.kube.tools import Helm

PARTICIPANT = "+12125559876"


@pytest.fixture(params=[0, 1], ids=["helm-3", "helm-4"])
def each_release(request: pytest.FixtureRequest, helms: list[Helm], release: Release) -> Release:
    """By the older helm, then by the newer."""
    return replace(release, helm=helms[request.param])


def newer_chart(folder: Path) -> Path:
    """The same chart under another version."""
    newer = folder / "newer"
    shutil.copytree(CHART, newer)
    description = newer / "Chart.yaml"
    description.write_text(re.sub(r"(?m)^version: .*", "version: 99.0.0", description.read_text()))
    return newer


@pytest.mark.timeout(600)
async def test_a_release_comes_changes_goes_back_and_goes(
    world: World, each_release: Release, kube: Client, namespace: str, tmp_path: Path
) -> None:
    release = each_release
    await install(release, world)
    assert await tables(world) >= {"session.threads", "notifier.deliveries"}
    number = await buy(world)
    assert await talk(world, number, PARTICIPANT) == ["You said: Hello?"]
    before = await phone_number(kube, namespace)
    sessions = the(world, "session")

    added: Values = {"database": {"name": world.database}}
    change: Values = {"session": {"maxTurns": 77}, "logging": {"level": "DEBUG"}}
    await explained(world, release.of(newer_chart(tmp_path)).upgrade(VALUES, added, change))
    # helm waits for the new pods, not for the end of the old ones.
    await until(lambda: len(world.node.running("session")) == 1, "the older pod stays")
    assert the(world, "session").name != sessions.name
    assert await told(kube, namespace) == "77"
    assert await phone_number(kube, namespace) == before
    assert await talk(world, number, "+12125550101") == ["You said: Hello?"]

    await explained(world, release.rollback())
    assert await told(kube, namespace) == "500"
    assert await phone_number(kube, namespace) == before
    assert await talk(world, number, "+12125550102") == ["You said: Hello?"]

    await explained(world, release.uninstall())
    pods = [pod for pod in world.node.pods.values() if pod.component in SERVICES]
    await until(lambda: all(pod.code is not None for pod in pods), "pods are left")
    ended = {pod.name: pod.code for pod in pods}
    assert set(ended.values()) == {0}, f"what SIGTERM finds is finished: {ended}\n{world.node.problems}"
    assert await phone_number(kube, namespace) == before
    assert (await kube.get(DEFINITIONS, DEFINITION))["metadata"]["name"] == DEFINITION
    [bought] = (await world.twilio.get("/numbers"))["numbers"]
    assert bought["phone_number"] == number, "nothing was released"


async def phone_number(kube: Client, namespace: str) -> str:
    """The resource, by what makes it the same."""
    found = await kube.get(PHONE_NUMBERS, "support", namespace)
    assert "deletionTimestamp" not in found["metadata"]
    return f"{found['metadata']['uid']} {found['status']['phoneNumber']} {found['metadata']['finalizers']}"


async def told(kube: Client, namespace: str) -> str:
    """What the session service is told of maxTurns."""
    found = await kube.get(DEPLOYMENTS, "parley-session", namespace)
    [container] = found["spec"]["template"]["spec"]["containers"]
    [value] = [entry["value"] for entry in container["env"] if entry["name"] == "PARLEY_SESSION_MAX_TURNS"]
    return str(value)


async def tables(world: World) -> set[str]:
    query = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('session', 'notifier')"
    async with await psycopg.AsyncConnection.connect(world.admin_url) as connection:
        return {str(row[0]) for row in await (await connection.execute(query)).fetchall()}


@pytest.mark.timeout(300)
async def test_a_migration_that_fails_stops_an_installation_before_any_pod(
    world: World, release: Release, kube: Client, namespace: str
) -> None:
    added = await prepare(world)
    await world.put_secret("database", **{**PASSWORDS, "session": "another"})
    quick: Values = {"migrations": {"backoffLimit": 0}}
    with pytest.raises(HelmError, match=r"pre-install"):
        await release.install(VALUES, added, quick)
    assert not await kube.find(DEPLOYMENTS, namespace)
    [job] = await kube.find(JOBS, namespace)
    assert job["metadata"]["name"] == "parley-migrate-session", "which is left to be looked at"
    [pod] = [pod for pod in world.node.pods.values() if pod.component == "migrate-session"]
    assert "password authentication failed" in pod.tail()
    assert "another" not in pod.tail()

    # What was wrong is put right, and the same release goes on.
    await prepare(world)
    await explained(world, release("upgrade", "--install", "parley", str(CHART), *release.flags, *files(release)))
    assert len(await kube.find(DEPLOYMENTS, namespace)) == len(SERVICES)


def files(release: Release) -> list[str]:
    return [word for path in sorted(release.folder.glob("values-*.yaml")) for word in ("--values", str(path))]
