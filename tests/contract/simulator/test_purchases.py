"""Numbers bought, changed and released through Twilio's own client, with every refusal, race and doubtful outcome."""

import asyncio
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from parley_simulator.domain.inventory import AddressNeed
from parley_simulator.handlers.decide_papers import Verdict
from parley_simulator.handlers.stock_inventory import TermsChange
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS
from tests.contract.simulator.receiver import Receiver

ANN = "+15550100001"
FREE, TOLL_FREE, FINNISH = "+14155550001", "+18335550001", "+3584575550001"
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


async def test_a_bought_number_is_the_accounts_and_not_for_sale_any_more(client: Client) -> None:
    bought = await buy(client)
    assert (bought.sid[:2], len(bought.sid), bought.phone_number) == ("PN", 34, FREE)
    assert (bought.friendly_name, bought.status, bought.type) == ("(415) 555-0001", "in-use", "local")
    assert (bought.sms_url, bought.sms_method, bought.sms_application_sid) == ("", "POST", "")
    assert (bought.address_sid, bought.bundle_sid, bought.address_requirements) == (None, None, "none")
    assert bought.capabilities == {"voice": True, "sms": True, "mms": True, "fax": False}
    fetched = await asyncio.to_thread(client.incoming_phone_numbers(bought.sid).fetch)
    assert (fetched.phone_number, fetched.date_created) == (FREE, bought.date_created)
    assert await owned(client) == [OURS, OTHER, FREE]
    left = await asyncio.to_thread(lambda: client.available_phone_numbers("US").local.list(area_code=415))
    assert FREE not in [offer.phone_number for offer in left]


async def test_a_purchase_sets_all_that_it_names(client: Client, simulator: Simulator) -> None:
    address = simulator.papers.file_address("US")
    bundle = simulator.papers.file_bundle(status="twilio-approved")
    application = "AP" + "a" * 32
    fields: dict[str, Any] = {
        "friendly_name": "team/desk#7",
        "sms_url": URL,
        "sms_method": "GET",
        "sms_fallback_url": f"{URL}/b",
        "sms_fallback_method": "GET",
        "sms_application_sid": application,
        "status_callback": f"{URL}/s",
        "status_callback_method": "GET",
        "voice_url": f"{URL}/v",
        "address_sid": address.sid,
        "bundle_sid": bundle.sid,
    }
    bought = await buy(client, **fields)
    fetched = await asyncio.to_thread(client.incoming_phone_numbers(bought.sid).fetch)
    for number in (bought, fetched):
        assert {name: getattr(number, name) for name in fields} == fields
    assert await owned(client, friendly_name="team/desk#7") == [FREE]


async def test_an_area_code_buys_any_number_there(client: Client) -> None:
    bought = await buy(client, None, area_code="212")
    assert bought.phone_number.startswith("+1212")
    assert await refusal(client, None, area_code="907") == (21452, 400)
    assert await refusal(client, None, area_code="99") == (21451, 400)
    assert await refusal(client, None) == (21421, 400)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sms_url": "nonsense"}, 21402),
        ({"status_callback": "ftp://example.com"}, 21402),
        ({"sms_url": URL, "sms_method": "PUT"}, 21403),
        ({"sms_fallback_url": URL}, 21406),
        ({"sms_application_sid": "AP1"}, 21420),
        ({"friendly_name": "x" * 65}, 20422),
        ({"address_sid": "AD" + "0" * 32}, 21631),
        ({"bundle_sid": "BU" + "0" * 32}, 21649),
    ],
)
async def test_a_bad_purchase_buys_nothing(client: Client, fields: dict[str, str], code: int) -> None:
    assert await refusal(client, **fields) == (code, 400)
    assert await owned(client) == [OURS, OTHER]
    assert (await buy(client)).phone_number == FREE


@pytest.mark.parametrize(
    ("phone_number", "code"),
    [
        ("", 21421),
        ("4155550001", 21421),
        ("+15005550001", 21421),
        ("+15005550000", 21422),
        ("+14155559999", 21422),
        (OURS, 21422),
    ],
)
async def test_what_is_not_for_sale_cannot_be_bought(client: Client, phone_number: str, code: int) -> None:
    assert await refusal(client, phone_number) == (code, 400)
    assert await owned(client) == [OURS, OTHER]


