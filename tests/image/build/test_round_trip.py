"""The images as compose.yaml starts them, on loopback: migrations, four services, a text, an answer, an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

import parley_simulator.app
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_cli.stack.free_ports import free_ports
from parley_cli.stack.processes import grpc_probe, http_probe
from parley_cli.stack.session_api import session_api
from parley_cli.stack.webhooks import Webhooks
from parley_simulator.settings import Settings as SimulatorSettings
from parley_simulator.simulator import Simulator
from tests.image.build.container import Container
from tests.image.build.engine import Engine
from tests.image.compose import ENV, ROOT, environment, read

NUMBER = "+15550100001"
PARTICIPANT = "+15550199999"
SERVICES = {"session": 50051, "agent": 50052, "notifier": 50053, "gateway": 8080}

pytestmark = pytest.mark.timeout(1800)  # the first one builds the images


@dataclass
class Stack:
    """Containers by the names that compose.yaml has for them; `ports` are those of this machine."""

    containers: dict[str, Container]
    ports: dict[str, int]
    simulator: Simulator

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"


@asynccontextmanager
async def composed(engine: Engine, built: Callable[[str], str], folder: Path) -> AsyncIterator[Stack]:
    """What `docker compose up` does with compose.yaml; Twilio is simulated, and all networks are loopback."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            parley_simulator.app.running(SimulatorSettings(listen="127.0.0.1:0", control_listen="127.0.0.1:0"))
        )
        postgres = await stack.enter_async_context(embedded_postgres(settings={"fsync": "off"}, tcp=True))
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        env = ENV | {
            "TWILIO_URL": simulator.api_url,
            "TWILIO_ACCOUNT_SID": simulator.account_sid,
            "TWILIO_AUTH_TOKEN": simulator.auth_token,
            "PUBLIC_URL": f"http://127.0.0.1:{ports['gateway']}",
        }
        compose = read(env)
        await _initialised(postgres, compose["services"]["postgres"]["environment"], compose["configs"])
        containers: dict[str, Container] = {}
        for name in ("migrate-session", "migrate-notifier", *SERVICES):
            told = _on_loopback(environment(compose["services"][name]), ports, postgres)
            image = await asyncio.to_thread(built, name.removeprefix("migrate-"))
            containers[name] = Container(engine, image, told, folder / f"{name}.log")
            stack.push_async_callback(containers[name].remove)
        for name in ("migrate-session", "migrate-notifier"):
            await containers[name].start(compose["services"][name]["command"])
            assert await containers[name].ended() == 0, containers[name].log
        agents = ["--volume", f"{ROOT / 'agents'}:/agents:ro"]
        for name in SERVICES:
            await containers[name].start(options=agents if name == "agent" else [])
        for name, port in ports.items():
            ready = http_probe(f"http://127.0.0.1:{port}/health/ready")
            await containers[name].ready(ready if name == "gateway" else grpc_probe(f"127.0.0.1:{port}"))
        yield Stack(containers, ports, simulator)


def _on_loopback(told: dict[str, str], ports: dict[str, int], postgres: EmbeddedPostgres) -> dict[str, str]:
    places = {"postgres:5432": urlsplit(postgres.tcp_url()).netloc.rpartition("@")[2]}
    for name, port in SERVICES.items():
        places |= {f"{name}:{port}": f"127.0.0.1:{ports[name]}", f"0.0.0.0:{port}": f"127.0.0.1:{ports[name]}"}
    for place, ours in places.items():
        told = {name: value.replace(place, ours) for name, value in told.items()}
    return told


async def _initialised(postgres: EmbeddedPostgres, told: dict[str, str], configs: dict[str, dict[str, str]]) -> None:
    psql = await asyncio.create_subprocess_exec(
        *(postgres.binaries / "psql", "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", postgres.tcp_url()),
        stdin=asyncio.subprocess.PIPE,
        env=told,
    )
    await psql.communicate(configs["roles"]["content"].encode())
    assert psql.returncode == 0


async def test_a_text_is_answered_by_services_in_containers(
    engine: Engine, built: Callable[[str], str], tmp_path: Path
) -> None:
    async with composed(engine, built, tmp_path) as stack:
        webhooks = Webhooks(stack.gateway)
        stack.simulator.add_number(NUMBER, sms_url=webhooks.sms_url, sms_fallback_url=webhooks.sms_fallback_url)
        async with session_api(f"127.0.0.1:{stack.ports['session']}", ENV["PARLEY_API_KEY"]) as api:
            await api.update_number(NUMBER, "appointment_desk")

        inbound = await stack.simulator.text(PARTICIPANT, NUMBER, "Hello")
        assert inbound.outcome == "delivered"
        [greeting] = await stack.simulator.wait_for_outbound(PARTICIPANT, 1, 60.0)
        await stack.simulator.text(PARTICIPANT, NUMBER, "A haircut tomorrow at 3pm")
        [_, answer] = await stack.simulator.wait_for_outbound(PARTICIPANT, 2, 60.0)
        assert greeting.body
        assert "haircut" in answer.body

        # The page of the HTTP API brings its own files along.
        async with aiohttp.ClientSession() as client, client.get(f"{stack.gateway}/docs") as page:
            assert page.status == 200

        health = read(ENV)["services"]["gateway"]["healthcheck"]["test"]
        command = [part.replace("127.0.0.1:8080", f"127.0.0.1:{stack.ports['gateway']}") for part in health[1:]]
        stack.containers["gateway"].execute(*command)

        ends = await asyncio.gather(*(stack.containers[name].stop() for name in SERVICES))
        assert dict(zip(SERVICES, ends, strict=True)) == dict.fromkeys(SERVICES, 0)
        assert not [name for name in SERVICES if "Traceback" in stack.containers[name].log]
