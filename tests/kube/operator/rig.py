"""The operator as a process of its own, between a real API server, a simulated Twilio and a real session service.

It has the permissions of operator/deploy/rbac.yaml and no others. Tests start, kill and start it again, with other
settings if they like.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import yaml

import parley_simulator.app
from parley.session.v1 import number_pb2, number_service_pb2, number_service_pb2_grpc
from parley_cli.stack.free_ports import free_ports
from parley_operator.domain.resource import FINALIZER, GROUP, KIND, PLURAL, VERSION
from parley_simulator.domain.numbers import Number
from parley_simulator.settings import Settings as SimulatorSettings
from parley_simulator.simulator import Simulator
from tests.contract.session.scripted_agent import ScriptedAgent, agent_running
from tests.databases import FreshDatabase
from tests.integration.session.services import KeepingNotifier, Surroundings, notifier_running, service_running
from tests.kube.accounts import ServiceAccounts
from tests.kube.client import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    DEFINITIONS,
    NAMESPACES,
    PATIENCE_SECONDS,
    SERVICE_ACCOUNTS,
    ApiError,
    Client,
    Object,
    Predicate,
    Resource,
    has_condition,
)
from tests.kube.cluster import Cluster
from tests.kube.daemon import Daemon

OPERATOR = Path(__file__).parents[3] / "operator"
RBAC = OPERATOR / "deploy/rbac.yaml"
CRD = OPERATOR / "src/parley_operator/crd/phonenumbers.yaml"
PHONE_NUMBERS = Resource(f"{GROUP}/{VERSION}", PLURAL)
DEFINITION = f"{PLURAL}.{GROUP}"
PUBLIC_URL = "https://gateway.example.com"
ACCOUNT_SID, AUTH_TOKEN = "AC" + "0" * 31 + "1", "the-token-of-the-test-account"
NAMESPACE, ACCOUNT = "parley", "parley-operator"
"""Where rbac.yaml puts the operator, and as whom."""
KINDS = {
    "ServiceAccount": SERVICE_ACCOUNTS,
    "ClusterRole": CLUSTER_ROLES,
    "ClusterRoleBinding": CLUSTER_ROLE_BINDINGS,
}
SHORT: dict[str, object] = {
    "resync": 1.0,
    "observe_age": 0.3,
    "settle": 1.0,
    "list_interval": 2.0,
    "twilio_timeout": 10.0,
}
"""Of the operator's settings: its durations, shortened."""


