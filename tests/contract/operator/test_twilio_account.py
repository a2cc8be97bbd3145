"""The adapter, which is twilio's own client over our transport, against a faithful Twilio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

import parley_simulator.app
from parley_operator.adapters.twilio import account as adapter
from parley_operator.adapters.twilio.account import Credentials, TwilioAccount
from parley_operator.domain.facts import Campaign, Verification
from parley_operator.domain.failures import Kind
from parley_operator.domain.steps import Buy, Search
from parley_operator.errors import Refused
from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.settings import NumberSettings
from parley_simulator.settings import Settings as SimulatorSettings
from parley_simulator.simulator import Simulator

OURS, TOKEN = "+15550001111", "the-token-of-the-test-account"
SID = "AC" + "0" * 31 + "1"
US = Search("US", "local", "415")
NAME = "parley 0f0e0d0c-0b0a-0908-0706-050403020100 shop/support"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    settings = SimulatorSettings(
        listen="127.0.0.1:0",
        control_listen="127.0.0.1:0",
        account_sid=SID,
        auth_token=TOKEN,
        numbers=(NumberSettings(phone_number=OURS),),
    )
    async with parley_simulator.app.running(settings) as started:
        yield started


@pytest.fixture
async def account(simulator: Simulator) -> AsyncIterator[TwilioAccount]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield TwilioAccount(session, Credentials(SID, SID, TOKEN, simulator.api_url))


async def bought(account: TwilioAccount) -> str:
    offers = await account.search(US)
    return (await account.buy(Buy(offers[0].phone_number, NAME))).sid


async def test_a_number_is_searched_bought_found_configured_and_released(account: TwilioAccount) -> None:
    offer = (await account.search(US))[0]
    assert offer.phone_number.startswith("+1415")
    assert offer.address == "none"
    number = await account.buy(Buy(offer.phone_number, NAME))
    assert (number.phone_number, number.friendly_name, number.sms_url) == (offer.phone_number, NAME, "")
    assert number.sms
    assert number.created > 0
    assert await account.find_numbers(friendly_name=NAME) == [number]
    assert await account.find_numbers(phone_number=offer.phone_number) == [number]
    changed = await account.configure(number.sid, {"SmsUrl": "https://gateway.example.com/sms", "SmsMethod": "GET"})
    assert (changed.sms_url, changed.sms_method) == ("https://gateway.example.com/sms", "GET")
    assert await account.fetch_number(number.sid) == changed
    await account.release(number.sid)
    await account.release(number.sid)  # what is not there is released
    assert await account.fetch_number(number.sid) is None


async def test_a_part_of_a_number_or_of_a_name_finds_none(account: TwilioAccount) -> None:
    await bought(account)
    assert await account.find_numbers(phone_number="+1415") == []
    assert await account.find_numbers(friendly_name=NAME[:-1]) == []


async def test_a_number_that_is_gone_or_ours_is_no_longer_for_sale(account: TwilioAccount) -> None:
    with pytest.raises(Refused) as raised:
        await account.buy(Buy(OURS, NAME))
    assert raised.value.failure.kind is Kind.MARKET


@pytest.mark.parametrize("search", [Search("US", "mobile"), Search("IN", "local")])
async def test_a_type_that_is_not_sold_is_not_found(account: TwilioAccount, search: Search) -> None:
    with pytest.raises(Refused) as raised:
        await account.search(search)
    assert raised.value.failure.kind is Kind.GONE


async def test_nothing_that_fits_is_nothing(account: TwilioAccount) -> None:
    assert await account.search(Search("US", "local", contains="9999999")) == []


@pytest.mark.parametrize(("country", "code"), [("AU", 21631), ("GB", 21649)])
async def test_papers_that_are_missing_are_asked_for(
    account: TwilioAccount, simulator: Simulator, country: str, code: int
) -> None:
    offer = (await account.search(Search(country, "mobile")))[0]
    with pytest.raises(Refused) as raised:
        await account.buy(Buy(offer.phone_number, NAME))
    assert (raised.value.failure.kind, raised.value.failure.code) == (Kind.SPEC, code)
    address = simulator.papers.file_address(country).sid
    bundle = simulator.papers.file_bundle(country, "mobile", "twilio-approved").sid
    assert await account.fetch_bundle_status(bundle) == "twilio-approved"
    assert (await account.buy(Buy(offer.phone_number, NAME, address, bundle))).friendly_name == NAME


async def test_a_bundle_that_does_not_exist_has_no_status(account: TwilioAccount) -> None:
    assert await account.fetch_bundle_status("BU" + "0" * 32) == ""


async def test_all_numbers_are_listed_page_by_page(
    account: TwilioAccount, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE", 2)
    for index in range(4):
        simulator.add_number(f"+1555000222{index}")
    numbers = await account.list_numbers()
    assert len({number.sid for number in numbers}) == 5
    assert len(simulator.calls("numbers.list")) == 3


async def test_messaging_services_are_seen_with_their_numbers(account: TwilioAccount, simulator: Simulator) -> None:
    sid = await bought(account)
    service = simulator.set_service(
        ServiceChange(inbound_request_url="https://x.example.com", use_inbound_webhook_on_number=False)
    ).sid
    await account.attach(service, sid)
    await account.attach(service, sid)  # 21710: it is in there
    (seen,) = await account.list_services()
    assert (seen.sid, seen.members) == (service, frozenset({sid}))
    assert (seen.defers_to_number, seen.inbound_url) == (False, "https://x.example.com")
    other = simulator.set_service(ServiceChange(friendly_name="another")).sid
    with pytest.raises(Refused) as raised:
        await account.attach(other, sid)
    assert raised.value.failure.reason == "InAnotherService"
    await account.detach(service, sid)
    await account.detach(service, sid)
    assert all(not one.members for one in await account.list_services())


async def test_campaigns_and_verifications_are_seen(account: TwilioAccount, simulator: Simulator) -> None:
    service = simulator.set_service(ServiceChange(friendly_name="support")).sid
    assert await account.fetch_campaign(service) == Campaign()
    brand = simulator.papers.file_brand("APPROVED").sid
    simulator.papers.file_campaign(service, brand, "VERIFIED")
    seen = await account.fetch_campaign(service)
    assert (seen.status, seen.brand_status) == ("VERIFIED", "APPROVED")
    offer = (await account.search(Search("US", "tollFree")))[0]
    number = await account.buy(Buy(offer.phone_number, NAME))
    assert await account.list_verifications() == {}
    simulator.papers.file_verification(offer.phone_number, "IN_REVIEW")
    assert await account.list_verifications() == {number.sid: Verification("IN_REVIEW")}


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_purchase_whose_answer_is_cut_is_an_open_question(
    account: TwilioAccount, simulator: Simulator, accepted: bool
) -> None:
    offer = (await account.search(US))[0]
    simulator.add_fault("cut", operation="numbers.create", accepted=accepted)
    with pytest.raises(Refused) as raised:
        await account.buy(Buy(offer.phone_number, NAME))
    assert raised.value.failure.kind is Kind.OPEN
    assert bool(await account.find_numbers(friendly_name=NAME)) is accepted
    assert len(simulator.calls("numbers.create")) == 1  # it is never repeated by itself


async def test_a_503_is_an_open_question_for_a_purchase(account: TwilioAccount, simulator: Simulator) -> None:
    simulator.add_fault("error", operation="numbers.create", accepted=True)
    with pytest.raises(Refused) as raised:
        await bought(account)
    assert raised.value.failure.kind is Kind.OPEN


async def test_after_a_429_the_account_pauses_before_its_next_request(
    account: TwilioAccount, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "FIRST_PAUSE", 0.2)
    simulator.add_fault("rate_limit", operation="numbers.list")
    with pytest.raises(Refused) as raised:
        await account.list_numbers()
    assert raised.value.failure.kind is Kind.BUSY
    began = asyncio.get_running_loop().time()
    await account.list_numbers()
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_there_is_one_request_at_a_time(account: TwilioAccount, simulator: Simulator) -> None:
    simulator.world.limits.concurrency = 1
    await asyncio.gather(*(account.list_numbers() for _ in range(10)))


async def test_wrong_credentials_are_the_administrators_matter(simulator: Simulator) -> None:
    async with aiohttp.ClientSession() as session:
        account = TwilioAccount(session, Credentials(SID, SID, "wrong", simulator.api_url))
        with pytest.raises(Refused) as raised:
            await account.list_numbers()
    assert (raised.value.failure.kind, raised.value.failure.reason) == (Kind.ADMIN, "AccountRefused")


async def test_a_twilio_that_is_not_there_was_not_asked() -> None:
    async with aiohttp.ClientSession() as session:
        account = TwilioAccount(session, Credentials(SID, SID, TOKEN, "http://127.0.0.1:1"))
        with pytest.raises(Refused) as raised:
            await account.buy(Buy(OURS, NAME))
    assert raised.value.failure.kind is Kind.TRANSIENT


def test_without_an_override_each_host_is_twilios_own() -> None:
    credentials = Credentials(SID, SID, TOKEN)
    hosts = [credentials.url(host) for host in ("api", "messaging", "numbers")]
    assert hosts == ["https://api.twilio.com", "https://messaging.twilio.com", "https://numbers.twilio.com"]
    assert TOKEN not in repr(credentials)
