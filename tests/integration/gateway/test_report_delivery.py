"""A status callback comes in and is answered when the notifier has it."""

import asyncio
import time

import pytest

from parley_gateway.app import Gateway
from tests.integration.gateway.between import StartGateway
from tests.integration.gateway.peers import NotifierPeer, SessionPeer, serving, silent_server, vacant_address
from tests.integration.gateway.twilio_side import DELIVERY, PUBLIC_URL, SMS, STATUS, call, report, sid, signed


async def test_a_report_reaches_the_notifier_whole(
    gateway: Gateway, notifier: NotifierPeer, sessions: SessionPeer
) -> None:
    before = time.time()
    reply = await call(gateway.url, signed(STATUS, report(MessageStatus="undelivered", ErrorCode="30003")))
    assert (reply.status, reply.body) == (204, "")
    assert "content-type" not in reply.headers
    [told] = notifier.reports
    assert (told.delivery_id, told.message_sid, told.status, told.error_code) == (DELIVERY, sid(), "undelivered", 30003)
    assert before <= told.receive_time.ToNanoseconds() / 1e9 <= time.time()
    assert sessions.doors.batches == []


async def test_the_delivery_id_is_signed(gateway: Gateway, notifier: NotifierPeer) -> None:
    other = STATUS[:-1] + "b"
    assert (await call(gateway.url, signed(other, report(), signed_url=PUBLIC_URL + STATUS))).status == 403
    assert (await call(gateway.url, signed(STATUS, report(), signed_url=PUBLIC_URL + SMS))).status == 403
    assert notifier.reports == []


async def test_a_report_that_comes_again_is_passed_on_again(gateway: Gateway, notifier: NotifierPeer) -> None:
    for _ in range(2):
        assert (await call(gateway.url, signed(STATUS, report()))).status == 204
    assert len(notifier.reports) == 2


async def test_reports_and_texts_do_not_wait_for_each_other(
    gateway: Gateway, notifier: NotifierPeer, sessions: SessionPeer
) -> None:
    sessions.doors.open.clear()
    waiting = asyncio.create_task(call(gateway.url, signed()))
    await asyncio.wait_for(sessions.doors.called.wait(), 10)
    assert (await call(gateway.url, signed(STATUS, report()))).status == 204
    sessions.doors.open.set()
    assert (await waiting).status == 200


async def test_without_a_notifier_the_answer_comes_in_time(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(notifier_address=[await vacant_address()])
    began = time.monotonic()
    reply = await call(gateway.url, signed(STATUS, report()))
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert time.monotonic() - began < 6.0
    assert (await call(gateway.url, signed())).status == 200


async def test_a_frozen_notifier_stops_nothing(start_gateway: StartGateway, notifier: NotifierPeer) -> None:
    async with silent_server() as frozen, serving(notifier) as healthy:
        gateway = await start_gateway(notifier_address=[frozen, healthy], call_timeout=0.2)
        for _ in range(3):
            assert (await call(gateway.url, signed(STATUS, report()))).status == 204
    assert len(notifier.reports) == 3


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_gateway_that_serves_is_live_and_ready(gateway: Gateway, path: str, method: str) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    if method == "GET":
        reply = await call(gateway.url, request)
        assert (reply.status, reply.body) == (200, '{"status":"ok"}')
        assert reply.headers["content-type"] == "application/json"
