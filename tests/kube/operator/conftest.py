"""The operator between its neighbours; a test starts it itself, by `await rig.start()`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.databases import FreshDatabase
from tests.kube.client import Client
from tests.kube.cluster import Cluster
from tests.kube.operator.rig import Rig, rig_in


@pytest.fixture
async def rig(
    cluster: Cluster, kube: Client, namespace: str, database: FreshDatabase, tmp_path: Path
) -> AsyncIterator[Rig]:
    async with rig_in(cluster, kube, namespace, database, tmp_path) as rig:
        yield rig
