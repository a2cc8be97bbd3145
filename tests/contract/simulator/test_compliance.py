"""Addresses, bundles, A2P brands and campaigns, and toll-free verifications through Twilio's own client."""

import asyncio
import re
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from parley_simulator.domain.papers import BUNDLE_STATUSES
from parley_simulator.domain.registrations import BRAND_STATUSES, CAMPAIGN_STATUSES, VERIFICATION_STATUSES
from parley_simulator.errors import BadRequestError
from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.handlers.decide_papers import Verdict
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS

TOLL_FREE = "+18335550001"
STREET = ("Desk", "1 Main Street", "Springfield", "IL", "62701", "US")


async def refused(call: Any, code: int, status: int = 400) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(call)
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.fixture
def service(simulator: Simulator) -> str:
    return simulator.set_service(ServiceChange(friendly_name="desk", numbers=(OURS,))).sid


async def test_addresses_are_kept(client: Client) -> None:
    made = await asyncio.to_thread(client.addresses.create, *STREET)
    assert re.fullmatch(r"AD[0-9a-f]{32}", made.sid or "")
    assert (made.iso_country, made.customer_name, made.validated) == ("US", "Desk", True)
    named = client.addresses(made.sid or "")
    changed = await asyncio.to_thread(lambda: named.update(friendly_name="office", city="Chicago"))
    fetched = await asyncio.to_thread(named.fetch)
    for seen in (changed, fetched):
        assert (seen.friendly_name, seen.city, seen.street) == ("office", "Chicago", "1 Main Street")
    assert [a.sid for a in await asyncio.to_thread(lambda: client.addresses.list(iso_country="US"))] == [made.sid]
    assert await asyncio.to_thread(lambda: client.addresses.list(iso_country="FI")) == []
    assert await asyncio.to_thread(named.delete)
    await refused(named.fetch, 20404, 404)


async def test_an_address_that_is_not_whole_or_is_in_use_is_refused(simulator: Simulator, client: Client) -> None:
    await refused(lambda: client.addresses.create(*STREET[:5], "USA"), 20001)
    await refused(lambda: client.addresses.create("", *STREET[1:]), 20001)
    sid = simulator.papers.file_address("US").sid
    number = (await asyncio.to_thread(client.incoming_phone_numbers.list))[0]
    await asyncio.to_thread(lambda: client.incoming_phone_numbers(number.sid or "").update(address_sid=sid))
    await refused(client.addresses(sid).delete, 21627)


async def test_a_bundle_is_handed_in_by_its_owner_and_decided_by_twilio(simulator: Simulator, client: Client) -> None:
    bundles = client.numbers.v2.regulatory_compliance.bundles
    made = await asyncio.to_thread(
        lambda: bundles.create("gb mobile", "desk@example.com", iso_country="GB", number_type="mobile")
    )
    assert re.fullmatch(r"BU[0-9a-f]{32}", made.sid or "")
    assert (made.status, made.friendly_name) == ("draft", "gb mobile")
    sid = made.sid or ""
    assert (await asyncio.to_thread(lambda: bundles(sid).update(status="pending-review"))).status == "pending-review"
    await refused(lambda: bundles(sid).update(status="twilio-approved"), 20001)
    await refused(lambda: bundles.create("x", "desk@example.com", number_type="fax"), 20001)
    for status in BUNDLE_STATUSES:
        simulator.papers.decide(sid, Verdict(status))
        assert (await asyncio.to_thread(bundles(sid).fetch)).status == status
    listed = await asyncio.to_thread(lambda: bundles.list(iso_country="GB", status="provisionally-approved"))
    assert [found.sid for found in listed] == [sid]
    assert await asyncio.to_thread(lambda: bundles.list(number_type="local")) == []


async def test_a_brand_has_the_status_that_was_decided(simulator: Simulator, client: Client) -> None:
    brands = client.messaging.v1.brand_registrations
    made = await asyncio.to_thread(brands.create, "BU" + "a" * 32, "BU" + "b" * 32)
    assert re.fullmatch(r"BN[0-9a-f]{32}", made.sid or "")
    assert (made.status, made.identity_status, made.failure_reason) == ("PENDING", "UNVERIFIED", None)
    sid = made.sid or ""
    for status in BRAND_STATUSES:
        simulator.papers.decide(sid, Verdict(status, "The EIN is unknown.", "VERIFIED"))
        seen = await asyncio.to_thread(brands(sid).fetch)
        assert (seen.status, seen.failure_reason) == (status, "The EIN is unknown.")
        assert seen.identity_status == "VERIFIED"
    assert [found.sid for found in await asyncio.to_thread(brands.list)] == [sid]
    await refused(brands("BN" + "0" * 32).fetch, 20404, 404)
    await refused(lambda: brands.create("", ""), 20001)


