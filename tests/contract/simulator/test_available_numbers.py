"""AvailablePhoneNumbers through Twilio's own client: countries, types, filters, patterns, and what is not for sale."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from parley_simulator.domain.inventory import AddressNeed, NumberType
from parley_simulator.handlers.stock_inventory import TermsChange
from parley_simulator.simulator import Simulator

KINDS = {NumberType.LOCAL: "local", NumberType.MOBILE: "mobile", NumberType.TOLL_FREE: "toll_free"}


async def offers(client: Client, country: str = "US", kind: NumberType = NumberType.LOCAL, **filters: Any) -> list[Any]:
    listing = getattr(client.available_phone_numbers(country), KINDS[kind])
    return await asyncio.to_thread(lambda: list(listing.list(**filters)))


async def found(client: Client, country: str = "US", kind: NumberType = NumberType.LOCAL, **filters: Any) -> list[str]:
    return [offer.phone_number for offer in await offers(client, country, kind, **filters)]


def status_of(error: TwilioException) -> tuple[int, int]:
    """Lists raise the bare exception, which has the response in its arguments."""
    response = error.args[1]
    return response.status_code, json.loads(response.text)["code"]


async def test_the_countries_say_which_types_they_have(client: Client) -> None:
    countries = {item.country_code: item for item in await asyncio.to_thread(client.available_phone_numbers.list)}
    assert countries["GB"].country == "United Kingdom"
    assert set(countries["US"].subresource_uris or {}) == {"local", "toll_free"}
    assert set(countries["GB"].subresource_uris or {}) == {"local", "mobile", "toll_free"}
    assert countries["IN"].subresource_uris == {}
    one = await asyncio.to_thread(client.available_phone_numbers("FI").fetch)
    assert (one.country, one.beta, list(one.subresource_uris or {})) == ("Finland", False, ["mobile"])
    assert (one.subresource_uris or {})["mobile"].endswith("/AvailablePhoneNumbers/FI/Mobile.json")
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(client.available_phone_numbers("XX").fetch)
    assert (caught.value.status, caught.value.code) == (404, 20404)


async def test_an_offer_has_twilios_fields(client: Client) -> None:
    offer = (await offers(client, area_code=415))[0]
    assert offer.phone_number.startswith("+1415555")
    assert offer.friendly_name == f"(415) 555-{offer.phone_number[-4:]}"
    assert (offer.iso_country, offer.region, offer.locality, offer.postal_code) == (
        "US",
        "CA",
        "San Francisco",
        "94103",
    )
    assert (offer.address_requirements, offer.beta) == ("none", False)
    assert offer.capabilities == {"voice": True, "SMS": True, "MMS": True, "fax": False}


async def test_the_envelope_has_no_pages(api: aiohttp.ClientSession) -> None:
    async with api.get("AvailablePhoneNumbers/US/Local.json", params={"PageSize": "3"}) as response:
        answer = await response.json()
    assert set(answer) == {"available_phone_numbers", "uri"}
    assert len(answer["available_phone_numbers"]) == 3


@pytest.mark.parametrize(
    ("country", "kind"),
    [
        ("US", NumberType.MOBILE),
        ("FI", NumberType.LOCAL),
        ("IN", NumberType.LOCAL),
        ("XX", NumberType.LOCAL),
    ],
)
async def test_a_type_that_the_country_lacks_is_not_found(client: Client, country: str, kind: NumberType) -> None:
    with pytest.raises(TwilioException) as caught:
        await found(client, country, kind)
    assert status_of(caught.value) == (404, 20404)


async def test_a_type_that_is_sold_out_is_an_empty_list(simulator: Simulator, client: Client) -> None:
    simulator.sale.sell_out("US", "local")
    assert await found(client) == []
    assert await found(client, kind=NumberType.TOLL_FREE) != []


async def test_a_search_keeps_to_the_area_code(client: Client) -> None:
    numbers = await found(client, area_code=212, limit=1000)
    assert len(numbers) == 20
    assert {number[:5] for number in numbers} == {"+1212"}
    assert await found(client, area_code=907) == []
    with pytest.raises(TwilioException) as caught:
        await found(client, area_code=99)
    assert status_of(caught.value) == (400, 21451)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("5557654", ["+14155557654"]),
        ("415", ["+14155557654", "+14155550001"]),
        ("+1415", ["+14155557654", "+14155550001"]),
        ("+415", []),
        ("55**654", ["+14155557654"]),
        ("654$", ["+14155557654"]),
        ("415$", []),
        ("%654", ["+14155557654"]),
        ("+1%7654$", None),
        ("PARLEY", ["+12127275390"]),
        ("+1212%", ["+12127275390"]),
    ],
)
async def test_a_search_reads_patterns(
    simulator: Simulator, client: Client, pattern: str, fits: list[str] | None
) -> None:
    simulator.sale.sell_out()
    simulator.sale.offer("US", "local", phone_numbers=["+14155557654", "+14155550001", "+12127275390"])
    if fits is None:
        with pytest.raises(TwilioException) as caught:
            await found(client, contains=pattern)
        assert status_of(caught.value) == (400, 20001)
    else:
        assert await found(client, contains=pattern) == fits


@pytest.mark.parametrize("pattern", ["5", "5*", "*" * 4, "1" * 17, "4(15)", "41%55"])
async def test_a_pattern_that_cannot_be_read_is_refused(client: Client, pattern: str) -> None:
    with pytest.raises(TwilioException) as caught:
        await found(client, contains=pattern)
    assert status_of(caught.value) == (400, 20001)


async def test_a_search_asks_for_capabilities(simulator: Simulator, client: Client) -> None:
    simulator.sale.offer("GB", "local", phone_numbers=["+442079460000"], terms=TermsChange(sms=True))
    assert await found(client, "GB", sms_enabled=True) == ["+442079460000"]
    silent = await found(client, "GB", sms_enabled=False, limit=100)
    assert len(silent) == 20
    assert "+442079460000" not in silent
    assert await found(client, "GB", mms_enabled=True) == []
    assert len(await found(client, "GB", voice_enabled=True, limit=100)) == 21


async def test_a_search_leaves_out_what_needs_an_address(simulator: Simulator, client: Client) -> None:
    simulator.sale.sell_out("FI")
    for last, need in enumerate(AddressNeed):
        simulator.sale.offer("FI", "mobile", phone_numbers=[f"+35845700000{last}"], terms=TermsChange(address=need))
    none, anywhere, local, foreign = (f"+35845700000{last}" for last in range(4))

    async def without(**exclusions: bool) -> list[str]:
        return await found(client, "FI", NumberType.MOBILE, **exclusions)

    assert await without() == [none, anywhere, local, foreign]
    assert await without(exclude_all_address_required=True) == [none]
    assert await without(exclude_local_address_required=True) == [none, anywhere, foreign]
    assert await without(exclude_foreign_address_required=True) == [none, anywhere, local]


async def test_a_search_keeps_to_a_place(client: Client) -> None:
    assert {offer.locality for offer in await offers(client, in_region="NY", limit=100)} == {"New York"}
    assert {offer.region for offer in await offers(client, in_locality="Austin", limit=100)} == {"TX"}
    assert await found(client, in_postal_code="00000") == []


async def test_a_search_leaves_out_new_numbers_on_request(simulator: Simulator, client: Client) -> None:
    simulator.sale.sell_out("US", "local")
    simulator.sale.offer("US", "local", phone_numbers=["+14155557654"], terms=TermsChange(beta=True))
    assert (await offers(client))[0].beta is True
    assert await found(client, beta=False) == []


async def test_a_page_is_as_long_as_asked(client: Client, api: aiohttp.ClientSession) -> None:
    assert len(await found(client, limit=7)) == 7
    async with api.get("AvailablePhoneNumbers/US/Local.json", params={"PageSize": "1001"}) as response:
        assert (response.status, (await response.json())["code"]) == (400, 20007)


async def test_what_somebody_else_takes_is_not_found_any_more(simulator: Simulator, client: Client) -> None:
    first, second = (await found(client))[:2]
    simulator.sale.take(first)
    assert (await found(client))[0] == second
    made = simulator.sale.offer("US", "local", count=3)
    assert first not in [offer.phone_number for offer in made]


async def test_a_type_can_be_withdrawn_and_a_new_one_offered(simulator: Simulator, client: Client) -> None:
    simulator.sale.withdraw("FI", "mobile")
    with pytest.raises(TwilioException) as caught:
        await found(client, "FI", NumberType.MOBILE)
    assert status_of(caught.value) == (404, 20404)
    simulator.sale.offer("IE", "mobile", phone_numbers=["+353851234567"])
    assert await found(client, "IE", NumberType.MOBILE) == ["+353851234567"]
