"""The carrier against a faithful Twilio and against things that are none: each answer as it is told to the domain."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_notifier.adapters.twilio.carrier import ACCOUNT_PAGE, PAGE, TwilioCarrier, twilio_carrier
from parley_notifier.adapters.twilio.http_client import form_encoded
from parley_notifier.domain.coverage import InboundText
from parley_notifier.domain.outcomes import Answer, outcome_of
from parley_notifier.domain.settlement import Look, candidates
from parley_notifier.errors import CarrierUnavailable
from parley_simulator.domain.messages import Selection
from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.simulator import Simulator
from tests.contract.notifier.carriers import (
    LIMITS,
    NEVER,
    OURS,
    SERVICE,
    SID,
    THEIRS,
    TOKEN,
    Handle,
    account,
    claim,
    saying,
    something_that_answers,
)

LOOK = Look("t", "d", 1, 0.0, OURS, THEIRS, "hello")


async def sent_to(handle: Handle) -> Answer:
    async with something_that_answers(handle) as url, twilio_carrier(account(url), LIMITS) as carrier:
        return await carrier.send(claim(), NEVER)


# ---- a Twilio


async def test_a_text_arrives_as_it_is(carrier: TwilioCarrier, simulator: Simulator) -> None:
    text = "100 % & = + ; ñ 你 😀\nsecond line"
    answer = await carrier.send(claim(text), NEVER)
    (message,) = simulator.outbox(THEIRS)
    assert (message.body, message.number, message.participant) == (text, OURS, THEIRS)
    assert (answer.http_status, answer.sid) == (201, message.sid)
    assert answer.request_id.startswith("RQ")


async def test_the_callback_names_the_delivery_and_how_to_repeat(carrier: TwilioCarrier, simulator: Simulator) -> None:
    await carrier.send(claim(), NEVER)
    (message,) = simulator.outbox(THEIRS)
    assert message.status_callback == (
        "https://gateway.example.com/twilio/status/0f0e0d0c-0b0a-0908-0706-050403020100"
        "#rc=3&rp=ct,rt,5xx&ct=2000&rt=4000"
    )


@pytest.mark.parametrize(
    ("fields", "service", "validity"),
    [({}, "", ""), ({"scope": SERVICE}, SERVICE, ""), ({"scope": SERVICE[:-1]}, "", ""), ({"validity": 60}, "", "60")],
)
async def test_service_and_validity_are_named_where_there_are_any(
    fields: dict[str, Any], service: str, validity: str
) -> None:
    form: dict[str, list[str]] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        (length,) = re.findall(r"(?i)content-length: (\d+)", head)
        form.update(parse_qs((await reader.readexactly(int(length))).decode()))

    async with something_that_answers(handle) as url, twilio_carrier(account(url), LIMITS) as carrier:
        await carrier.send(replace(claim(), **fields), NEVER)
    assert form["From"] == [OURS], "the sender is named beside its service"
    assert form.get("MessagingServiceSid", [""]) == [service]
    assert form.get("ValidityPeriod", [""]) == [validity]


async def test_a_list_shows_what_a_service_has_no_sender_for_yet(carrier: TwilioCarrier, simulator: Simulator) -> None:
    service = simulator.set_service(ServiceChange(numbers=(OURS,)))
    simulator.add_fault("stall")
    message = await _sent_by_service(simulator, service.sid)
    listing = await carrier.list_messages(LOOK)
    assert [(listed.sid, listed.sender) for listed in listing.messages] == [(message, "")]
    assert candidates(listing, LOOK) == [message]


async def _sent_by_service(simulator: Simulator, service_sid: str) -> str:
    form = {"To": THEIRS, "MessagingServiceSid": service_sid, "Body": "hello"}
    url = f"{simulator.api_url}/2010-04-01/Accounts/{SID}/Messages.json"
    key = {"Authorization": aiohttp.encode_basic_auth(SID, TOKEN)}
    async with aiohttp.request("POST", url, data=form, headers=key) as answer:
        assert answer.status == 201
        return str((await answer.json())["sid"])


async def test_an_api_key_opens_the_account(simulator: Simulator) -> None:
    keyed = account(simulator.api_url, username="SK" + "0" * 32, password="the-secret-of-the-key")
    async with twilio_carrier(keyed, LIMITS) as carrier:
        assert (await carrier.send(claim(), NEVER)).sid


async def test_the_environment_does_not_bend_the_address(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with twilio_carrier(account(simulator.api_url), LIMITS) as carrier:
        assert (await carrier.send(claim(), NEVER)).sid


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"text": ""}, 400, 21602),
        ({"text": "x" * 1601}, 400, 21617),
        ({"participant": "12"}, 400, 21211),
        ({"sender": "+15550009999"}, 400, 21606),
    ],
)
async def test_a_refusal_carries_twilios_code(
    wrong: dict[str, str], status: int, code: int, carrier: TwilioCarrier
) -> None:
    answer = await carrier.send(claim(**wrong), NEVER)
    assert (answer.http_status, answer.error_code, answer.sid) == (status, code, "")
    assert outcome_of(answer).name == "refused"


async def test_bad_credentials_keep_the_text(simulator: Simulator) -> None:
    async with twilio_carrier(account(simulator.api_url, password="wrong"), LIMITS) as carrier:
        answer = await carrier.send(claim(), NEVER)
    assert (answer.http_status, outcome_of(answer).name) == (401, "account_refused")


async def test_too_many_at_once_is_told(carrier: TwilioCarrier, simulator: Simulator) -> None:
    simulator.add_fault("rate_limit")
    assert outcome_of(await carrier.send(claim(), NEVER)).name == "throttled"
    assert simulator.outbox(THEIRS) == []


@pytest.mark.parametrize("accepted", [True, False])
async def test_nothing_is_ever_sent_twice_by_itself(
    accepted: bool, carrier: TwilioCarrier, simulator: Simulator
) -> None:
    for kind in ("cut", "error", "slow"):
        simulator.add_fault(kind, accepted=accepted, seconds=1.0 if kind == "slow" else 0.0)
        answer = await carrier.send(claim(), NEVER)
        assert (outcome_of(answer).name, answer.left) == ("unknown", True)
    await simulator.wait_for_outbound(THEIRS, 3 if accepted else 1)
    assert len(simulator.outbox(THEIRS)) == (3 if accepted else 1), "a slow one is taken after we have gone"


async def test_the_list_shows_the_messages_of_the_pair_newest_first(
    carrier: TwilioCarrier, simulator: Simulator
) -> None:
    for text in ("one", "two"):
        await carrier.send(claim(text), NEVER)
    await carrier.send(claim("to another", participant="+15550100002"), NEVER)
    await simulator.text(THEIRS, OURS, "from them")
    listing = await carrier.list_messages(LOOK)
    assert sorted(message.text for message in listing.messages) == ["one", "two"]
    assert {message.direction for message in listing.messages} == {"outbound-api"}
    assert {message.sid for message in listing.messages} == {m.sid for m in simulator.outbox(THEIRS)}
    assert listing.complete


async def test_a_list_that_goes_on_says_so(carrier: TwilioCarrier, simulator: Simulator) -> None:
    for _ in range(PAGE + 1):
        await carrier.send(claim(), NEVER)
    listing = await carrier.list_messages(LOOK)
    assert (len(listing.messages), listing.complete) == (PAGE, False)


async def test_a_list_that_cannot_be_read_is_no_list(carrier: TwilioCarrier, simulator: Simulator) -> None:
    simulator.add_fault("error", operation="messages.list", status=500)
    with pytest.raises(CarrierUnavailable):
        await carrier.list_messages(LOOK)


async def read_inbound(carrier: TwilioCarrier) -> list[InboundText]:
    texts: list[InboundText] = []
    page_at = ""
    while True:
        page = await carrier.list_inbound(page_at)
        texts += page.texts
        page_at = page.next_page
        if not page_at:
            return texts


async def test_the_list_of_inbound_texts_shows_what_participants_sent(
    carrier: TwilioCarrier, simulator: Simulator
) -> None:
    began = int(time.time())
    await carrier.send(claim("from us"), NEVER)
    await simulator.text(THEIRS, OURS, "naïve 你 😀")
    (text,) = await read_inbound(carrier)
    (message,) = simulator.messages(Selection(outbound=False))
    assert (text.sid, text.number, text.participant, text.text) == (message.sid, OURS, THEIRS, "naïve 你 😀")
    assert text.media_urls == ()
    assert began <= text.receive_time <= time.time()


async def test_inbound_texts_are_listed_newest_first_over_all_pages(
    carrier: TwilioCarrier, simulator: Simulator
) -> None:
    for number in range(ACCOUNT_PAGE + 2):
        await simulator.text(THEIRS, OURS, f"text {number}")
    texts = await read_inbound(carrier)
    assert [text.text for text in texts] == [f"text {number}" for number in reversed(range(ACCOUNT_PAGE + 2))]


async def test_a_page_tells_how_old_its_oldest_message_is(carrier: TwilioCarrier, simulator: Simulator) -> None:
    assert (await carrier.list_inbound("")).oldest_time is None
    began = int(time.time())
    await carrier.send(claim("from us"), NEVER)
    page = await carrier.list_inbound("")
    assert page.texts == ()
    assert page.oldest_time is not None
    assert began <= page.oldest_time <= time.time()


async def test_an_inbound_list_that_cannot_be_read_is_no_list(carrier: TwilioCarrier, simulator: Simulator) -> None:
    simulator.add_fault("error", operation="messages.list", status=500)
    with pytest.raises(CarrierUnavailable):
        await carrier.list_inbound("")


# ---- too late


async def test_nothing_leaves_when_its_time_is_over(carrier: TwilioCarrier, simulator: Simulator) -> None:
    assert await carrier.send(claim(), time.monotonic()) == Answer(left=False)
    assert simulator.outbox(THEIRS) == []
    assert (await carrier.send(claim(), NEVER)).sid


async def test_nothing_leaves_a_process_that_was_frozen_while_it_sent(
    carrier: TwilioCarrier, simulator: Simulator
) -> None:
    until = time.monotonic() + 0.1
    sending = asyncio.create_task(carrier.send(claim(), until))
    await asyncio.sleep(0)
    while time.monotonic() <= until:
        pass
    assert await sending == Answer(left=False)
    assert simulator.outbox(THEIRS) == []


# ---- no Twilio


async def test_a_refused_connection_let_nothing_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with twilio_carrier(account(url), LIMITS) as carrier:
            assert await carrier.send(claim(), NEVER) == Answer(left=False)
            with pytest.raises(CarrierUnavailable):
                await carrier.list_messages(LOOK)


async def test_a_name_that_is_none_let_nothing_out() -> None:
    async with twilio_carrier(account("http://no.such.host.invalid"), LIMITS) as carrier:
        assert await carrier.send(claim(), NEVER) == Answer(left=False)


async def test_a_connection_that_is_never_made_let_nothing_out() -> None:
    """As behind a firewall that drops: the queue of connections is full and nobody takes any."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        try:
            async with twilio_carrier(account(f"http://127.0.0.1:{address[1]}"), LIMITS) as carrier:
                assert await carrier.send(claim(), NEVER) == Answer(left=False)
        finally:
            for one in waiting:
                one.close()


