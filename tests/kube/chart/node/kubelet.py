"""A node: runs the pods of one namespace as processes, from their manifests as the API server has them.

The cluster's own controllers do the rest. A probe that has not succeeded yet is made more often than it says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.kube.chart.node.box import Image
from tests.kube.chart.node.names import Names
from tests.kube.chart.node.network import Network
from tests.kube.chart.node.pod import Pod
from tests.kube.client import NAMESPACES, PODS, UNREACHABLE, ApiError, Client, Object, Resource

NODES = Resource("v1", "nodes", is_namespaced=False)
LEASES = Resource("coordination.k8s.io/v1", "leases")
LOOK_SECONDS = 0.2
BEAT_SECONDS = 8.0
"""After 50 s without a beat the cluster gives a node up."""
GONE = 404


@dataclass
class Kubelet:
    """`pods` are by name, also those that have ended; `problems` is what went wrong, in words, for tests that fail."""

    kube: Client
    namespace: str
    network: Network
    names: Names
    image: Image
    folder: Path
    node: str
    pods: dict[str, Pod] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _ending: set[str] = field(default_factory=set)

    @property
    def problems(self) -> str:
        return "\n".join(f"{name}: {pod.problem}\n{pod.tail()}" for name, pod in self.pods.items() if pod.problem)

    @property
    def logs(self) -> str:
        """The last lines of every pod."""
        return "\n".join(f"--- {name}: {pod.problem or 'well'}\n{pod.tail()}" for name, pod in self.pods.items())

    def running(self, component: str) -> list[Pod]:
        """The pods of a component that have not ended, oldest first."""
        return [pod for pod in self.pods.values() if pod.component == component and pod.is_running]

    async def refresh_volumes(self) -> None:
        """What a kubelet does within a minute of a change of a Secret or a ConfigMap."""
        await asyncio.gather(*(pod.volumes.refresh() for pod in self.pods.values() if pod.is_running))

    async def run(self) -> None:
        beat = 0.0
        while True:
            with suppress(*UNREACHABLE):
                if time.monotonic() - beat > BEAT_SECONDS:
                    await self._beat()
                    beat = time.monotonic()
                await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        await self.names.refresh()
        found = await self.kube.find(PODS, self.namespace)
        there = {pod["metadata"]["name"] for pod in found}
        for manifest in found:
            name = manifest["metadata"]["name"]
            if "deletionTimestamp" in manifest["metadata"]:
                self._begin_end(name, manifest["metadata"].get("deletionGracePeriodSeconds", 30))
            elif name not in self.pods and manifest.get("status", {}).get("phase") == "Pending":
                self.pods[name] = self._new_pod(manifest)
                self._begin(self._run(self.pods[name]))
        for name in set(self.pods) - there - self._ending:
            self._begin_end(name, 0)

    def _new_pod(self, manifest: Object) -> Pod:
        folder = self.folder / manifest["metadata"]["name"]
        return Pod(self.kube, manifest, folder, self.network, self.names, self.image)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin_end(self, name: str, grace: float) -> None:
        if name not in self._ending:
            self._ending.add(name)
            self._begin(self._end(name, grace))

    async def _run(self, pod: Pod) -> None:
        binding = {"kind": "Binding", "apiVersion": "v1", "metadata": {"name": pod.name}, "target": {"name": self.node}}
        try:
            await self.kube.create(Resource("v1", f"pods/{pod.name}/binding"), binding, self.namespace)
            pod.manifest["spec"]["nodeName"] = self.node
            await pod.run()
        except ApiError as error:
            if error.status != GONE:
                pod.problem = str(error)
        except Exception as error:
            pod.problem = repr(error)

    async def _end(self, name: str, grace: float) -> None:
        if name in self.pods:
            await self.pods[name].end(grace)
        with suppress(ApiError):
            await self.kube.delete(PODS, name, self.namespace, grace_seconds=0)

    async def _beat(self) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        spec = {"holderIdentity": self.node, "leaseDurationSeconds": 40, "renewTime": now}
        await self.kube.apply(
            LEASES, {"kind": "Lease", "metadata": {"name": self.node}, "spec": spec}, "kube-node-lease"
        )

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(pod.kill() for pod in self.pods.values()))


@asynccontextmanager
async def kubelet(
    kube: Client, namespace: str, network: Network, names: Names, image: Image, folder: Path
) -> AsyncIterator[Kubelet]:
    node = f"node-{namespace}"
    await kube.apply(NAMESPACES, {"kind": "Namespace", "metadata": {"name": "kube-node-lease"}})
    await kube.apply(NODES, {"kind": "Node", "metadata": {"name": node}})
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "", "lastHeartbeatTime": now}
    await kube.patch(NODES, node, {"status": {"conditions": [ready]}}, subresource="status")
    found = Kubelet(kube, namespace, network, names, image, folder, node)
    task = asyncio.create_task(found.run(), name="kubelet")
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await found.close()
        await kube.delete(NODES, node)
