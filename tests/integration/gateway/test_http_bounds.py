"""The bounds of the HTTP server: how long a request may take, and how it is refused while it still arrives."""

import asyncio
import json
import time

import pytest

from parley_gateway.adapters import http_protocol
from parley_gateway.app import Gateway
from tests.integration.gateway.api_side import OUTBOUND, TEXT
from tests.integration.gateway.between import StartGateway
from tests.integration.gateway.peers import SessionPeer
from tests.integration.gateway.twilio_side import SMS, WAIT, Caller, request, sid, signed, text

DEADLINE = 0.2


@pytest.fixture
async def hurried(start_gateway: StartGateway) -> Gateway:
    return await start_gateway(receive_timeout=DEADLINE)


@pytest.fixture
async def forgetful(start_gateway: StartGateway) -> Gateway:
    return await start_gateway(idle_timeout=DEADLINE)


def cut(content: bytes) -> tuple[bytes, bytes]:
    """A request's head, and its body."""
    head, _, body = content.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", body


HEAD, BODY = cut(signed())


@pytest.mark.parametrize(
    "beginning",
    [b"P", b"POST", HEAD[:60], HEAD[:-2], HEAD, HEAD + BODY[:-1]],
    ids=["one byte", "a method", "half a head", "a head but for its end", "no body", "a body but for its last byte"],
)
async def test_a_request_that_stops_arriving_is_ended(
    hurried: Gateway, sessions: SessionPeer, beginning: bytes
) -> None:
    async with Caller(hurried.url) as caller:
        began = time.monotonic()
        await caller.send(beginning)
        reply = await caller.reply()
        assert (reply.status, reply.headers["connection"]) == (408, "close")
        assert time.monotonic() - began >= DEADLINE * 0.9
        assert await caller.is_closed()
    assert sessions.received == []


@pytest.mark.parametrize("left_out", [1, 20])
async def test_a_call_of_the_api_that_stops_arriving_is_ended_as_well(
    hurried: Gateway, sessions: SessionPeer, left_out: int
) -> None:
    headers = {"Authorization": f"Bearer {sessions.keys.make(['shop'])}", "Content-Type": "application/json"}
    whole = request(OUTBOUND, json.dumps(TEXT), headers)
    async with Caller(hurried.url) as caller:
        await caller.send(whole[:-left_out])
        assert (await caller.reply()).status == 408
        assert await caller.is_closed()
    assert sessions.requests == []


async def test_a_request_that_trickles_in_is_ended_all_the_same(hurried: Gateway, sessions: SessionPeer) -> None:
    async with Caller(hurried.url) as caller:
        began = time.monotonic()
        trickle = asyncio.create_task(send_slowly(caller, HEAD + BODY))
        assert (await caller.reply()).status == 408
        assert time.monotonic() - began < DEADLINE + 5
        trickle.cancel()
    assert sessions.received == []


async def test_chunks_that_trickle_in_are_ended_all_the_same(hurried: Gateway, sessions: SessionPeer) -> None:
    chunked = {"X-Twilio-Signature": "x", "Content-Length": None, "Transfer-Encoding": "chunked"}
    async with Caller(hurried.url) as caller:
        await caller.send(request(SMS, headers=chunked))
        trickle = asyncio.create_task(send_slowly(caller, b"1\r\nx\r\n" * 1000))
        assert (await caller.reply()).status == 408
        trickle.cancel()
    assert sessions.received == []


@pytest.mark.parametrize("noise", [b"", b"\r\n", b"\r\n\r\n\r\n"])
async def test_a_connection_that_asks_for_nothing_is_closed_without_a_word(forgetful: Gateway, noise: bytes) -> None:
    async with Caller(forgetful.url) as caller:
        await caller.send(noise)
        assert await caller.is_closed()


async def test_line_ends_do_not_keep_a_used_connection_open(forgetful: Gateway) -> None:
    async with Caller(forgetful.url) as caller:
        await caller.send(signed())
        assert (await caller.reply()).status == 200
        trickle = asyncio.create_task(send_slowly(caller, b"\r\n" * 1000))
        assert await caller.is_closed()
        trickle.cancel()


