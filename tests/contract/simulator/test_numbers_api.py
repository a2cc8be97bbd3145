"""IncomingPhoneNumbers through Twilio's own client."""

import asyncio

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS
from tests.contract.simulator.receiver import Receiver

ANN = "+15550100001"


async def sid_of(client: Client, phone_number: str) -> str:
    found = await asyncio.to_thread(client.incoming_phone_numbers.list, phone_number=phone_number)
    assert [number.phone_number for number in found] == [phone_number]
    return str(found[0].sid)


async def test_the_numbers_are_listed_with_their_fields(client: Client) -> None:
    numbers = await asyncio.to_thread(client.incoming_phone_numbers.list)
    assert [number.phone_number for number in numbers] == [OURS, OTHER]
    assert (numbers[0].sid or "").startswith("PN")
    assert numbers[0].friendly_name == "(555) 000-1111"
    assert numbers[0].capabilities == {"voice": True, "sms": True, "mms": True, "fax": False}
    assert (numbers[0].sms_url, numbers[0].status, numbers[0].type) == ("", "in-use", "local")


async def test_numbers_are_read_across_pages(simulator: Simulator, client: Client) -> None:
    for last in range(5):
        simulator.add_number(f"+1555300000{last}")
    numbers = await asyncio.to_thread(client.incoming_phone_numbers.list, page_size=3)
    assert [number.phone_number for number in numbers] == [number.phone_number for number in simulator.world.numbers]
    page = await asyncio.to_thread(lambda: client.incoming_phone_numbers.page(page_size=3))
    second = await asyncio.to_thread(page.next_page)
    assert second is not None
    back = await asyncio.to_thread(second.previous_page)
    assert back is not None
    assert [number.phone_number for number in back][:2] == [OURS, OTHER]


async def test_numbers_are_found_by_a_part_or_by_their_name(simulator: Simulator, client: Client) -> None:
    sid = await sid_of(client, OTHER)
    await asyncio.to_thread(lambda: client.incoming_phone_numbers(sid).update(friendly_name="parley/desk#7"))

    async def found(**filters: str) -> list[str | None]:
        listed = await asyncio.to_thread(lambda: client.incoming_phone_numbers.list(**filters))
        return [number.phone_number for number in listed]

    assert await found(phone_number="2222") == [OTHER]
    assert await found(phone_number="+1555*1111") == [OURS]
    assert await found(friendly_name="parley/desk#7") == [OTHER]
    assert await found(friendly_name="parley/desk") == []


async def test_an_update_sets_the_webhook_that_texts_go_to(
    simulator: Simulator, client: Client, receiver: Receiver
) -> None:
    sid = await sid_of(client, OURS)
    updated = await asyncio.to_thread(
        lambda: client.incoming_phone_numbers(sid).update(sms_url=receiver.url("/new"), sms_method="POST")
    )
    assert updated.sms_url == receiver.url("/new")
    fetched = await asyncio.to_thread(client.incoming_phone_numbers(sid).fetch)
    assert (fetched.sms_url, fetched.friendly_name) == (receiver.url("/new"), "(555) 000-1111")
    await simulator.text(ANN, OURS, "hi")
    assert [request.path for request in receiver.requests] == ["/new"]


async def test_an_update_unsets_with_a_blank_value(client: Client) -> None:
    sid = await sid_of(client, OURS)
    await asyncio.to_thread(lambda: client.incoming_phone_numbers(sid).update(sms_url="http://example.com/a"))
    assert (await asyncio.to_thread(lambda: client.incoming_phone_numbers(sid).update(sms_url=""))).sms_url == ""


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sms_url": "nonsense"}, 21402),
        ({"sms_url": "ftp://example.com/"}, 21402),
        ({"sms_url": "http://example.com/", "sms_method": "PUT"}, 21403),
        ({"sms_fallback_url": "http://example.com/"}, 21406),
        ({"friendly_name": "x" * 65}, 20422),
    ],
)
async def test_a_bad_update_changes_nothing(client: Client, fields: dict[str, str], code: int) -> None:
    sid = await sid_of(client, OURS)
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(lambda: client.incoming_phone_numbers(sid).update(**fields))
    assert caught.value.code == code
    number = await asyncio.to_thread(client.incoming_phone_numbers(sid).fetch)
    assert (number.sms_url, number.sms_fallback_url) == ("", "")


async def test_an_unknown_number_is_not_found(client: Client, api: aiohttp.ClientSession) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(client.incoming_phone_numbers("PN" + "0" * 32).fetch)
    assert (caught.value.status, caught.value.code) == (404, 20404)
    async with api.get("IncomingPhoneNumbers.json", params={"PageToken": "PAPN0"}) as response:
        assert response.status == 400
