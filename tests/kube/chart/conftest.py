"""The chart on the real API server, with a node that runs its pods as processes of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from tests.kube.chart.node.box import Image
from tests.kube.chart.node.kubelet import Kubelet, kubelet
from tests.kube.chart.node.names import Names
from tests.kube.chart.node.network import Network, missing, network, to_address
from tests.kube.chart.release import Release
from tests.kube.chart.world import OUTSIDE, World, world_in
from tests.kube.client import Client
from tests.kube.cluster import Cluster
from tests.kube.tools import Helm


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tcp_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL that asks for passwords, as one that somebody operates does."""
    async with embedded_postgres(settings={"fsync": "off", "max_connections": "200"}, tcp=True) as server:
        yield server


@pytest.fixture
async def pod_network(cluster: Cluster) -> AsyncIterator[Network]:
    if why := missing():
        pytest.skip(f"pods cannot run as processes: {why}")
    async with network() as found:
        await found.open_door("10.96.0.1", 443, to_address("127.0.0.1", cluster.port))
        yield found


@pytest.fixture
def authority() -> trustme.CA:
    """Which the world's web servers are believed by."""
    return trustme.CA()


@pytest.fixture
async def node(
    kube: Client, namespace: str, pod_network: Network, authority: trustme.CA, tmp_path: Path
) -> AsyncIterator[Kubelet]:
    """Runs the pods of the test's namespace."""
    etc = tmp_path / "etc"
    etc.mkdir()
    image = Image(etc, authority.cert_pem.bytes())
    names = Names(kube, namespace, tmp_path / "hosts", OUTSIDE)
    async with kubelet(kube, namespace, pod_network, names, image, tmp_path / "pods") as found:
        yield found


@pytest.fixture
async def world(node: Kubelet, authority: trustme.CA, tcp_postgres: EmbeddedPostgres) -> AsyncIterator[World]:
    """What an installation finds: an empty database, Twilio, and an ingress controller."""
    async with world_in(node, authority, tcp_postgres) as found:
        yield found


@pytest.fixture
def release(helms: list[Helm], cluster: Cluster, namespace: str, tmp_path: Path) -> Release:
    """By the newest helm; nothing is installed yet."""
    folder = tmp_path / "helm"
    folder.mkdir()
    return Release(helms[-1], cluster.admin, namespace, folder)
