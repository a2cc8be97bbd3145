"""Keys at the gateway: asked about once for many calls, and soon nothing when they are revoked."""

import asyncio
import time

import grpc
import pytest

from parley_gateway.adapters.key_client import GrpcKeys
from parley_gateway.app import Gateway
from parley_gateway.domain.caller import Scope
from parley_gateway.handlers import admit_caller
from parley_gateway.handlers.admit_caller import AdmitCaller
from tests.integration.gateway.api_side import ask
from tests.integration.gateway.between import StartGateway
from tests.integration.gateway.peers import DEVELOPMENT, SessionPeer, serving
from tests.integration.gateway.twilio_side import WAIT, Caller, request

PATH = "/v1/sessions"


async def status(gateway: Gateway, key: str) -> int:
    return (await ask(gateway.url, PATH, key=key)).status


async def test_a_key_is_asked_about_once_for_many_calls(gateway: Gateway, sessions: SessionPeer) -> None:
    key = sessions.keys.make()
    assert [await status(gateway, key) for _ in range(5)] == [200] * 5
    assert sessions.keys.checked == [key]


async def test_an_unknown_key_is_asked_about_once_for_many_calls(gateway: Gateway, sessions: SessionPeer) -> None:
    assert [await status(gateway, "unknown") for _ in range(5)] == [401] * 5
    assert sessions.keys.checked == ["unknown"]


async def test_calls_that_come_together_ask_once(gateway: Gateway, sessions: SessionPeer) -> None:
    key, doors = sessions.keys.make(), sessions.keys.doors
    doors.open.clear()
    calls = [asyncio.create_task(status(gateway, key)) for _ in range(20)]
    await asyncio.wait_for(doors.called.wait(), WAIT)
    doors.open.set()
    assert set(await asyncio.gather(*calls)) == {200}
    assert sessions.keys.checked == [key]


async def test_a_call_that_is_cancelled_takes_the_answer_from_nobody(sessions: SessionPeer) -> None:
    async with serving(sessions) as address:
        keys = GrpcKeys([address], DEVELOPMENT, timeout=WAIT)
        admit, key = AdmitCaller(keys, requests_per_second=0), sessions.keys.make()
        sessions.keys.doors.open.clear()
        first, second = [asyncio.create_task(admit(key, Scope.READ)) for _ in range(2)]
        await asyncio.wait_for(sessions.keys.doors.called.wait(), WAIT)
        first.cancel()
        sessions.keys.doors.open.set()
        assert (await second).key_id == sessions.keys.known[key].key_id
        await admit.close()
        await keys.close()
    assert sessions.keys.checked == [key]


async def test_a_caller_who_goes_takes_the_answer_from_nobody(gateway: Gateway, sessions: SessionPeer) -> None:
    key, doors = sessions.keys.make(), sessions.keys.doors
    doors.open.clear()
    async with Caller(gateway.url) as gone:
        await gone.send(request(PATH, headers={"Authorization": f"Bearer {key}"}, method="GET"))
        await asyncio.wait_for(doors.called.wait(), WAIT)
        other = asyncio.create_task(status(gateway, key))
    doors.open.set()
    assert await other == 200
    assert sessions.keys.checked == [key]


async def test_a_revoked_key_opens_nothing_when_its_time_is_over(
    start_gateway: StartGateway, sessions: SessionPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admit_caller, "ANSWER_LIFETIME", 0.1)
    gateway, key = await start_gateway(), sessions.keys.make()
    assert await status(gateway, key) == 200
    found = sessions.keys.known.pop(key)
    revoked_at = time.monotonic()
    async with asyncio.timeout(WAIT):
        while await status(gateway, key) != 401:
            await asyncio.sleep(0.005)
    assert time.monotonic() - revoked_at < 5
    sessions.keys.known[key] = found
    async with asyncio.timeout(WAIT):
        while await status(gateway, key) != 200:
            await asyncio.sleep(0.005)


async def test_five_seconds_is_what_the_key_service_promises() -> None:
    assert admit_caller.ANSWER_LIFETIME <= 5


async def test_what_could_not_be_asked_is_asked_again(gateway: Gateway, sessions: SessionPeer) -> None:
    key = sessions.keys.make()
    sessions.keys.doors.fails_with = grpc.StatusCode.INTERNAL
    assert await status(gateway, key) == 503
    sessions.keys.doors.fails_with = None
    assert await status(gateway, key) == 200


async def test_what_cannot_be_a_key_is_not_asked_about(gateway: Gateway, sessions: SessionPeer) -> None:
    for key in ("", "x" * 201):
        assert await status(gateway, key) == 401
    assert sessions.keys.checked == []