@dataclass
class Rig:
    """Nothing runs of the operator until `start`. Objects are those of `namespace` unless another is named."""

    kube: Client
    namespace: str
    simulator: Simulator
    session_address: str
    """The session service's."""
    register: number_service_pb2_grpc.NumberServiceAsyncStub
    """What the session service knows about numbers."""
    notifier: KeepingNotifier
    kubeconfig: Path
    """The operator's."""
    folder: Path
    public_url: str = PUBLIC_URL
    environment: dict[str, str] = field(default_factory=lambda: {"PARLEY_INSECURE_DEV": "1"})
    """What the operator is told as every process is."""
    daemon: Daemon | None = None
    _settings: dict[str, object] = field(default_factory=dict)
    _listen: str = ""

    def __post_init__(self) -> None:
        self.mount(api_base_url=self.simulator.api_url, account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN)

    @property
    def accounts(self) -> Path:
        """The folder with the mounted Twilio accounts."""
        return self.folder / "accounts"

    @property
    def log(self) -> str:
        """What the operator has said so far."""
        return (self.folder / "operator.log").read_text(errors="replace")

    def mount(self, name: str = "default", **values: str) -> None:
        """Writes values of a Twilio account, as a Secret's volume shows them."""
        account = self.accounts / name
        account.mkdir(parents=True, exist_ok=True)
        for file, value in values.items():
            (account / file).write_text(value)

    # The process.

    async def start(self, **settings: object) -> None:
        """Returns when it has listed the resources. `settings` by name; those of an earlier start are kept."""
        self._settings |= settings
        self.launch()
        await self.until_health(200, "/health/ready")

    def launch(self) -> None:
        """The process begins, and nobody waits for it."""
        self._listen = f"127.0.0.1:{free_ports(1)[0]}"
        told = {
            **SHORT,
            "listen": self._listen,
            "session_address": self.session_address,
            "public_url": self.public_url,
            "twilio_accounts": self.accounts,
            "purchase_limit": 2000,
            **self._settings,
        }
        variables = [f"PARLEY_OPERATOR_{name.upper()}={value}" for name, value in told.items()]
        variables += [f"KUBECONFIG={self.kubeconfig}", *(f"{name}={value}" for name, value in self.environment.items())]
        command = ["env", *variables, sys.executable, "-m", "parley_operator"]
        self.daemon = Daemon(command, self.folder / "operator.log")
        self.daemon.start()

    def kill(self) -> None:
        """As a crash ends it."""
        assert self.daemon is not None
        self.daemon.kill()

    async def stop(self) -> None:
        """As Kubernetes ends a pod; what is under work is finished, so Twilio must answer meanwhile."""
        assert self.daemon is not None
        await asyncio.to_thread(self.daemon.stop)

    async def restart(self, **settings: object) -> None:
        self.kill()
        await self.start(**settings)

    async def health(self, path: str = "/health/live") -> int:
        """The HTTP status; 0 while nobody answers."""
        with suppress(aiohttp.ClientError, TimeoutError):
            limit = aiohttp.ClientTimeout(total=5)
            url = f"http://{self._listen}{path}"
            async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as answer:
                return answer.status
        return 0

    async def until_health(self, status: int, path: str = "/health/live", timeout: float = PATIENCE_SECONDS) -> None:
        assert self.daemon is not None
        async with asyncio.timeout(timeout):
            while await self.health(path) != status:
                if not self.daemon.is_running:
                    raise self.daemon.failure("ended")
                await asyncio.sleep(0.05)

    # Resources.

    async def apply(
        self, name: str, namespace: str | None = None, *, annotations: dict[str, str] | None = None, **spec: Any
    ) -> Object:
        """A PhoneNumber with this spec and no other, by server-side apply."""
        return await self.kube.apply(
            PHONE_NUMBERS, phone_number(name, annotations, **spec), namespace or self.namespace
        )

    async def get(self, name: str, namespace: str | None = None) -> Object:
        return await self.kube.get(PHONE_NUMBERS, name, namespace or self.namespace)

    async def delete(self, name: str, namespace: str | None = None) -> None:
        """Returns when it is gone."""
        await self.kube.delete(PHONE_NUMBERS, name, namespace or self.namespace)
        await self.kube.wait_gone(PHONE_NUMBERS, name, namespace or self.namespace)

    async def wait(self, name: str, is_so: Predicate, namespace: str | None = None) -> Object:
        return await self.kube.wait_for(PHONE_NUMBERS, name, is_so, namespace or self.namespace)

    async def ready(self, name: str, namespace: str | None = None) -> Object:
        """The PhoneNumber once it is Ready, for its spec as it is now."""
        return await self.wait(name, has_condition("Ready"), namespace)

    async def says(self, name: str, reason: str, kind: str = "Ready", status: str = "False") -> Object:
        """The PhoneNumber once the condition of that `kind` has this status and reason."""
        return await self.wait(name, has_condition(kind, status, reason))

    async def until_told(self, name: str, *messages: str) -> None:
        """Returns when events about the resource carry all these messages."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not set(messages) <= {event["message"] for event in await self.kube.events(name, self.namespace)}:
                await asyncio.sleep(0.05)

    async def new_namespace(self, name: str) -> str:
        """One that a test deletes itself."""
        full = f"{self.namespace}-{name}"
        await self.kube.create(NAMESPACES, {"kind": "Namespace", "metadata": {"name": full}})
        return full

    # Twilio and the session service.

    def number(self, resource: Object) -> Number | None:
        """The resource's number as Twilio has it; None when the account has it no more."""
        return self.simulator.world.numbers.find(resource["status"]["phoneNumber"])

    def bought(self) -> list[str]:
        """The account's numbers."""
        return [number.phone_number for number in self.simulator.world.numbers]

    async def registered(self, phone_number: str) -> number_pb2.Number | None:
        request = number_service_pb2.GetNumberRequest(number=phone_number)
        try:
            return (await self.register.GetNumber(request, timeout=10)).number
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return None

    async def until_registered(
        self, phone_number: str, is_so: Callable[[number_pb2.Number], bool], timeout: float = PATIENCE_SECONDS
    ) -> number_pb2.Number:
        async with asyncio.timeout(timeout):
            while (found := await self.registered(phone_number)) is None or not is_so(found):
                await asyncio.sleep(0.02)
        return found

    async def until_unregistered(self, phone_number: str, timeout: float = PATIENCE_SECONDS) -> None:
        async with asyncio.timeout(timeout):
            while await self.registered(phone_number) is not None:
                await asyncio.sleep(0.02)