async def test_a_request_that_was_answered_early_is_ended_without_another_word(hurried: Gateway) -> None:
    async with Caller(hurried.url) as caller:
        await caller.send(cut(signed(headers={"X-Twilio-Signature": None}))[0])
        assert (await caller.reply()).status == 403
        assert await caller.is_closed()


async def test_a_head_without_an_end_is_refused_when_it_is_too_long(gateway: Gateway) -> None:
    async with Caller(gateway.url) as caller:
        await caller.send(HEAD[:-2])
        for _ in range(17):
            await caller.send(b"X-More: " + b"x" * 1000 + b"\r\n")
        assert (await caller.reply()).status == 431


async def test_the_deadline_is_of_a_request_and_not_of_its_connection(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    gateway = await start_gateway(receive_timeout=1.0)
    async with Caller(gateway.url) as caller:
        for number in range(2):
            content = signed(fields=text(MessageSid=sid(number)))
            await caller.send(content[:-5])
            await asyncio.sleep(0.6)
            await caller.send(content[-5:])
            assert (await caller.reply()).status == 200
    assert len(sessions.received) == 2


async def test_a_connection_outlives_the_deadlines_of_its_requests(hurried: Gateway) -> None:
    async with Caller(hurried.url) as caller:
        for _ in range(2):
            await caller.send(HEAD)
            await asyncio.sleep(0.01)
            await caller.send(BODY)
            assert (await caller.reply()).status == 200
            await asyncio.sleep(DEADLINE * 1.5)


async def test_the_time_that_the_session_service_takes_is_not_the_senders(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    gateway = await start_gateway(receive_timeout=0.4)
    sessions.doors.open.clear()
    async with Caller(gateway.url) as caller:
        # The second request waits, half sent, until the first one has its answer.
        await caller.send(signed() + HEAD + BODY[:-5])
        await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
        await asyncio.sleep(0.5)
        sessions.doors.open.set()
        assert (await caller.reply()).status == 200
        await caller.send(BODY[-5:])
        assert (await caller.reply()).status == 200


async def test_an_answer_comes_before_the_connection_ends_over_the_next_request(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    gateway = await start_gateway(receive_timeout=0.05)
    for next_request in (b"POST /twilio", b"\x00 garbage\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000):
        sessions.doors.open.clear()
        sessions.doors.called.clear()
        async with Caller(gateway.url) as caller:
            await caller.send(signed() + next_request)
            await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
            await asyncio.sleep(0.1)
            sessions.doors.open.set()
            assert (await caller.reply()).status == 200
            assert await caller.is_closed()


async def test_requests_sent_at_once_are_answered_in_their_order(gateway: Gateway, sessions: SessionPeer) -> None:
    async with Caller(gateway.url) as caller:
        await caller.send(signed() + signed(token="x") + request("/none") + signed(fields=text(MessageSid=sid(2))))
        assert [(await caller.reply()).status for _ in range(4)] == [200, 403, 404, 200]


async def test_a_body_without_an_end_is_refused_when_it_is_too_long(gateway: Gateway) -> None:
    endless = {"X-Twilio-Signature": "x", "Content-Length": None, "Transfer-Encoding": "chunked"}
    async with Caller(gateway.url) as caller:
        await caller.send(request(SMS, headers=endless) + 66 * (b"3e8\r\n%s\r\n" % (b"x" * 1000)))
        assert (await caller.reply()).status == 413


async def test_a_refusal_is_read_by_a_sender_who_is_still_writing(gateway: Gateway) -> None:
    head, _ = cut(request(SMS, headers={"Content-Length": "2000000"}))
    async with Caller(gateway.url) as caller:
        await caller.send(head)
        reply = await caller.reply()
        assert (reply.status, reply.headers["connection"]) == (413, "close")
        for _ in range(20):
            await caller.send(b"x" * 100_000)


async def test_who_goes_on_writing_after_a_refusal_is_cut_off(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "LINGER", 0.1)
    head, _ = cut(request(SMS, headers={"Content-Length": "1000000000"}))
    async with Caller(gateway.url) as caller:
        await caller.send(head)
        assert (await caller.reply()).status == 413
        async with asyncio.timeout(WAIT):
            while not caller.is_cut_off():
                await caller.send(b"x" * 1000)
                await asyncio.sleep(0.01)


async def test_a_body_that_was_refused_unread_does_not_disturb_the_next_request(
    gateway: Gateway, sessions: SessionPeer
) -> None:
    async with Caller(gateway.url) as caller:
        await caller.send(signed(headers={"X-Twilio-Signature": None}))
        assert (await caller.reply()).status == 403
        await caller.send(signed())
        assert (await caller.reply()).status == 200


async def test_a_sender_who_goes_before_the_end_is_no_failure(gateway: Gateway, sessions: SessionPeer) -> None:
    for part in (HEAD[:50], HEAD, HEAD + BODY[:-1]):
        async with Caller(gateway.url) as caller:
            await caller.send(part)
    async with Caller(gateway.url) as caller:
        await caller.send(signed())
        assert (await caller.reply()).status == 200
    assert gateway.stats["answers"] == {200: 1}


async def test_a_text_whose_sender_went_before_the_answer_is_stored(gateway: Gateway, sessions: SessionPeer) -> None:
    sessions.doors.open.clear()
    async with Caller(gateway.url) as caller:
        await caller.send(signed())
        await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
    sessions.doors.open.set()
    async with Caller(gateway.url) as caller:
        await caller.send(signed())
        assert (await caller.reply()).status == 200
    assert len(sessions.received) == 1


async def test_a_sender_may_ask_first_whether_to_send_the_body(gateway: Gateway, sessions: SessionPeer) -> None:
    head, body = cut(signed(headers={"Expect": "100-continue"}))
    async with Caller(gateway.url) as caller:
        await caller.send(head)
        assert (await caller.reply()).status == 100
        await caller.send(body)
        assert (await caller.reply()).status == 200


async def test_a_proxy_may_speak_http_1_0_or_send_chunks(gateway: Gateway, sessions: SessionPeer) -> None:
    async with Caller(gateway.url) as caller:
        await caller.send(signed().replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert (await caller.reply()).status == 200
        assert await caller.is_closed()
    head, body = cut(signed(headers={"Content-Length": None, "Transfer-Encoding": "chunked"}))
    async with Caller(gateway.url) as caller:
        for part in (head, b"5\r\n" + body[:5] + b"\r\n", b"%x\r\n%s\r\n" % (len(body) - 5, body[5:]), b"0\r\n\r\n"):
            await caller.send(part)
        assert (await caller.reply()).status == 200


async def test_another_protocol_is_not_changed_to(hurried: Gateway, sessions: SessionPeer) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    async with Caller(hurried.url) as caller:
        await caller.send(signed(headers={**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}))
        # What follows such a head is by HTTP's rules no body of it.
        assert (await caller.reply()).status == 403
        await caller.send(signed())
        assert await caller.is_closed()
    assert sessions.received == []


async def test_hundreds_of_slow_senders_do_not_hold_up_a_text(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(receive_timeout=20.0)
    slow = [Caller(gateway.url) for _ in range(300)]
    try:
        for caller in slow:
            await caller.__aenter__()
            await caller.send(HEAD)
        async with Caller(gateway.url) as caller:
            began = time.monotonic()
            await caller.send(signed())
            assert (await caller.reply()).status == 200
            assert time.monotonic() - began < 10.0
    finally:
        for caller in slow:
            await caller.__aexit__()


async def send_slowly(caller: Caller, content: bytes) -> None:
    for at in range(len(content)):
        await caller.send(content[at : at + 1])
        await asyncio.sleep(0.01)
