"""The whole operator, kopf included, between a small API server, a faithful Twilio and a register of numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

import parley_operator.app
import parley_simulator.app
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings
from parley_operator.app import Operator
from parley_operator.domain.webhooks import sms_url
from parley_operator.settings import Settings
from parley_simulator.settings import Settings as SimulatorSettings
from parley_simulator.simulator import Simulator
from tests.contract.operator.api_server import ApiServer, Body, api_server
from tests.contract.operator.numbers import Numbers

SID, TOKEN = "AC" + "0" * 31 + "1", "the-token-of-the-test-account"
PUBLIC_URL = "https://gateway.example.com"
PROCESS = ProcessSettings(insecure_dev=True)
SPEC: Body = {"country": "CA", "type": "local", "agent": "support"}
Start = Callable[..., AbstractAsyncContextManager[Operator]]


@pytest.fixture
async def cluster() -> AsyncIterator[ApiServer]:
    async with api_server() as started:
        yield started


@pytest.fixture
async def twilio() -> AsyncIterator[Simulator]:
    settings = SimulatorSettings(
        listen="127.0.0.1:0", control_listen="127.0.0.1:0", account_sid=SID, auth_token=TOKEN, stock=600
    )
    async with parley_simulator.app.running(settings) as started:
        yield started


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


@pytest.fixture
async def start(cluster: ApiServer, twilio: Simulator, numbers: Numbers, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts an operator: `async with start(resync=0.2): ...`."""
    account = tmp_path / "accounts/default"
    account.mkdir(parents=True)
    for name, value in {"account_sid": SID, "auth_token": TOKEN, "api_base_url": twilio.api_url}.items():
        (account / name).write_text(value)
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
        "clusters": [{"name": "here", "cluster": {"server": cluster.url}}],
        "users": [{"name": "here", "user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    async with grpc_server("127.0.0.1:0", PROCESS, numbers.register) as address:

        @asynccontextmanager
        async def started(**fields: Any) -> AsyncIterator[Operator]:
            usual: dict[str, Any] = {
                "listen": "127.0.0.1:0",
                "session_address": (address,),
                "public_url": PUBLIC_URL,
                "twilio_accounts": account.parent,
                "purchase_limit": 2000,
                "process": PROCESS,
            }
            environment = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
            async with parley_operator.app.running(Settings(**(usual | fields)), environment) as operator:
                yield operator

        yield started


def is_ready(body: Body | None) -> bool:
    conditions = (body or {}).get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def health(operator: Operator, path: str = "/health/live") -> int:
    async with aiohttp.ClientSession() as session, session.get(f"http://{operator.address}{path}") as answer:
        return answer.status


async def until_health(operator: Operator, status: int) -> None:
    async with asyncio.timeout(30):
        while await health(operator) != status:
            await asyncio.sleep(0.02)


async def test_a_resource_gets_a_number_and_gives_it_up(
    start: Start, cluster: ApiServer, twilio: Simulator, numbers: Numbers
) -> None:
    async with start() as operator:
        await cluster.apply("support", {**SPEC, "releasePolicy": "Release", "settings": {"greeting": "answer"}})
        body = await cluster.wait_for("support", is_ready)
        phone_number = body["status"]["phoneNumber"]
        number = twilio.world.numbers.find(phone_number)
        assert number is not None
        assert number.sms_url == sms_url(PUBLIC_URL)
        assert "uid-of-support" in number.friendly_name
        assert numbers.kept[phone_number].agent == "support"
        assert [call.operation for call in twilio.calls("numbers.create")] == ["numbers.create"]
        await cluster.wait_for("support", lambda _: {"Bought", "Ready"} <= {one["reason"] for one in cluster.events})
        assert await health(operator) == await health(operator, "/health/ready") == 200
        assert body["metadata"]["finalizers"] == ["parley.dev/phone-number"]
        await cluster.delete("support")
        await cluster.wait_for("support", lambda body: body is None)
    assert twilio.world.numbers.find(phone_number) is None
    assert numbers.kept == {}


async def test_the_kill_switch_reaches_the_register_at_once(start: Start, cluster: ApiServer, numbers: Numbers) -> None:
    async with start():
        await cluster.apply("support", SPEC)
        body = await cluster.wait_for("support", is_ready)
        await cluster.apply("support", {**SPEC, "sending": False})
        kept = numbers.kept[body["status"]["phoneNumber"]]
        async with asyncio.timeout(10):
            while not kept.sending_paused:
                await asyncio.sleep(0.01)


async def test_a_watch_that_says_nothing_is_noticed_and_replaced_by_the_list(start: Start, cluster: ApiServer) -> None:
    async with start(list_interval=0.1, watch_limit=0.5) as operator:
        await cluster.apply("support", SPEC)
        await cluster.wait_for("support", is_ready)
        await until_health(operator, 200)  # on a machine that is busy a watch tells late
        cluster.is_mute = True
        await cluster.apply("sales", SPEC)
        await cluster.wait_for("sales", is_ready)  # the list has found it
        await until_health(operator, 503)


async def test_a_permission_that_is_gone_is_noticed(start: Start, cluster: ApiServer) -> None:
    async with start(list_interval=0.1, watch_limit=0.5) as operator:
        await cluster.apply("support", SPEC)
        await cluster.wait_for("support", is_ready)
        cluster.refuses = 403
        await until_health(operator, 503)


async def test_other_namespaces_are_none_of_our_business(start: Start, cluster: ApiServer, twilio: Simulator) -> None:
    async with start(namespaces=("shop", "clinic"), list_interval=1000.0):
        await cluster.wait_for("none", lambda _: len(cluster.watched) >= 2)
        await cluster.apply("support", SPEC, "elsewhere")
        await cluster.apply("support", SPEC, "clinic")
        await cluster.wait_for("support", is_ready, "clinic")
    assert "conditions" not in cluster.objects["elsewhere", "support"]["status"]
    assert len(twilio.calls("numbers.create")) == 1


async def test_many_resources_cost_a_few_calls_after_a_cold_start(
    start: Start, cluster: ApiServer, twilio: Simulator
) -> None:
    async with start():
        for index in range(30):
            await cluster.apply(f"number-{index}", SPEC)
        for index in range(30):
            await cluster.wait_for(f"number-{index}", is_ready)
    assert len(twilio.calls("numbers.create")) == 30
    before, written = len(twilio.calls()), len(cluster.requests)
    async with start() as operator:
        async with asyncio.timeout(30):
            while sum(method == "GET" and "number-" in path for method, path in cluster.requests[written:]) < 30:
                await asyncio.sleep(0.05)
        assert await health(operator) == 200
        assert await health(operator, "/health/ready") == 200
    assert len(twilio.calls()) - before <= 4  # the numbers, and the messaging services
    assert not any(method == "PATCH" for method, _ in cluster.requests[written:])
