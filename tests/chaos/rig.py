"""Every process of an installation, the proxies between them, and whoever starts again what has died."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import psycopg

import parley_simulator.app
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_chassis.postgres.roles import role_of
from parley_cli.stack.free_ports import free_ports
from parley_cli.stack.key_api import key_api
from parley_cli.stack.layout import Databases, Layout
from parley_cli.stack.processes import NotReady, ServiceProcess, grpc_probe, http_probe
from parley_cli.stack.schema import prepare_database
from parley_cli.stack.session_api import ApiAway, session_api
from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.settings import Settings as SimulatorSettings
from parley_simulator.simulator import Simulator
from tests.chaos.audit import AUDIT
from tests.chaos.history import Journal
from tests.chaos.proxy import Link, to_port, to_socket
from tests.chaos.scale import Scale

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
AGENTS = Path(__file__).parent / "agents"
AGENT = "desk"
NUMBERS = tuple(f"+1555060{n:04d}" for n in range(12))
SHARING = NUMBERS[8:]
"""Numbers of one messaging service: who says STOP to one of them says it to all."""
REPLICAS = {"gateway": 2, "session": 2, "agent": 1, "notifier": 2}
LATEST_RESTART = 1.0
START_PATIENCE = 90.0
"""Seconds. A start costs one of CPU, and a busy machine has others to serve."""
MOST_DEAD = 2
"""Services at a time, PostgreSQL aside: on a busy machine a start takes seconds, and where nobody lives nothing can go
wrong."""
SET_CLOCK = """
  INSERT INTO session.clock (ahead) VALUES (make_interval(secs => %s))
  ON CONFLICT (sole) DO UPDATE SET ahead = excluded.ahead
"""


@dataclass
class Rig:
    """`links` are named after who is reached through them, those to PostgreSQL after who reaches it."""

    folder: Path
    scale: Scale
    simulator: Simulator
    postgres: EmbeddedPostgres
    layout: Layout
    journal: Journal
    services: dict[str, ServiceProcess] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    http_key: str = ""
    ahead: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_DEAD))

    @property
    def admin_url(self) -> str:
        return self.postgres.url()

    def tell(self, what: str, target: str, seconds: float = 0.0) -> None:
        """Counts something that was done, and writes it down."""
        self.count(f"{what} {target}")
        self.journal.write("blow", what=what, target=target, seconds=round(seconds, 3))

    def count(self, what: str, times: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + times

    def is_whole(self, name: str) -> bool:
        """Whether nothing is being done to this process."""
        return name not in self._busy

    async def start(self) -> None:
        for process in self.services.values():
            await process.start(wait=False)
        await asyncio.gather(*(self._back(process) for process in self.services.values()))

    async def kill(self, name: str, pause: float) -> None:
        """SIGKILL, and a start after `pause` seconds; returns when it serves again."""
        async with self._alone(name), self._room:
            process = self.services[name]
            await process.kill()
            self.tell("kill", name, pause)
            await asyncio.sleep(pause)
            await process.start(wait=False)
            await self._back(process)
            self.journal.write("back", target=name)

    async def freeze(self, name: str, seconds: float, until: Awaitable[None] | None = None) -> None:
        """For `seconds`, or as long as `until` takes, if that is shorter."""
        async with self._alone(name):
            process = self.services[name]
            process.freeze()
            self.tell("freeze", name, seconds)
            try:
                await asyncio.wait_for(until or asyncio.sleep(seconds), seconds)
            except TimeoutError:
                return
            finally:
                process.thaw()

    async def stop_postgres(self, pause: float) -> None:
        async with self._alone("postgresql"):
            await self.postgres.stop_immediately()
            self.tell("kill", "postgresql", pause)
            await asyncio.sleep(pause)
            await self.postgres.start()
            self.journal.write("back", target="postgresql")

    async def replace_postgres(self, what: str, change: Callable[[Path], Awaitable[None]]) -> None:
        """Stops it immediately, and starts it after `change`, which gets the folder of its data."""
        async with self._alone("postgresql"):
            await self.postgres.stop_immediately()
            self.tell(what, "postgresql")
            await change(self.postgres.data / "cluster")
            await self.postgres.start()
            self.journal.write("back", target="postgresql")

    async def skip(self, seconds: float) -> None:
        """Moves the clock of people's deadlines on."""
        self.ahead += seconds
        began = time.time()
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self.admin_url, autocommit=True) as connection:
                    await connection.execute(SET_CLOCK, [self.ahead])
            except psycopg.OperationalError:
                # It may have happened: to say how far the clock is ahead may be repeated.
                await asyncio.sleep(0.05)
            else:
                self.journal.write("skip", began=began, offset=self.ahead)
                self.count("skip")
                return

    async def _back(self, process: ServiceProcess) -> None:
        """A service that gives up its start (PostgreSQL is down) is started again, as an orchestrator would."""
        give_up = time.monotonic() + START_PATIENCE
        while not await process.probe():
            if time.monotonic() > give_up:
                raise NotReady(f"{process.name} did not start; its log ends:\n{process.tail()}")
            if not process.running:
                self.count("start again")
                await process.start(wait=False)
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        self._busy.add(name)
        try:
            yield
        finally:
            self._busy.discard(name)


