"""Messaging services through Twilio's own client: the resource, its pool, its sends, its webhooks, its opt-outs."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from parley_simulator.domain.keywords import Keyword
from parley_simulator.domain.messages import Selection
from parley_simulator.domain.messaging_services import MessagingService
from parley_simulator.handlers.configure_number import NumberChange
from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS, TOKEN
from tests.contract.simulator.receiver import Received, Receiver

ANN, BEN, TOLL_FREE, THIRD = "+15550100001", "+15550100002", "+18005550100", "+15550003333"


@pytest.fixture
def service(wired: Simulator) -> MessagingService:
    """Our two numbers are in it."""
    return wired.set_service(ServiceChange(friendly_name="desk", numbers=(OURS, OTHER)))


async def send(client: Client, to: str = ANN, **fields: Any) -> Any:
    return await asyncio.to_thread(lambda: client.messages.create(to=to, body="x", **fields))


async def refusal(client: Client, to: str = ANN, **fields: Any) -> int | None:
    try:
        await send(client, to, **fields)
    except TwilioRestException as error:
        return int(error.code)
    return None


async def final(simulator: Simulator, sid: str) -> tuple[str, int | None]:
    """The status with which the message ends, and its error code."""
    ended = ("delivered", "undelivered", "failed")

    def look() -> tuple[str, int | None] | None:
        message = simulator.world.log.get(sid)
        return (message.status, message.error_code) if message is not None and message.status in ended else None

    return await simulator.wait_until(look)


async def test_a_service_is_created_fetched_changed_and_listed(client: Client) -> None:
    created = await asyncio.to_thread(client.messaging.v1.services.create, "desk")
    assert re.fullmatch(r"MG[0-9a-f]{32}", created.sid or "")
    assert (created.friendly_name, created.use_inbound_webhook_on_number, created.sticky_sender) == ("desk", True, True)
    assert (created.inbound_request_url, created.validity_period) == (None, 36_000)
    assert created.date_created is not None
    assert abs(created.date_created - datetime.now(UTC)) < timedelta(minutes=1)
    named = client.messaging.v1.services(created.sid or "")
    changed = await asyncio.to_thread(
        lambda: named.update(
            inbound_request_url="http://example.com/in", use_inbound_webhook_on_number=False, sticky_sender=False
        )
    )
    fetched = await asyncio.to_thread(named.fetch)
    for seen in (changed, fetched):
        assert (seen.friendly_name, seen.inbound_request_url) == ("desk", "http://example.com/in")
        assert (seen.use_inbound_webhook_on_number, seen.sticky_sender) == (False, False)
    assert [listed.sid for listed in await asyncio.to_thread(client.messaging.v1.services.list)] == [created.sid]


async def test_services_are_read_across_pages(simulator: Simulator, client: Client) -> None:
    sids = [simulator.set_service(ServiceChange(friendly_name=str(position))).sid for position in range(5)]
    listed = await asyncio.to_thread(client.messaging.v1.services.list, page_size=2)
    assert [found.sid for found in listed] == sids
    page = await asyncio.to_thread(lambda: client.messaging.v1.services.page(page_size=2))
    second = await asyncio.to_thread(page.next_page)
    assert second is not None
    back = await asyncio.to_thread(second.previous_page)
    assert back is not None
    assert [found.sid for found in back] == sids[:2]
    assert back.previous_page_url is None


@pytest.mark.parametrize(
    "fields",
    [
        {"friendly_name": ""},
        {"friendly_name": "x" * 65},
        {"friendly_name": "x", "inbound_request_url": "ftp://example.com"},
        {"friendly_name": "x", "fallback_method": "PUT"},
    ],
)
async def test_a_service_that_makes_no_sense_is_refused(
    simulator: Simulator, client: Client, fields: dict[str, Any]
) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(lambda: client.messaging.v1.services.create(**fields))
    assert (caught.value.status, caught.value.code) == (400, 20001)
    assert list(simulator.world.services) == []


async def test_numbers_are_attached_listed_and_detached(
    simulator: Simulator, client: Client, api: aiohttp.ClientSession
) -> None:
    pool = client.messaging.v1.services(simulator.set_service(ServiceChange(friendly_name="a")).sid).phone_numbers
    other = client.messaging.v1.services(simulator.set_service(ServiceChange(friendly_name="b")).sid).phone_numbers
    sids = [number.sid for number in simulator.world.numbers]
    attached = await asyncio.to_thread(pool.create, sids[0])
    assert (attached.sid, attached.phone_number, attached.capabilities) == (sids[0], OURS, ["MMS", "SMS", "Voice"])
    assert attached.country_code == "US"
    await asyncio.to_thread(pool.create, sids[1])
    assert [number.sid for number in await asyncio.to_thread(pool.list, page_size=1)] == sids
    for refusing, sid, code in ((pool, sids[0], 21710), (other, sids[0], 21712), (pool, "PN" + "0" * 32, 21421)):
        with pytest.raises(TwilioRestException) as caught:
            await asyncio.to_thread(refusing.create, sid)
        assert caught.value.code == code
    assert (await asyncio.to_thread(pool(sids[1]).fetch)).phone_number == OTHER
    assert await asyncio.to_thread(pool(sids[0]).delete)
    assert [number.sid for number in await asyncio.to_thread(pool.list)] == [sids[1]]
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(pool(sids[0]).delete)
    assert caught.value.status == 404
    await asyncio.to_thread(other.create, sids[0])


async def test_a_pool_takes_only_numbers_for_texts_and_so_many(simulator: Simulator, client: Client) -> None:
    pool = client.messaging.v1.services(simulator.set_service(ServiceChange(friendly_name="a")).sid).phone_numbers
    simulator.change_number(OTHER, NumberChange(sms_capable=False))
    simulator.add_number(THIRD)
    simulator.world.limits.pool = 1
    sids = {number.phone_number: number.sid for number in simulator.world.numbers}
    await asyncio.to_thread(pool.create, sids[OURS])
    for phone_number, code in ((OTHER, 21715), (THIRD, 21714), (OURS, 21710)):
        with pytest.raises(TwilioRestException) as caught:
            await asyncio.to_thread(pool.create, sids[phone_number])
        assert caught.value.code == code


async def test_a_deleted_service_leaves_its_numbers(simulator: Simulator, client: Client) -> None:
    sid = simulator.set_service(ServiceChange(friendly_name="a", numbers=(OURS,))).sid
    simulator.papers.file_campaign(sid)
    assert await asyncio.to_thread(client.messaging.v1.services(sid).delete)
    assert await asyncio.to_thread(client.messaging.v1.services.list) == []
    assert list(simulator.world.registrations.campaigns) == []
    simulator.set_service(ServiceChange(friendly_name="b", numbers=(OURS, OTHER)))


async def test_what_is_no_service_is_not_found_and_strangers_are_refused(simulator: Simulator, client: Client) -> None:
    with pytest.raises(TwilioException):
        await asyncio.to_thread(client.messaging.v1.services("MG" + "0" * 32).phone_numbers.list)
    sid = simulator.set_service(ServiceChange(friendly_name="a")).sid
    account = f"/2010-04-01/Accounts/{simulator.account_sid}"
    credentials = {"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
    async with aiohttp.ClientSession(simulator.api_url) as session:
        for path, headers, status in (
            ("/v1/Services", {}, 401),
            ("/v1/Services/", credentials, 404),
            (f"/v1/Services/{sid}", credentials, 200),
            (f"/v1/Services/{sid}/AlphaSenders", credentials, 404),
            (f"/v1/Services/{'MG' + '0' * 32}", credentials, 404),
            (f"{account}/Services.json", credentials, 404),
            (f"{account}/PhoneNumbers/{sid}.json", credentials, 404),
        ):
            async with session.get(path, headers=headers) as response:
                assert (path, response.status) == (path, status)
        async with session.delete("/v1/Services", headers=credentials) as response:
            assert response.status == 405


async def test_a_send_through_a_service_is_accepted_before_a_sender_is_chosen(
    wired: Simulator, client: Client, receiver: Receiver, service: MessagingService
) -> None:
    sent = await send(client, messaging_service_sid=service.sid, status_callback=receiver.url("/status"))
    assert (sent.status, sent.from_, sent.num_segments) == ("accepted", None, "0")
    assert sent.messaging_service_sid == service.sid
    await receiver.wait(3)
    told = [(request.fields["MessageStatus"], request.fields["From"]) for request in receiver.requests]
    assert told == [("queued", OURS), ("sent", OURS), ("delivered", OURS)]
    assert {request.fields["MessagingServiceSid"] for request in receiver.requests} == {service.sid}
    fetched = await asyncio.to_thread(client.messages(sent.sid).fetch)
    assert (fetched.status, fetched.from_, fetched.num_segments) == ("delivered", OURS, "1")
    assert fetched.messaging_service_sid == service.sid


async def test_a_hidden_sender_is_not_found_by_its_number(
    wired: Simulator, client: Client, service: MessagingService
) -> None:
    wired.add_fault("stall")
    sent = await send(client, messaging_service_sid=service.sid)
    assert await asyncio.to_thread(lambda: client.messages.list(to=ANN, from_=OURS)) == []
    assert [found.sid for found in await asyncio.to_thread(lambda: client.messages.list(to=ANN))] == [sent.sid]


async def test_a_participant_keeps_the_number_that_was_chosen(
    wired: Simulator, client: Client, service: MessagingService
) -> None:
    for to in (ANN, BEN, ANN, BEN, ANN):
        await send(client, to, messaging_service_sid=service.sid)
    assert {message.from_ for message in wired.outbox(ANN)} == {OURS}
    assert {message.from_ for message in wired.outbox(BEN)} == {OTHER}
    wired.set_service(ServiceChange(numbers=(OTHER,)), service.sid)
    await send(client, ANN, messaging_service_sid=service.sid)
    assert wired.outbox(ANN)[-1].from_ == OTHER


async def test_a_reply_comes_from_the_number_that_was_texted(
    wired: Simulator, client: Client, service: MessagingService
) -> None:
    await wired.text(ANN, OTHER, "hi")
    await send(client, ANN, messaging_service_sid=service.sid)
    assert wired.outbox(ANN)[-1].from_ == OTHER


async def test_a_service_that_is_not_sticky_takes_its_numbers_in_turn(
    wired: Simulator, client: Client, service: MessagingService
) -> None:
    wired.set_service(ServiceChange(sticky_sender=False), service.sid)
    for _ in range(4):
        await send(client, messaging_service_sid=service.sid)
    assert [message.from_ for message in wired.outbox(ANN)] == [OURS, OTHER, OURS, OTHER]


async def test_a_sender_of_the_pool_may_be_named(wired: Simulator, client: Client, service: MessagingService) -> None:
    sent = await send(client, from_=OTHER, messaging_service_sid=service.sid)
    assert (sent.status, sent.from_, sent.messaging_service_sid) == ("accepted", OTHER, service.sid)
    wired.add_number(THIRD)
    assert await refusal(client, from_=THIRD, messaging_service_sid=service.sid) == 21606


async def test_a_service_that_cannot_send_refuses(wired: Simulator, client: Client) -> None:
    empty = wired.set_service(ServiceChange(friendly_name="empty"))
    assert await refusal(client, messaging_service_sid=empty.sid) == 21704
    assert await refusal(client, messaging_service_sid="MG" + "0" * 32) == 21701
    assert wired.messages() == []


async def test_the_services_status_callback_is_the_default(
    wired: Simulator, client: Client, receiver: Receiver
) -> None:
    service = await asyncio.to_thread(
        lambda: client.messaging.v1.services.create("desk", status_callback=receiver.url("/service"))
    )
    wired.set_service(ServiceChange(numbers=(OURS,)), service.sid)
    await send(client, messaging_service_sid=service.sid)
    await receiver.wait(3)
    assert {request.path for request in receiver.requests} == {"/service"}


async def test_a_text_to_a_number_of_a_service_names_the_service(
    wired: Simulator, receiver: Receiver, service: MessagingService
) -> None:
    inbound = await wired.text(ANN, OURS, "hi")
    assert receiver.requests[0].fields["MessagingServiceSid"] == service.sid
    assert receiver.requests[0].is_signed(TOKEN, receiver.url())
    assert inbound.message.service_sid == service.sid
    wired.set_service(ServiceChange(numbers=()), service.sid)
    await wired.text(ANN, OURS, "hi")
    assert "MessagingServiceSid" not in receiver.requests[1].fields


async def test_the_services_webhook_overrides_the_numbers(
    wired: Simulator, receiver: Receiver, service: MessagingService
) -> None:
    url = receiver.url("/service")
    wired.set_service(ServiceChange(inbound_request_url=url, use_inbound_webhook_on_number=False), service.sid)
    assert (await wired.text(ANN, OURS, "one")).outcome == "delivered"
    wired.set_service(ServiceChange(use_inbound_webhook_on_number=True), service.sid)
    assert (await wired.text(ANN, OURS, "two")).outcome == "delivered"
    assert [request.path for request in receiver.requests] == ["/service", "/sms"]


async def test_a_service_without_a_webhook_receives_nothing(
    wired: Simulator, receiver: Receiver, service: MessagingService
) -> None:
    wired.set_service(ServiceChange(use_inbound_webhook_on_number=False), service.sid)
    assert (await wired.text(ANN, OURS, "hi")).outcome == "not_received"
    assert wired.messages() == []
    assert receiver.requests == []


async def test_an_opt_out_holds_for_all_numbers_of_the_service(
    wired: Simulator, client: Client, service: MessagingService
) -> None:
    wired.add_number(THIRD)
    await wired.text(ANN, OURS, "STOP")
    assert await refusal(client, from_=OTHER) == 21610
    assert await refusal(client, messaging_service_sid=service.sid) == 21610
    assert await refusal(client, from_=THIRD) is None
    assert await refusal(client, BEN, messaging_service_sid=service.sid) is None
    await wired.text(ANN, OTHER, "START")
    assert await refusal(client, messaging_service_sid=service.sid) is None


async def test_a_toll_free_number_keeps_its_own_blocks_in_a_service(
    wired: Simulator, client: Client, service: MessagingService
) -> None:
    wired.add_number(TOLL_FREE)
    wired.set_service(ServiceChange(numbers=(OURS, TOLL_FREE)), service.sid)
    await wired.text(ANN, TOLL_FREE, "STOP")
    assert await refusal(client, from_=OURS) is None
    blocked = await send(client, from_=TOLL_FREE, messaging_service_sid=service.sid)
    assert await final(wired, blocked.sid) == ("undelivered", 30004)


async def test_advanced_opt_out_names_the_keyword_answers_and_blocks_late(
    wired: Simulator, client: Client, receiver: Receiver, service: MessagingService
) -> None:
    lists = {Keyword.STOP: ("arret", "stopp"), Keyword.HELP: ("aide",)}
    wired.set_service(ServiceChange(advanced_opt_out=lists), service.sid)
    for body in ("Aide", "ARRET", "cancel", "hello"):
        await wired.text(ANN, OURS, body)
    assert [_opt_out_type(request) for request in receiver.requests] == ["HELP", "STOP", None, None]
    answers = wired.outbox(ANN, automatic=True)
    assert [answer.body[:30] for answer in answers] == [
        "Reply STOP to unsubscribe. Msg",
        "You have successfully been uns",
    ]
    receiver.requests.clear()
    sent = await send(client, from_=OURS, status_callback=receiver.url("/status"))
    assert (sent.status, sent.error_code) == ("queued", None)
    (told,) = await receiver.wait(1)
    assert (told.fields["MessageStatus"], told.fields["ErrorCode"]) == ("failed", "21610")
    await wired.text(ANN, OURS, "unstop")
    assert _opt_out_type(receiver.requests[-1]) == "START"
    allowed = await send(client, messaging_service_sid=service.sid)
    assert await final(wired, allowed.sid) == ("delivered", None)


async def test_a_blocked_send_through_advanced_opt_out_is_queued_and_fails(
    wired: Simulator, client: Client, receiver: Receiver, service: MessagingService
) -> None:
    wired.set_service(ServiceChange(advanced_opt_out={}), service.sid)
    await wired.text(ANN, OURS, "Cancel")
    receiver.requests.clear()
    await send(client, messaging_service_sid=service.sid, status_callback=receiver.url("/status"))
    await receiver.wait(2)
    assert [request.fields["MessageStatus"] for request in receiver.requests] == ["queued", "failed"]


async def test_a_reset_forgets_opt_outs_and_senders_and_keeps_the_service(
    wired: Simulator, client: Client, service: MessagingService
) -> None:
    await wired.text(ANN, OTHER, "STOP")
    wired.reset()
    sent = await send(client, messaging_service_sid=service.sid)
    await wired.wait_for_messages(Selection(status="delivered"), 1, 5.0)
    assert (await asyncio.to_thread(client.messages(sent.sid).fetch)).from_ == OURS


def _opt_out_type(request: Received) -> str | None:
    return request.fields.get("OptOutType")