async def test_a_handshake_that_fails_let_nothing_out() -> None:
    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with (
        something_that_answers(no_tls) as url,
        twilio_carrier(account(url.replace("http:", "https:")), LIMITS) as carrier,
    ):
        assert await carrier.send(claim(), NEVER) == Answer(left=False)


async def test_silence_leaves_the_outcome_open() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    assert await sent_to(silent) == Answer()


async def test_an_answer_that_trickles_is_given_up() -> None:
    async def trickling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 201 Created":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    assert await sent_to(trickling) == Answer()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nnull",
        b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        b'HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n{"sid": "SM"}',
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_an_answer_that_is_not_twilios_leaves_the_outcome_open(answer: bytes) -> None:
    assert outcome_of(await sent_to(saying(answer))).name == "unknown"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"messages": 7}', b'{"messages": [7]}', b'{"messages": [{"sid": "SM1"}]}',
     b'{"messages": [{"sid": "SM1", "direction": "inbound", "body": "x", "date_created": "yesterday"}]}'],
)  # fmt: skip
async def test_a_list_that_is_not_twilios_is_no_list(body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with something_that_answers(saying(answer)) as url, twilio_carrier(account(url), LIMITS) as carrier:
        with pytest.raises(CarrierUnavailable):
            await carrier.list_messages(LOOK)
        with pytest.raises(CarrierUnavailable):
            await carrier.list_inbound("")


async def test_credentials_follow_no_link_to_somewhere_else() -> None:
    body = b'{"messages": [], "next_page_uri": "http://elsewhere.invalid/list?PageToken=PA1"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with something_that_answers(saying(answer)) as url, twilio_carrier(account(url), LIMITS) as carrier:
        page = await carrier.list_inbound("")
        assert page.next_page == f"{url}/2010-04-01/Accounts/{SID}/Messages.json?PageToken=PA1"


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"), min_size=1)))
def test_forms_are_written_as_urllib_writes_them(fields: dict[str, str]) -> None:
    assert form_encoded(fields) == urlencode(fields)
    assert parse_qs(form_encoded(fields), keep_blank_values=True) == {name: [value] for name, value in fields.items()}