async def test_a_number_that_somebody_else_took_is_refused(simulator: Simulator, client: Client) -> None:
    listing = client.available_phone_numbers("US").local
    seen = (await asyncio.to_thread(lambda: listing.list(area_code=415)))[0].phone_number
    simulator.sale.take(FREE)
    assert seen == FREE
    assert await refusal(client, seen) == (21422, 400)


async def test_a_search_may_find_what_is_gone_until_a_purchase_fails(simulator: Simulator, client: Client) -> None:
    simulator.sale.take(FREE, still_listed=True)

    async def first() -> Any:
        listing = client.available_phone_numbers("US").local
        return (await asyncio.to_thread(lambda: listing.list(area_code=415)))[0].phone_number

    assert await first() == FREE
    assert await refusal(client) == (21422, 400)
    assert await first() == "+14155550002"
    assert (await buy(client, "+14155550002")).phone_number == "+14155550002"


async def test_two_who_want_the_same_number_do_not_both_get_it(client: Client) -> None:
    async def try_to_buy() -> int:
        try:
            await buy(client)
        except TwilioRestException as error:
            return int(error.code)
        return 201

    assert sorted(await asyncio.gather(*(try_to_buy() for _ in range(4)))) == [201, 21422, 21422, 21422]
    assert (await owned(client)).count(FREE) == 1


async def test_a_number_that_is_owned_can_be_changed_by_a_second_purchase_where_twilio_does_so(
    simulator: Simulator, client: Client
) -> None:
    bought = await buy(client)
    assert await refusal(client, sms_url=URL) == (21422, 400)
    simulator.world.standing.owned_again = True
    again = await buy(client, sms_url=URL)
    assert (again.sid, again.sms_url) == (bought.sid, URL)
    assert (await owned(client)).count(FREE) == 1


async def test_a_trial_account_has_one_number(simulator: Simulator, client: Client) -> None:
    simulator.world.standing.trial = True
    assert await refusal(client) == (21404, 400)
    for phone_number in (OURS, OTHER):
        simulator.release_number(phone_number)
    await buy(client)
    assert await refusal(client, TOLL_FREE) == (21404, 400)
    account = await asyncio.to_thread(client.api.v2010.accounts(simulator.account_sid).fetch)
    assert (account.type, account.status) == ("Trial", "active")


async def test_a_restricted_account_gets_toll_free_numbers_only(simulator: Simulator, client: Client) -> None:
    simulator.world.standing.restricted = True
    assert await refusal(client) == (22300, 403)
    assert (await buy(client, TOLL_FREE)).type == "tollfree"


async def test_a_suspended_account_can_do_nothing(simulator: Simulator, client: Client) -> None:
    simulator.world.standing.suspended = True
    assert await refusal(client) == (20005, 403)


async def test_a_number_without_texts_takes_no_webhook_for_them(client: Client) -> None:
    address = await asyncio.to_thread(
        lambda: client.addresses.create("Parley", "1 Main Street", "London", "LND", "E1 6AN", "GB")
    )
    offers = await asyncio.to_thread(lambda: client.available_phone_numbers("GB").local.list(limit=1))
    phone_number = offers[0].phone_number or ""
    assert await refusal(client, phone_number, sms_url=URL, address_sid=address.sid) == (21407, 400)
    bought = await buy(client, phone_number, address_sid=address.sid)
    assert bought.capabilities["sms"] is False
    change = client.incoming_phone_numbers(bought.sid).update
    for call in (lambda: change(sms_url=URL), lambda: change(sms_application_sid="AP" + "a" * 32)):
        with pytest.raises(TwilioRestException) as caught:
            await asyncio.to_thread(call)
        assert caught.value.code == 21407