def phone_number(name: str, annotations: dict[str, str] | None = None, **spec: Any) -> Object:
    """A local number of Canada, which asks for no papers, if `spec` says nothing else."""
    metadata: Object = {"name": name} | ({"annotations": annotations} if annotations else {})
    return {"kind": KIND, "metadata": metadata, "spec": {"country": "CA", "agent": "support", **spec}}


@asynccontextmanager
async def rig_in(
    cluster: Cluster, kube: Client, namespace: str, database: FreshDatabase, folder: Path
) -> AsyncIterator[Rig]:
    """Everything around the operator. Left: it is killed, and no PhoneNumber of `namespace` stays."""
    await install(kube)
    for other in await kube.find(NAMESPACES):
        # The operator looks after all namespaces: what an earlier test has left would be its business too.
        await forget_numbers(kube, other["metadata"]["name"])
    kubeconfig = await ServiceAccounts(cluster, kube, NAMESPACE, folder)(ACCOUNT)
    async with AsyncExitStack() as stack:
        settings = SimulatorSettings(
            listen="127.0.0.1:0", control_listen="127.0.0.1:0", account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN
        )
        simulator = await stack.enter_async_context(parley_simulator.app.running(settings))
        notifier, agent = KeepingNotifier(), ScriptedAgent()
        around = Surroundings(
            database.session_url,
            {"*": (await stack.enter_async_context(agent_running(agent)),)},
            await stack.enter_async_context(notifier_running(notifier)),
        )
        session = await stack.enter_async_context(service_running(around))
        rig = Rig(kube, namespace, simulator, session.service.address, session.numbers, notifier, kubeconfig, folder)
        try:
            yield rig
        finally:
            if rig.daemon is not None:
                rig.daemon.kill()
            await cluster.start()
            await forget_numbers(kube, namespace)


async def install(kube: Client) -> None:
    """The CRD and what the operator may do; as they are in the tree, whatever a test has made of them."""
    definition = yaml.safe_load(CRD.read_text())
    await kube.apply(DEFINITIONS, definition)
    await kube.wait_for(DEFINITIONS, DEFINITION, has_condition("Established"))
    await kube.apply(NAMESPACES, {"kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for content in yaml.safe_load_all(RBAC.read_text()):
        await kube.apply(KINDS[content["kind"]], content, content["metadata"].get("namespace"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(ApiError):
                await kube.find(PHONE_NUMBERS, NAMESPACE)
                return
            await asyncio.sleep(0.05)


async def forget_numbers(kube: Client, namespace: str) -> None:
    """Takes the PhoneNumbers away though nobody gives up what they hold: Twilio goes with the test."""
    with suppress(ApiError):
        for found in await kube.find(PHONE_NUMBERS, namespace):
            name = found["metadata"]["name"]
            if FINALIZER in found["metadata"].get("finalizers", ()):
                await kube.patch(PHONE_NUMBERS, name, {"metadata": {"finalizers": None}}, namespace)
            if "deletionTimestamp" not in found["metadata"]:
                await kube.delete(PHONE_NUMBERS, name, namespace)