async def test_a_campaign_is_its_services_and_has_the_status_that_was_decided(
    simulator: Simulator, client: Client, service: str
) -> None:
    brand = simulator.papers.file_brand("APPROVED").sid
    campaigns = client.messaging.v1.services(service).us_app_to_person
    about: dict[str, Any] = {
        "description": "Questions of customers, answered",
        "message_flow": "They text first",
        "message_samples": ["one", "two"],
        "us_app_to_person_usecase": "CUSTOMER_CARE",
        "has_embedded_links": False,
        "has_embedded_phone": False,
    }
    assert await asyncio.to_thread(campaigns.list) == []
    await refused(lambda: campaigns.create("BN" + "0" * 32, **about), 20001)
    made = await asyncio.to_thread(lambda: campaigns.create(brand, **about))
    assert re.fullmatch(r"QE[0-9a-f]{32}", made.sid or "")
    assert (made.campaign_status, made.brand_registration_sid) == ("IN_PROGRESS", brand)
    assert (made.messaging_service_sid, made.message_samples, made.errors) == (service, ["one", "two"], [])
    await refused(lambda: campaigns.create(brand, **about), 20409, 409)
    sid = made.sid or ""
    for status in CAMPAIGN_STATUSES:
        simulator.papers.decide(sid, Verdict(status, "Samples say nothing."))
        seen = await asyncio.to_thread(campaigns(sid).fetch)
        assert (seen.campaign_status, len(seen.errors or [])) == (status, 1)
        registered = (await asyncio.to_thread(client.messaging.v1.services(service).fetch)).us_app_to_person_registered
        assert registered is (status == "VERIFIED")
    assert [found.sid for found in await asyncio.to_thread(campaigns.list)] == [sid]
    other = simulator.set_service(ServiceChange(friendly_name="other")).sid
    await refused(client.messaging.v1.services(other).us_app_to_person(sid).fetch, 20404, 404)
    assert await asyncio.to_thread(campaigns(sid).delete)
    assert await asyncio.to_thread(campaigns.list) == []


async def test_a_verification_is_its_toll_free_numbers(simulator: Simulator, client: Client) -> None:
    number = simulator.add_number(TOLL_FREE)
    verifications = client.messaging.v1.tollfree_verifications

    async def of(sid: str) -> list[Any]:
        return await asyncio.to_thread(lambda: list(verifications.list(tollfree_phone_number_sid=sid)))

    assert await of(number.sid) == []
    made = simulator.papers.file_verification(TOLL_FREE)
    for status in VERIFICATION_STATUSES:
        simulator.papers.decide(made.sid, Verdict(status, "No opt-in." if status == "TWILIO_REJECTED" else ""))
        (seen,) = await of(number.sid)
        fetched = await asyncio.to_thread(verifications(made.sid).fetch)
        assert (seen.sid, seen.status, fetched.status) == (made.sid, status, status)
    assert (seen.rejection_reason, seen.edit_allowed) == ("No opt-in.", True)
    assert seen.tollfree_phone_number_sid == number.sid
    assert await of(simulator.add_number("+18445550001").sid) == []
    simulator.release_number(TOLL_FREE)
    assert await asyncio.to_thread(verifications.list) == []


async def test_carriers_refuse_texts_of_numbers_that_are_not_registered_where_they_check(
    simulator: Simulator, client: Client, service: str
) -> None:
    simulator.add_number(TOLL_FREE)
    simulator.add_number("+447400555001")

    async def told(from_: str, to: str = "+15550100001") -> int | None:
        sent = await asyncio.to_thread(lambda: client.messages.create(to=to, from_=from_, body="x"))

        def look() -> tuple[int | None] | None:
            message = simulator.world.log.get(sent.sid or "")
            return (message.error_code,) if message and message.status in ("delivered", "undelivered") else None

        return (await simulator.wait_until(look))[0]

    assert (await told(OURS), await told(TOLL_FREE)) == (None, None)
    simulator.world.standing.carriers_check = True
    assert [await told(from_) for from_ in (OURS, OTHER, TOLL_FREE)] == [30034, 30034, 30032]
    assert (await told("+447400555001"), await told(OURS, "+447400555009")) == (None, None)
    campaign = simulator.papers.file_campaign(service, status="SUSPENDED")
    verification = simulator.papers.file_verification(TOLL_FREE)
    assert [await told(from_) for from_ in (OURS, OTHER, TOLL_FREE)] == [30033, 30034, 30032]
    simulator.papers.decide(campaign.sid, Verdict("VERIFIED"))
    simulator.papers.decide(verification.sid, Verdict("TWILIO_APPROVED"))
    assert [await told(from_) for from_ in (OURS, OTHER, TOLL_FREE)] == [None, 30034, None]


async def test_registrations_are_read_across_pages(simulator: Simulator, client: Client) -> None:
    sids = [simulator.papers.file_brand().sid for _ in range(5)]
    listed = await asyncio.to_thread(lambda: client.messaging.v1.brand_registrations.list(page_size=2))
    assert [found.sid for found in listed] == sids


async def test_faults_strike_registrations_too(simulator: Simulator, client: Client, service: str) -> None:
    simulator.add_fault("error", operation="campaigns.list")
    simulator.add_fault("error", operation="brands.fetch")
    campaigns, brand = client.messaging.v1.services(service).us_app_to_person, simulator.papers.file_brand().sid
    with pytest.raises(Exception, match="Unable to fetch page"):
        await asyncio.to_thread(campaigns.list)
    assert await asyncio.to_thread(campaigns.list) == []
    await refused(client.messaging.v1.brand_registrations(brand).fetch, 20503, 503)


async def test_only_what_is_known_is_decided_and_only_as_twilio_would(simulator: Simulator) -> None:
    brand = simulator.papers.file_brand().sid
    with pytest.raises(BadRequestError, match=r"^status: "):
        simulator.papers.decide(brand, Verdict("VERIFIED"))
    with pytest.raises(BadRequestError, match=r"^identity_status: "):
        simulator.papers.decide(brand, Verdict("APPROVED", identity_status="KNOWN"))
    with pytest.raises(BadRequestError, match=r"^sid: "):
        simulator.papers.decide("BN0", Verdict("APPROVED"))
    assert simulator.world.registrations.brands.get(brand) is not None