async def test_a_number_is_bought_with_the_address_that_it_needs(simulator: Simulator, client: Client) -> None:
    numbers = {need: f"+35845700000{last}" for last, need in enumerate(AddressNeed)}
    for need, phone_number in numbers.items():
        simulator.sale.offer("FI", "mobile", phone_numbers=[phone_number], terms=TermsChange(address=need))
    here, there = (simulator.papers.file_address(country).sid for country in ("FI", "SE"))
    assert await refusal(client, numbers[AddressNeed.ANY]) == (21631, 400)
    assert await refusal(client, numbers[AddressNeed.LOCAL]) == (21615, 400)
    assert await refusal(client, numbers[AddressNeed.LOCAL], address_sid=there) == (21615, 400)
    assert await refusal(client, numbers[AddressNeed.FOREIGN]) == (21631, 400)
    assert await refusal(client, numbers[AddressNeed.FOREIGN], address_sid=here) == (21631, 400)
    papers = {AddressNeed.NONE: None, AddressNeed.ANY: there, AddressNeed.LOCAL: here, AddressNeed.FOREIGN: there}
    for need, sid in papers.items():
        bought = await buy(client, numbers[need], **({"address_sid": sid} if sid else {}))
        assert (bought.address_sid, bought.address_requirements) == (sid, need)


async def test_a_number_is_bought_with_the_bundle_that_twilio_approved(simulator: Simulator, client: Client) -> None:
    offers = await asyncio.to_thread(lambda: client.available_phone_numbers("GB").mobile.list(limit=1))
    wanted = offers[0].phone_number
    bundle, other = (simulator.papers.file_bundle("GB", kind) for kind in ("mobile", "local"))
    assert await refusal(client, wanted) == (21649, 400)
    assert await refusal(client, wanted, bundle_sid=bundle.sid) == (21649, 400)
    for made in (bundle, other):
        simulator.papers.decide(made.sid, Verdict("twilio-approved"))
    assert await refusal(client, wanted, bundle_sid=other.sid) == (21649, 400)
    assert (await buy(client, wanted, bundle_sid=bundle.sid)).bundle_sid == bundle.sid


async def test_a_named_type_is_bought_and_listed_at_its_own_path(client: Client) -> None:
    numbers = client.incoming_phone_numbers
    local = await asyncio.to_thread(lambda: numbers.local.create(phone_number=FREE, friendly_name="a"))
    free = await asyncio.to_thread(lambda: numbers.toll_free.create(phone_number=TOLL_FREE))
    mobile = await asyncio.to_thread(lambda: numbers.mobile.create(phone_number=FINNISH))
    assert [number.phone_number for number in (local, free, mobile)] == [FREE, TOLL_FREE, FINNISH]
    assert [n.phone_number for n in await asyncio.to_thread(numbers.local.list)] == [OURS, OTHER, FREE]
    assert [n.phone_number for n in await asyncio.to_thread(numbers.toll_free.list)] == [TOLL_FREE]
    assert [n.phone_number for n in await asyncio.to_thread(numbers.mobile.list)] == [FINNISH]
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(lambda: numbers.mobile.create(phone_number="+14155550002"))
    assert caught.value.code == 21458


async def test_a_released_number_is_gone_for_good(simulator: Simulator, client: Client) -> None:
    bought = await buy(client)
    service = await asyncio.to_thread(client.messaging.v1.services.create, "desk")
    pool = client.messaging.v1.services(service.sid or "").phone_numbers
    await asyncio.to_thread(pool.create, bought.sid)
    assert await asyncio.to_thread(client.incoming_phone_numbers(bought.sid).delete)
    assert await owned(client) == [OURS, OTHER]
    assert await asyncio.to_thread(pool.list) == []
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(client.incoming_phone_numbers(bought.sid).delete)
    assert (caught.value.status, caught.value.code) == (404, 20404)
    assert await refusal(client) == (21422, 400)
    simulator.sale.offer("US", "local", phone_numbers=[FREE])
    assert (await buy(client)).sid != bought.sid


async def test_texts_go_to_the_webhook_of_a_bought_number_unless_an_application_has_it(
    simulator: Simulator, client: Client, receiver: Receiver
) -> None:
    bought = await buy(client, sms_url=receiver.url())
    assert (await simulator.text(ANN, FREE, "hi")).outcome == "delivered"
    await asyncio.to_thread(
        lambda: client.incoming_phone_numbers(bought.sid).update(sms_application_sid="AP" + "a" * 32)
    )
    assert (await simulator.text(ANN, FREE, "hi")).outcome == "no_url"
    assert len(receiver.requests) == 1
