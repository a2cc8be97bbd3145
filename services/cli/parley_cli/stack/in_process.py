"""Runs the whole stack in this process: PostgreSQL, a Twilio, the agents and the four services."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import parley_agent.app
import parley_agent.settings
import parley_gateway.app
import parley_gateway.settings
import parley_notifier.app
import parley_notifier.settings
import parley_session.app
import parley_session.settings
import parley_simulator.app
import parley_simulator.settings
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_chassis.settings import ProcessSettings, ServiceSettings, SettingsT, load
from parley_chassis.telemetry import SpanWatcher, Telemetry
from parley_cli.stack.agent_processes import kill_workers
from parley_cli.stack.key_api import key_api
from parley_cli.stack.layout import Databases, Layout
from parley_cli.stack.schema import prepare_database
from parley_cli.stack.session_api import ApiError, SessionApi, session_api
from parley_cli.stack.stack_file import StackAddresses
from parley_cli.stack.starting import NUMBER, Say
from parley_simulator.simulator import Simulator


@dataclass(frozen=True)
class Options:
    """`agents` is a folder of agents, or one. `data` keeps PostgreSQL's files; without it they go at the end."""

    agents: Path
    agent: str
    data: Path | None = None
    number: str = NUMBER
    durable: bool = True


@dataclass(frozen=True)
class Stack:
    """A running stack: its addresses, and the parts that tests take into their hands."""

    addresses: StackAddresses
    simulator: Simulator
    postgres: EmbeddedPostgres
    layout: Layout


KEY_NAME = "parley up"
POSTGRES = "starting PostgreSQL (the first time it makes a database)"
SERVICES = "starting the agents and the services"


@asynccontextmanager
async def running(options: Options, say: Say = lambda _: None) -> AsyncIterator[Stack]:
    """Yields once a text to `options.number` would be answered. Leaving it stops everything, callers first."""
    async with AsyncExitStack() as stack:
        say(POSTGRES)
        fast = {} if options.durable else {"fsync": "off"}
        postgres, simulator = await asyncio.gather(
            stack.enter_async_context(embedded_postgres(options.data, settings=fast)),
            stack.enter_async_context(parley_simulator.app.running(_simulator_settings())),
        )
        await prepare_database(postgres)
        layout = Layout.on_loopback(
            Databases.of(postgres), simulator.account_sid, simulator.auth_token, options.agents
        ).with_twilio(simulator.api_url)
        number = simulator.add_number(options.number, sms_url=layout.sms_url, sms_fallback_url=layout.sms_fallback_url)
        number.friendly_name = options.agent
        say(SERVICES)
        await start_services(stack, layout, simulator.stations)
        if shutil.which("ps"):  # It finds the workers; where there is none, the phone page shows no such switch.
            simulator.end_agent.offer(kill_workers)
        api = await stack.enter_async_context(session_api(layout.session, layout.api_key))
        await api.update_number(options.number, options.agent)
        simulator.skip_time.offer(skipping(api))
        addresses = replace(_addresses(layout, simulator, postgres, options.number), http_key=await _new_key(layout))
        yield Stack(addresses, simulator, postgres, layout)


async def _new_key(layout: Layout) -> str:
    """A key of the HTTP API for who tries it, in place of the one of a run before."""
    async with key_api(layout.session, layout.api_key) as keys:
        for key in await keys.list():
            if key.name == KEY_NAME and key.revoke_time is None:
                await keys.revoke(key.key_id)
        _, text = await keys.create(KEY_NAME, [], ["send", "read"], None)
    return text


def skipping(api: SessionApi) -> Callable[[float], Awaitable[None]]:
    """Moves people's time, for the phone page."""

    async def skip(seconds: float) -> None:
        try:
            await api.skip_time(timedelta(seconds=seconds))
        except ApiError as error:
            raise ConnectionError(str(error)) from None

    return skip


async def start_services(stack: AsyncExitStack, layout: Layout, watcher: SpanWatcher | None) -> None:
    """Those that are called before their callers. `watcher` is told of their spans as they come."""

    def telemetry(service: str, settings: ServiceSettings) -> Telemetry:
        made = Telemetry(service, settings.process, watcher=watcher)
        stack.callback(made.close)
        return made

    # Who runs everything on one machine is likely to be writing an agent.
    told = layout.environment("agent") | {"PARLEY_AGENT_RELOAD": "1"}
    agent = settings_of(parley_agent.settings.Settings, "PARLEY_AGENT_", told)
    await stack.enter_async_context(parley_agent.app.running(agent, telemetry("agent", agent)))
    notifier = settings_of(parley_notifier.settings.Settings, "PARLEY_NOTIFIER_", layout.environment("notifier"))
    await stack.enter_async_context(parley_notifier.app.running(notifier, telemetry("notifier", notifier)))
    session = settings_of(parley_session.settings.Settings, "PARLEY_SESSION_", layout.environment("session"))
    await stack.enter_async_context(parley_session.app.running(session, telemetry("session", session)))
    gateway = settings_of(parley_gateway.settings.Settings, "PARLEY_GATEWAY_", layout.environment("gateway"))
    await stack.enter_async_context(parley_gateway.app.running(gateway, telemetry("gateway", gateway)))


def settings_of(kind: type[SettingsT], prefix: str, environment: Mapping[str, str]) -> SettingsT:
    """The settings that a process with this environment would have."""
    own = {name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)}
    shared = {
        name.removeprefix("PARLEY_").lower(): value
        for name, value in environment.items()
        if not name.startswith(prefix)
    }
    return load(kind, process=load(ProcessSettings, **shared), **own)


def _simulator_settings() -> parley_simulator.settings.Settings:
    return parley_simulator.settings.Settings(listen="127.0.0.1:0", control_listen="127.0.0.1:0")


def _addresses(layout: Layout, simulator: Simulator, postgres: EmbeddedPostgres, number: str) -> StackAddresses:
    return StackAddresses(
        gateway=layout.gateway_url,
        session=layout.session,
        agent=layout.agent,
        notifier=layout.notifier,
        twilio=simulator.api_url,
        control=simulator.control_url,
        phone=f"{simulator.control_url}/phone",
        database_url=postgres.url(),
        account_sid=simulator.account_sid,
        auth_token=simulator.auth_token,
        number=number,
        api_key=layout.api_key,
        public_url=layout.public_url,
        agents=str(layout.agents),
    )