@asynccontextmanager
async def running(
    folder: Path, scale: Scale, seed: int, control: str = "", send_pause: float = 0.0
) -> AsyncIterator[Rig]:
    """Starts everything, registers the numbers. `folder` takes logs and histories.

    `control` is a guard that is removed; `send_pause` is what a notifier waits between a claim and its send.
    """
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            parley_simulator.app.running(
                SimulatorSettings(listen="127.0.0.1:0", control_listen="127.0.0.1:0", seed=seed)
            )
        )
        postgres = await stack.enter_async_context(
            embedded_postgres(settings={"fsync": "off", "max_connections": "200"})
        )
        await prepare_database(postgres)
        async with await psycopg.AsyncConnection.connect(postgres.url(), autocommit=True) as connection:
            await connection.execute(AUDIT)
        journal = Journal(folder / "rig.jsonl")
        stack.callback(journal.close)
        rig = Rig(folder, scale, simulator, postgres, _layout(simulator, postgres), journal)
        await _open_links(rig, stack)
        _describe_services(rig, control, send_pause)
        for process in rig.services.values():
            stack.push_async_callback(process.kill)
        await rig.start()
        await _register(rig)
        yield rig


def _layout(simulator: Simulator, postgres: EmbeddedPostgres) -> Layout:
    """Where everybody really listens."""
    layout = Layout.on_loopback(
        Databases.of(postgres), simulator.account_sid, simulator.auth_token, AGENTS, REPLICAS
    ).with_twilio(simulator.api_url)
    gateways = [layout.gateway, *(f"127.0.0.1:{port}" for port in free_ports(REPLICAS["gateway"] - 1))]
    return replace(layout, gateway=",".join(gateways))


async def _open_links(rig: Rig, stack: AsyncExitStack) -> None:
    layout = rig.layout
    links = [Link("gateway", [to_port(address) for address in layout.gateway.split(",")])]
    for service in ("session", "notifier", "agent"):
        links += [Link(name, [to_port(address)]) for name, address in _replicas(service, getattr(layout, service))]
    links.append(Link("twilio", [to_port(urlsplit(layout.twilio_url).netloc)]))
    socket = _socket(rig.postgres)
    for service in ("session", "notifier"):
        for name, _ in _replicas(service, getattr(layout, service)):
            links.append(Link(f"postgresql for {name}", [to_socket(socket)]))
    for link in links:
        await link.open()
        stack.push_async_callback(link.close)
    rig.links = {link.name: link for link in links}


def _replicas(service: str, addresses: str) -> list[tuple[str, str]]:
    return [
        (service if n == 1 else f"{service}-{n}", address) for n, address in enumerate(addresses.split(","), start=1)
    ]


def _socket(postgres: EmbeddedPostgres) -> str:
    query = parse_qs(urlsplit(postgres.url()).query)
    return f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"


def _describe_services(rig: Rig, control: str, send_pause: float) -> None:
    layout, links = rig.layout, rig.links

    def through(service: str) -> str:
        return ",".join(links[name].address for name, _ in _replicas(service, getattr(layout, service)))

    reached = replace(
        layout,
        session=through("session"),
        notifier=through("notifier"),
        agent=through("agent"),
        public_url=f"http://{links['gateway'].address}",
    ).with_twilio(f"http://{links['twilio'].address}")
    told = {
        **rig.scale.environment(),
        "PARLEY_AGENT_WORKERS": "2",
        "PARLEY_AGENT_ENVIRONMENT": "CHAOS_CALLS",
        "CHAOS_CALLS": str(rig.folder / "calls.jsonl"),
        "CHAOS_CANCELS": str(rig.folder / "cancels.jsonl"),
        "CHAOS_FACTOR": str(rig.scale.factor),
        "CHAOS_CONTROL": control,
        "CHAOS_SEND_PAUSE": str(send_pause),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    for service in ("agent", "notifier", "session", "gateway"):
        for name, address in _replicas(service, getattr(layout, service)):
            environment = {**reached.environment(service), **told, f"PARLEY_{service.upper()}_LISTEN": address}
            if service in ("session", "notifier"):
                environment[f"PARLEY_{service.upper()}_DATABASE_URL"] = _database_url(rig, service, name)
            probe = grpc_probe(address) if service != "gateway" else http_probe(f"http://{address}/health/ready")
            log = rig.folder / f"{name}.log"
            rig.services[name] = ServiceProcess(
                name, "tests.chaos.launch", environment, probe, log, (f"parley_{service}",)
            )
    rig.layout = replace(layout, public_url=reached.public_url)


def _database_url(rig: Rig, service: str, name: str) -> str:
    link = rig.links[f"postgresql for {name}"]
    return f"postgresql://{role_of(service)}@{link.address}/parley?sslmode=disable"


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    """On a busy machine a service that serves may take long to answer for the first time."""
    give_up = time.monotonic() + START_PATIENCE
    while True:
        try:
            return await call()
        except ApiAway:
            if time.monotonic() > give_up:
                raise


async def _register(rig: Rig) -> None:
    address, key = rig.layout.session.split(",")[0], rig.layout.api_key
    sms_url, fallback_url = rig.layout.sms_url, rig.layout.sms_fallback_url
    for number in NUMBERS:
        rig.simulator.add_number(number, sms_url=sms_url, sms_fallback_url=fallback_url)
    shared = rig.simulator.set_service(ServiceChange(numbers=SHARING)).sid
    async with session_api(address, key) as api, key_api(address, key) as keys:
        for number in NUMBERS:
            scope = shared if number in SHARING else ""
            await _insist(partial(api.update_number, number, AGENT, opt_out_scope=scope))
        _, rig.http_key = await _insist(partial(keys.create, "chaos", [], ["send", "read"], None))
    async with asyncio.timeout(START_PATIENCE):
        async with await psycopg.AsyncConnection.connect(rig.admin_url, autocommit=True) as connection:
            while not (await connection.execute("SELECT FROM session.agents")).rowcount:
                await asyncio.sleep(0.02)
