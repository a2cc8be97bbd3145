"""Faults on demand: each does what it says, to whom it says, as often as it says."""

import asyncio
import time

import aiohttp
import pytest
from requests.exceptions import ConnectionError as ConnectionBroken
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from parley_simulator.app import running
from parley_simulator.errors import BadRequestError
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS, TOKEN, eventually, simulator_settings
from tests.contract.simulator.receiver import Receiver

ANN, BEN = "+15550100001", "+15550100002"


async def send(client: Client, to: str = ANN, from_: str = OURS, callback: str | None = None) -> int:
    """The HTTP status, 0 for none."""
    extra = {"status_callback": callback} if callback else {}
    try:
        await asyncio.to_thread(lambda: client.messages.create(to=to, from_=from_, body="x", **extra))
    except TwilioRestException as error:
        return int(error.status)
    except ConnectionBroken:
        return 0
    return 201


async def test_a_rate_limit_is_429_with_code_20429_and_nothing_is_accepted(
    simulator: Simulator, client: Client
) -> None:
    simulator.add_fault("rate_limit")
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(client.messages.create, to=ANN, from_=OURS, body="x")
    assert (caught.value.status, caught.value.code) == (429, 20429)
    assert simulator.messages() == []
    assert await send(client) == 201


@pytest.mark.parametrize("status", [500, 503])
async def test_an_error_is_not_accepted(simulator: Simulator, client: Client, status: int) -> None:
    simulator.add_fault("error", status=status)
    assert await send(client) == status
    assert simulator.messages() == []


