"""A Kubernetes control plane for the whole run, a namespace for each test, and users with the permissions it names.

Skipped where there is no control plane to be had; with PARLEY_KUBE_REQUIRED=1, as `make test-kube` sets, that fails.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.kube.accounts import ServiceAccounts
from tests.kube.client import NAMESPACES, SERVICE_ACCOUNTS, Client, connected
from tests.kube.cluster import Cluster, running_cluster
from tests.kube.kubectl import Kubectl
from tests.kube.programs import Programs, find_programs
from tests.kube.store import MissingError
from tests.kube.tools import Helm, find_helms


@pytest.fixture(scope="session")
def programs() -> Programs:
    """The control plane's programs and kubectl."""
    with _required_or_skipped():
        return find_programs()


@pytest.fixture(scope="session")
def helms() -> list[Helm]:
    """Helm 3 and Helm 4."""
    with _required_or_skipped():
        return find_helms()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """The control plane. A test may stop, kill and start its parts: the next one finds all of them at work."""
    async with running_cluster(programs, tmp_path_factory.mktemp("kube")) as cluster:
        yield cluster


@pytest.fixture
async def kube(cluster: Cluster) -> AsyncIterator[Client]:
    """The API as its administrator sees it."""
    await cluster.start()
    async with connected(cluster.admin) as client:
        yield client


@pytest.fixture
async def namespace(cluster: Cluster, kube: Client) -> AsyncIterator[str]:
    """A new namespace, the test's own, with Pod Security `restricted`; its deletion is begun and not waited for."""
    name = f"test-{uuid4().hex[:12]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await kube.create(NAMESPACES, {"kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    # Until the controllers have made it, no pod is admitted.
    await kube.wait_for(SERVICE_ACCOUNTS, "default", lambda _: True, name)
    kube.namespace = name
    yield name
    await cluster.start()
    await kube.delete(NAMESPACES, name)


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Kubectl:
    """kubectl in the test's namespace, as the administrator."""
    return Kubectl(cluster.programs.kubectl, cluster.admin, namespace)


@pytest.fixture
def service_account(cluster: Cluster, kube: Client, namespace: str, tmp_path: Path) -> ServiceAccounts:
    """Makes one in the test's namespace: `kubeconfig = await service_account("operator", rules=[...])`."""
    return ServiceAccounts(cluster, kube, namespace, tmp_path)


@contextmanager
def _required_or_skipped() -> Iterator[None]:
    try:
        yield
    except MissingError as error:
        if os.environ.get("PARLEY_KUBE_REQUIRED") == "1":
            raise
        pytest.skip(str(error))
