"""One pod: its volumes, its init containers, its container and its probes; the API server is told what became of it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.kube.chart.node.box import Box, Image, Mount, Rights
from tests.kube.chart.node.environment import environment_of
from tests.kube.chart.node.names import Names
from tests.kube.chart.node.network import Network
from tests.kube.chart.node.probes import succeeds
from tests.kube.chart.node.volumes import VolumeError, Volumes
from tests.kube.client import PODS, ApiError, Client, Object

EAGER_SECONDS = 0.3
"""Between two probes until one succeeds."""
RESTART_SECONDS = 0.5


@dataclass
class Pod:
    """`problem` is why it does not run or is not ready, as far as that is known."""

    kube: Client
    manifest: Object
    folder: Path
    network: Network
    names: Names
    image: Image
    problem: str = ""
    restarts: int = 0
    box: Box | None = None
    probed: dict[str, int] = field(default_factory=dict)
    """How often a probe of that kind has succeeded."""
    code: int | None = None
    """How its container ended, for good."""
    _is_ready: bool = False
    _is_ended: bool = False

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.volumes = Volumes.of(self.kube, self.manifest, self.folder / "volumes")
        self.address = self.network.new_address()

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def component(self) -> str:
        return str(self.manifest["metadata"].get("labels", {}).get("app.kubernetes.io/component", ""))

    @property
    def container(self) -> Object:
        [container] = self.manifest["spec"]["containers"]
        return container  # type: ignore[no-any-return]

    @property
    def is_running(self) -> bool:
        return self.box is not None and self.box.code is None and not self._is_ended

    def tail(self) -> str:
        return self.box.tail() if self.box else ""

    async def run(self) -> None:
        """Returns when it has ended for good."""
        while not await self._has_volumes():
            await asyncio.sleep(RESTART_SECONDS)
        for init in self.manifest["spec"].get("initContainers", []):
            code = await (await self._start(init)).wait()
            if code:
                self.problem = f"init container {init['name']} ended with {code}"
                await self._tell("Failed", code)
                return
        while not self._is_ended:
            code = await self._live()
            if self.manifest["spec"].get("restartPolicy", "Always") != "Always":
                await self._tell("Failed" if code else "Succeeded", code)
                self.problem = f"ended with {code}" if code else ""
                return
            if not self._is_ended:
                self.problem = self.problem or f"ended with {code}"
                self.restarts += 1
                await self._become(is_ready=False)
                await asyncio.sleep(RESTART_SECONDS)

    async def end(self, grace: float) -> None:
        """As a deletion does: the preStop hook, SIGTERM, and SIGKILL when the grace is over."""
        self._is_ended = True
        began = time.monotonic()
        if self.box and self.box.code is None and grace:
            await self._run_hook(grace)
            self.code = await self.box.stop(grace - (time.monotonic() - began))
        await self.kill()

    async def kill(self) -> None:
        self._is_ended = True
        if self.box:
            await self.box.kill()

    async def _has_volumes(self) -> bool:
        try:
            await self.volumes.refresh()
            self.volumes.mounts(self.container)
            services = self.names.services
            await environment_of(self.kube, self.manifest, self.container, self.address, services)
        except VolumeError as error:
            self.problem = str(error)
            return self._is_ended
        self.problem = ""
        return True

    async def _start(self, container: Object) -> Box:
        told = await environment_of(self.kube, self.manifest, container, self.address, self.names.services)
        hosts = Mount(str(self.names.file), "/etc/hosts")
        box = Box(
            self.folder / container["name"],
            self.image,
            [*container["command"], *container.get("args", [])],
            told,
            [*self.volumes.mounts(container), hosts],
            self.network.plug(self.address),
            _rights(self.manifest, container),
        )
        await box.start()
        return box

    async def _live(self) -> int:
        """One life of the container; how it ended."""
        self.box = box = await self._start(self.container)
        await self._become(is_ready=False)
        probing = asyncio.create_task(self._probe(box))
        try:
            return await box.wait()
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)

    async def _probe(self, box: Box) -> None:
        startup = self.container.get("startupProbe")
        if startup and not await self._until_success("startupProbe", startup, box, limit=_patience(startup)):
            await box.stop(self.manifest["spec"]["terminationGracePeriodSeconds"])
            return
        await asyncio.gather(self._stay_ready(box), self._stay_alive(box))

    async def _stay_ready(self, box: Box) -> None:
        readiness = self.container.get("readinessProbe")
        while True:
            if readiness:
                await self._until_success("readinessProbe", readiness, box)
            await self._become(is_ready=True)
            if not readiness:
                return
            await self._until_failures("readinessProbe", readiness, box)
            await self._become(is_ready=False)

    async def _stay_alive(self, box: Box) -> None:
        if liveness := self.container.get("livenessProbe"):
            await self._until_success("livenessProbe", liveness, box, limit=_patience(liveness))
            await self._until_failures("livenessProbe", liveness, box)
            await box.stop(self.manifest["spec"]["terminationGracePeriodSeconds"])

    async def _until_success(self, kind: str, probe: Object, box: Box, limit: float | None = None) -> bool:
        give_up = None if limit is None else time.monotonic() + limit
        while why := await succeeds(probe, box, self.network, self.container):
            self.problem = f"{kind}: {why}"
            if give_up is not None and time.monotonic() > give_up:
                return False
            await asyncio.sleep(EAGER_SECONDS)
        self.problem = ""
        self.probed[kind] = self.probed.get(kind, 0) + 1
        return True

    async def _until_failures(self, kind: str, probe: Object, box: Box) -> None:
        failures = 0
        while failures < probe.get("failureThreshold", 3):
            await asyncio.sleep(probe.get("periodSeconds", 10))
            why = await succeeds(probe, box, self.network, self.container)
            failures = failures + 1 if why else 0
            self.problem = f"{kind}: {why}" if why else ""
            self.probed[kind] = self.probed.get(kind, 0) + (not why)

    async def _run_hook(self, grace: float) -> None:
        hook = self.container.get("lifecycle", {}).get("preStop", {})
        if "sleep" in hook:
            await asyncio.sleep(min(hook["sleep"]["seconds"], grace))
        elif "exec" in hook and self.box:
            with suppress(TimeoutError, OSError):
                await self.box.execute(hook["exec"]["command"], grace)
        else:
            assert not hook, f"no such hook here: {hook}"

    async def _become(self, *, is_ready: bool) -> None:
        self._is_ready = is_ready
        await self._tell("Running")

    async def _tell(self, phase: str, code: int | None = None) -> None:
        truth = "True" if self._is_ready and phase == "Running" else "False"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        states = {"PodScheduled": "True", "Initialized": "True", "ContainersReady": truth, "Ready": truth}
        ended = {"terminated": {"exitCode": code, "startedAt": now, "finishedAt": now}}
        container = {
            "name": self.container["name"],
            "image": self.container["image"],
            "imageID": "",
            "ready": truth == "True",
            "started": phase == "Running",
            "restartCount": self.restarts,
            "state": ended if code is not None else {"running": {"startedAt": now}},
        }
        conditions = [{"type": kind, "status": status, "lastTransitionTime": now} for kind, status in states.items()]
        status = {"phase": phase, "conditions": conditions, "containerStatuses": [container]}
        status |= {"podIP": self.address, "podIPs": [{"ip": self.address}], "startTime": now}
        with suppress(ApiError):
            await self.kube.patch(PODS, self.name, {"status": status}, subresource="status")


def _patience(probe: Object) -> float:
    seconds: float = probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)
    return seconds


def _rights(pod: Object, container: Object) -> Rights:
    """With `runAsNonRoot` and no user the image's counts, which is 65532."""
    whole, own = pod["spec"].get("securityContext", {}), container.get("securityContext", {})
    both = {**whole, **own}
    groups = [*whole.get("supplementalGroups", []), *([whole["fsGroup"]] if "fsGroup" in whole else [])]
    user = both.get("runAsUser", 65532)
    return Rights(user, both.get("runAsGroup", user), tuple(groups), own.get("readOnlyRootFilesystem", False))
