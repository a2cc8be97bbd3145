"""Purchases that are disturbed: cut, refused, held at each call, killed; and the log of calls that orders them."""

import asyncio
from typing import Any

import aiohttp
import pytest
from requests.exceptions import ConnectionError as ConnectionBroken
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from parley_simulator.handlers.hold_requests import Then
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS, TOKEN

FREE, TOLL_FREE = "+14155550001", "+18335550001"
URL = "http://example.com/sms"


async def buy(client: Client, phone_number: str | None = FREE, **fields: Any) -> Any:
    if phone_number is not None:
        fields["phone_number"] = phone_number
    return await asyncio.to_thread(lambda: client.incoming_phone_numbers.create(**fields))


async def refusal(client: Client, phone_number: str | None = FREE, **fields: Any) -> tuple[int, int]:
    """(code, status)"""
    with pytest.raises(TwilioRestException) as caught:
        await buy(client, phone_number, **fields)
    return caught.value.code, caught.value.status


async def owned(client: Client, **filters: str) -> list[str | None]:
    numbers = await asyncio.to_thread(lambda: client.incoming_phone_numbers.list(**filters))
    return [number.phone_number for number in numbers]


async def test_a_purchase_that_is_cut_is_a_purchase_all_the_same(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("cut", operation="numbers.create")
    with pytest.raises(ConnectionBroken):
        await buy(client, friendly_name="team/desk#7")
    assert await owned(client, friendly_name="team/desk#7") == [FREE]
    assert await refusal(client) == (21422, 400)


async def test_a_purchase_that_is_cut_before_it_counts_is_none(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("cut", operation="numbers.create", accepted=False)
    with pytest.raises(ConnectionBroken):
        await buy(client)
    assert await owned(client) == [OURS, OTHER]


@pytest.mark.parametrize("bought", [False, True])
async def test_an_error_comes_before_or_after_the_purchase(simulator: Simulator, client: Client, bought: bool) -> None:
    simulator.add_fault("error", operation="numbers.create", number=FREE, accepted=bought)
    assert await refusal(client) == (20503, 503)
    assert (FREE in await owned(client)) is bought


async def test_a_rate_limit_strikes_the_operation_that_it_names(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("rate_limit", operation="available.list")
    with pytest.raises(TwilioException) as caught:
        await asyncio.to_thread(client.available_phone_numbers("US").local.list)
    assert caught.value.args[1].status_code == 429
    simulator.add_fault("rate_limit", operation="numbers.create")
    assert await refusal(client) == (20429, 429)
    assert (await buy(client)).phone_number == FREE


@pytest.mark.parametrize("bought", [False, True])
async def test_a_purchase_is_held_before_and_after_it_counts(
    simulator: Simulator, client: Client, bought: bool
) -> None:
    hold = simulator.place_hold(operation="numbers.create", number=FREE, accepted=bought)
    answer = asyncio.create_task(buy(client))
    (held,) = await hold.wait()
    number = simulator.world.numbers.find(FREE)
    assert (held.parties, number is not None) == ((FREE,), bought)
    assert held.sid == (number.sid if number is not None else "")
    hold.release(Then.CUT)
    with pytest.raises(ConnectionBroken):
        await answer
    assert (simulator.world.numbers.find(FREE) is not None) is bought


async def test_a_purchase_counts_when_its_buyer_died_while_it_was_held(simulator: Simulator) -> None:
    hold = simulator.place_hold(operation="numbers.create")
    authorization = {"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
    url = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/IncomingPhoneNumbers.json"
    async with aiohttp.ClientSession(headers=authorization) as session:
        answer = asyncio.create_task(session.post(url, data={"PhoneNumber": FREE}))
        await hold.wait()
        answer.cancel()
    await asyncio.gather(answer, return_exceptions=True)
    assert simulator.world.numbers.find(FREE) is None
    hold.release()
    assert (await simulator.wait_until(lambda: simulator.world.numbers.find(FREE))).phone_number == FREE


async def test_every_call_of_a_purchase_can_be_held_on_both_sides(simulator: Simulator, client: Client) -> None:
    service = (await asyncio.to_thread(client.messaging.v1.services.create, "desk")).sid or ""

    def steps() -> None:
        client.incoming_phone_numbers.list(friendly_name="x", limit=1)
        seen = client.available_phone_numbers("US").local.list(area_code=415, limit=1)[0]
        bought = client.incoming_phone_numbers.create(phone_number=seen.phone_number or "", friendly_name="x")
        client.messaging.v1.services(service).phone_numbers.create(bought.sid or "")
        client.incoming_phone_numbers(bought.sid or "").update(sms_url=URL)
        client.messaging.v1.services(service).phone_numbers(bought.sid or "").delete()
        client.incoming_phone_numbers(bought.sid or "").delete()

    operations = (
        *("numbers.list", "available.list", "numbers.create", "services.numbers.create"),
        *("numbers.update", "services.numbers.delete", "numbers.delete"),
    )
    before, after = (simulator.place_hold(operation="*", accepted=accepted, count=None) for accepted in (False, True))
    started = asyncio.create_task(asyncio.to_thread(steps))
    for operation in operations:
        for hold in (before, after):
            assert [held.operation for held in await hold.wait()] == [operation]
            hold.release()
    await started


async def test_the_calls_of_a_purchase_are_seen_in_order(simulator: Simulator, client: Client) -> None:
    await asyncio.to_thread(lambda: client.incoming_phone_numbers.list(friendly_name="team/desk#7"))
    last = simulator.calls()[-1].index
    bought = await buy(client, friendly_name="team/desk#7")
    await refusal(client)
    await asyncio.to_thread(lambda: client.incoming_phone_numbers(bought.sid).update(sms_url=URL))
    simulator.add_fault("cut", operation="numbers.delete")
    with pytest.raises(ConnectionBroken):
        await asyncio.to_thread(client.incoming_phone_numbers(bought.sid).delete)
    calls = simulator.calls("numbers.*", last)
    assert [(call.method, call.operation, call.outcome) for call in calls] == [
        ("POST", "numbers.create", "201"),
        ("POST", "numbers.create", "400"),
        ("POST", "numbers.update", "200"),
        ("DELETE", "numbers.delete", "cut"),
    ]
    fields = calls[0].fields
    assert fields is not None
    assert fields.get("FriendlyName") == "team/desk#7"
    assert "SmsUrl" not in fields
    assert [call.operation for call in simulator.calls("numbers.list")] == ["numbers.list"]


async def test_the_accounts_concurrency_counts_all_kinds_of_calls(simulator: Simulator, client: Client) -> None:
    simulator.world.limits.concurrency = 1
    hold = simulator.place_hold(operation="numbers.create")
    answer = asyncio.create_task(buy(client))
    await hold.wait()
    assert await refusal(client, TOLL_FREE) == (20429, 429)
    hold.release()
    assert (await answer).phone_number == FREE