async def test_an_error_after_acceptance_leaves_the_message(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("error", status=500, accepted=True)
    assert await send(client) == 500
    assert len(simulator.outbox(ANN)) == 1


async def test_a_cut_connection_leaves_the_message_and_no_answer(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("cut")
    assert await send(client) == 0
    assert len(simulator.outbox(ANN)) == 1
    assert await send(client) == 201
    assert simulator.world.requests == {"messages.create cut": 1, "messages.create 201": 1}


async def test_a_connection_can_be_cut_before_acceptance(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("cut", accepted=False)
    assert await send(client) == 0
    assert simulator.messages() == []


async def test_a_message_accepted_and_cut_is_called_back_all_the_same(
    simulator: Simulator, client: Client, receiver: Receiver
) -> None:
    simulator.add_fault("cut")
    assert await send(client, callback=receiver.url("/status?nid=7")) == 0
    sent, _ = await receiver.wait(2)
    assert (sent.path, sent.fields["MessageSid"]) == ("/status?nid=7", simulator.outbox(ANN)[0].sid)


async def test_an_answer_can_be_slow(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("slow", seconds=0.2, accepted=True)
    started = time.monotonic()
    assert await send(client) == 201
    assert time.monotonic() - started >= 0.2
    assert len(simulator.outbox(ANN)) == 1


async def test_a_fault_strikes_as_often_as_it_was_set(simulator: Simulator, client: Client) -> None:
    fault = simulator.add_fault("error", count=2)
    assert [await send(client) for _ in range(3)] == [503, 503, 201]
    assert (fault.count, fault.strikes) == (0, 2)


async def test_a_fault_strikes_only_whom_it_names(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("error", participant=ANN, number=OTHER)
    assert await send(client, BEN, OTHER) == 201
    assert await send(client, ANN, OURS) == 201
    assert await send(client, ANN, OTHER) == 503


async def test_faults_strike_the_operation_that_they_name(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("error", operation="messages.fetch")
    simulator.add_fault("error", operation="numbers.list")
    assert await send(client) == 201
    sid = simulator.outbox(ANN)[0].sid
    with pytest.raises(TwilioRestException):
        await asyncio.to_thread(client.messages(sid).fetch)
    assert (await asyncio.to_thread(client.messages(sid).fetch)).sid == sid
    simulator.clear_faults()
    assert len(await asyncio.to_thread(client.incoming_phone_numbers.list)) == 2


async def test_a_seed_decides_what_chance_strikes() -> None:
    async def pattern(seed: int) -> list[int]:
        async with (
            running(simulator_settings(seed=seed)) as simulator,
            aiohttp.ClientSession(
                headers={"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
            ) as session,
        ):
            simulator.add_fault("error", count=None, probability=0.5)
            url = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/Messages.json"
            statuses = []
            for _ in range(40):
                async with session.post(url, data={"To": ANN, "From": OURS, "Body": "x"}) as response:
                    statuses.append(response.status)
            return statuses

    first = await pattern(1)
    assert first == await pattern(1)
    assert first != await pattern(2)
    assert 5 < first.count(503) < 35


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("lose_callback", {}, []),
        ("lose_callback", {"message_status": "sent"}, ["delivered"]),
        ("lose_callback", {"message_status": "delivered"}, ["sent"]),
        ("duplicate_callback", {}, ["sent", "sent", "delivered", "delivered"]),
        ("duplicate_callback", {"message_status": "delivered"}, ["sent", "delivered", "delivered"]),
        ("reorder_callbacks", {}, ["delivered", "sent"]),
    ],
)
async def test_callbacks_are_lost_doubled_and_reordered(
    simulator: Simulator, client: Client, receiver: Receiver, kind: str, options: dict[str, str], told: list[str]
) -> None:
    simulator.add_fault(kind, participant=ANN, message_status=options.get("message_status"))
    await send(client, callback=receiver.url())
    await eventually(lambda: simulator.outbox(ANN)[0].status == "delivered")
    await receiver.wait(len(told))
    # A second message, without fault, shows that nothing more of the first is to come.
    await send(client, BEN, callback=receiver.url())
    await receiver.wait(len(told) + 2)
    of_ann = [request.fields["MessageStatus"] for request in receiver.requests if request.fields["To"] == ANN]
    assert of_ann == told


async def test_callbacks_can_be_delayed(simulator: Simulator, client: Client, receiver: Receiver) -> None:
    simulator.add_fault("delay_callbacks", seconds=0.2)
    started = time.monotonic()
    await send(client, callback=receiver.url())
    await receiver.wait(2)
    assert time.monotonic() - started >= 0.2


async def test_an_inbound_webhook_can_be_lost(wired: Simulator, receiver: Receiver) -> None:
    wired.add_fault("lose_inbound", participant=ANN)
    assert (await wired.text(BEN, OURS, "hi")).outcome == "delivered"
    assert (await wired.text(ANN, OURS, "hi")).outcome == "lost"
    assert [request.fields["From"] for request in receiver.requests] == [BEN]
    assert [message.from_ for message in wired.messages()] == [BEN, ANN]


async def test_an_inbound_webhook_can_come_twice(wired: Simulator, receiver: Receiver) -> None:
    wired.add_fault("duplicate_inbound")
    sent = await wired.text(ANN, OURS, "hi")
    first, second = await receiver.wait(2)
    assert first.fields["MessageSid"] == second.fields["MessageSid"] == sent.message.sid


async def test_too_many_requests_at_once_are_refused_and_not_accepted() -> None:
    async with (
        running(simulator_settings(concurrency=2)) as simulator,
        aiohttp.ClientSession(
            headers={"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
        ) as session,
    ):
        hold = simulator.place_hold(accepted=True, count=2)
        url = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/Messages.json"

        async def post() -> int:
            async with session.post(url, data={"To": ANN, "From": OURS, "Body": "x"}) as response:
                assert response.headers["Twilio-Concurrent-Requests"] in ("1", "2", "3")
                return response.status

        held = [asyncio.create_task(post()) for _ in range(2)]
        await hold.wait(2)
        assert await post() == 429
        assert hold.release() == 2
        assert [await task for task in held] == [201, 201]
        assert await post() == 201
        assert len(simulator.outbox(ANN)) == 3


@pytest.mark.parametrize(
    ("kind", "options", "field"),
    [
        ("error", {"status": 200}, "status"),
        ("slow", {}, "seconds"),
        ("delay_callbacks", {"seconds": 0}, "seconds"),
        ("fail", {"message_status": "sent"}, "message_status"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(
    simulator: Simulator, kind: str, options: dict[str, object], field: str
) -> None:
    with pytest.raises(BadRequestError, match=f"^{field}: "):
        simulator.add_fault(kind, **options)  # type: ignore[arg-type]
