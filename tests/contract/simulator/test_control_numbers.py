"""The control plane over HTTP: numbers changed behind their owner's back, what is for sale, papers, and the calls."""

import asyncio
from typing import Any

import pytest
from twilio.rest import Client

from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS, Control

FREE, TOLL_FREE = "+14155550001", "+18335550001"
APPLICATION = "AP" + "a" * 32


async def ask(control: Control, method: str, path: str, expected: int, **options: Any) -> Any:
    async with control.request(method, path, **options) as response:
        assert response.status == expected, await response.text()
        return None if expected == 204 else await response.json()


async def post(control: Control, path: str, fields: dict[str, Any], expected: int = 201) -> Any:
    return await ask(control, "POST", path, expected, json=fields)


async def number_of(control: Control, phone_number: str) -> Any:
    numbers = (await ask(control, "GET", "/numbers", 200))["numbers"]
    return next((number for number in numbers if number["phone_number"] == phone_number), None)


async def test_a_number_is_changed_behind_its_owners_back(control: Control, client: Client) -> None:
    changes = {
        "sms_url": "http://example.com/other",
        "sms_method": "GET",
        "sms_fallback_url": "http://example.com/b",
        "sms_fallback_method": "GET",
        "sms_application_sid": APPLICATION,
        "friendly_name": "mine",
    }
    changed = await post(control, f"/numbers/{OURS}", {**changes, "sms_capable": False}, 200)
    assert changed.items() >= {**changes, "sms_capable": False}.items()
    number = await asyncio.to_thread(client.incoming_phone_numbers(changed["sid"]).fetch)
    assert {name: getattr(number, name) for name in changes} == changes
    assert (number.capabilities or {})["sms"] is False
    unset = await post(control, f"/numbers/{changed['sid']}", {"sms_application_sid": "", "sms_url": ""}, 200)
    assert (unset["sms_application_sid"], unset["sms_url"], unset["friendly_name"]) == ("", "", "mine")


async def test_a_number_is_moved_into_a_service_and_released_elsewhere(control: Control, client: Client) -> None:
    service = await post(control, "/services", {"friendly_name": "theirs", "numbers": [OURS]})
    assert (await number_of(control, OURS))["messaging_service_sid"] == service["sid"]
    assert (await number_of(control, OTHER))["messaging_service_sid"] is None
    await ask(control, "DELETE", f"/numbers/{OURS}", 204)
    assert await number_of(control, OURS) is None
    assert (await ask(control, "GET", "/services", 200))["services"][0]["numbers"] == []
    assert [n.phone_number for n in await asyncio.to_thread(client.incoming_phone_numbers.list)] == [OTHER]


async def test_the_inventory_is_stocked_shown_taken_and_sold_out(control: Control) -> None:
    async def shown(**query: str) -> list[str]:
        offers = (await ask(control, "GET", "/inventory", 200, params=query))["offers"]
        return [offer["phone_number"] for offer in offers]

    await ask(control, "DELETE", "/inventory", 204, params={"country": "US", "type": "local"})
    assert await shown(country="US", type="local") == []
    assert len(await shown(country="US", type="tollfree")) == 60
    terms = {"address_requirements": "any", "bundle_required": True, "sms": False, "beta": True}
    made = await post(
        control, "/inventory", {"country": "US", "type": "local", "count": 3, "area_code": "907", **terms}
    )
    assert [offer["phone_number"] for offer in made["offers"]] == [f"+1907555000{last}" for last in (1, 2, 3)]
    assert made["offers"][0].items() >= {**terms, "area_code": "907", "voice": True, "stale": False}.items()
    named = await post(control, "/inventory", {"country": "IE", "type": "mobile", "phone_numbers": ["+353851234567"]})
    assert named["offers"][0]["country"] == "IE"
    await post(control, "/inventory/+19075550001/take", {}, 204)
    await post(control, "/inventory/+19075550002/take", {"still_listed": True}, 204)
    left = (await ask(control, "GET", "/inventory", 200, params={"country": "US", "type": "local"}))["offers"]
    assert [(offer["phone_number"], offer["stale"]) for offer in left] == [
        ("+19075550002", True),
        ("+19075550003", False),
    ]
    await ask(control, "DELETE", "/inventory/IE/mobile", 204)
    assert await shown(country="IE") == []


async def test_a_thousand_numbers_are_stocked_at_once(control: Control) -> None:
    made = await post(control, "/inventory", {"country": "US", "type": "local", "count": 1000})
    assert len({offer["phone_number"] for offer in made["offers"]}) == 1000


async def test_a_number_is_added_with_its_country_and_type(control: Control) -> None:
    for phone_number, fields, wanted in (
        ("+447400555001", {}, ("GB", "mobile")),
        (TOLL_FREE, {}, ("US", "tollfree")),
        ("+14165550001", {"country": "CA"}, ("CA", "local")),
        ("+353851234567", {"country": "IE", "type": "mobile"}, ("IE", "mobile")),
    ):
        added = await post(control, "/numbers", {"phone_number": phone_number, **fields})
        assert (added["country"], added["type"]) == wanted


async def test_the_accounts_standing_is_set(control: Control, simulator: Simulator) -> None:
    first = await ask(control, "GET", "/account", 200)
    everything = {"trial": True, "restricted": True, "suspended": True, "carriers_check": True, "owned_again": True}
    assert first == {"sid": simulator.account_sid, **dict.fromkeys(everything, False)}
    assert await post(control, "/account", {"trial": True}, 200) == {**first, "trial": True}
    assert (await post(control, "/account", everything, 200)).items() >= everything.items()


async def test_papers_are_filed_and_decided_on(control: Control) -> None:
    service = (await post(control, "/services", {"friendly_name": "desk"}))["sid"]
    await post(control, "/numbers", {"phone_number": TOLL_FREE})
    address = await post(control, "/addresses", {"iso_country": "GB"})
    assert (address["sid"][:2], address["iso_country"]) == ("AD", "GB")
    brand = await post(control, "/brands", {"status": "APPROVED"})
    for kind, fields, status, reason in (
        ("bundles", {"iso_country": "GB", "number_type": "mobile", "status": "in-review"}, "twilio-approved", None),
        ("brands", {}, "FAILED", "failure_reason"),
        ("campaigns", {"service_sid": service, "brand_sid": brand["sid"]}, "FAILED", "errors"),
        ("verifications", {"phone_number": TOLL_FREE}, "TWILIO_REJECTED", "rejection_reason"),
    ):
        filed = await post(control, f"/{kind}", fields)
        decided = await post(control, f"/{kind}/{filed['sid']}", {"status": status, "reason": "why"}, 200)
        assert (decided["sid"], decided["status"]) == (filed["sid"], status)
        assert reason is None or decided[reason] in ("why", ["why"])
        assert decided in (await ask(control, "GET", f"/{kind}", 200))[kind]


async def test_calls_are_listed_by_operation_and_from_an_index_on(control: Control, client: Client) -> None:
    await asyncio.to_thread(lambda: client.available_phone_numbers("US").local.list(area_code=415, limit=1))
    await asyncio.to_thread(lambda: client.incoming_phone_numbers.create(phone_number=FREE))
    first, second = (await ask(control, "GET", "/calls", 200))["calls"]
    assert (first["operation"], first["method"], first["outcome"]) == ("available.list", "GET", "200")
    assert first["fields"].items() >= {"AreaCode": "415"}.items()
    assert (second["operation"], second["fields"]) == ("numbers.create", {"PhoneNumber": FREE})
    for query in ({"operation": "numbers.*"}, {"operation": "numbers.create"}, {"after": str(first["index"])}):
        assert (await ask(control, "GET", "/calls", 200, params=query))["calls"] == [second]
    await post(control, "/reset", {}, 204)
    assert (await ask(control, "GET", "/calls", 200))["calls"] == []
    assert await number_of(control, FREE) is not None


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/numbers/+15557654321", {}, "number"),
        (f"/numbers/{OURS}", {"sms_url": "x"}, "sms_url"),
        (f"/numbers/{OURS}", {"sms_method": "PUT"}, "sms_method"),
        (f"/numbers/{OURS}", {"colour": "red"}, "colour"),
        ("/numbers", {"phone_number": "+14155550009", "type": "fixed"}, "type"),
        ("/inventory", {"type": "local"}, "country"),
        ("/inventory", {"country": "US"}, "type"),
        ("/inventory", {"country": "us", "type": "local"}, "country"),
        ("/inventory", {"country": "US", "type": "fixed"}, "type"),
        ("/inventory", {"country": "US", "type": "local", "count": 10_001}, "count"),
        ("/inventory", {"country": "IE", "type": "local", "count": 1}, "count"),
        ("/inventory", {"country": "US", "type": "local", "count": 1, "area_code": "9"}, "area_code"),
        ("/inventory", {"country": "US", "type": "local", "phone_numbers": ["1"]}, "phone_numbers"),
        ("/inventory", {"country": "US", "type": "local", "phone_numbers": [OURS]}, "phone_numbers"),
        ("/inventory", {"country": "US", "type": "local", "phone_numbers": "x"}, "phone_numbers"),
        ("/inventory", {"country": "US", "type": "local", "address_requirements": "all"}, "address_requirements"),
        ("/inventory/+15557654321/take", {}, "phone_number"),
        ("/account", {"trial": "perhaps"}, "trial"),
        ("/addresses", {"iso_country": "gb"}, "iso_country"),
        ("/bundles", {"number_type": "fax"}, "number_type"),
        ("/bundles", {"status": "fine"}, "status"),
        ("/brands", {"status": "fine"}, "status"),
        ("/campaigns", {}, "service_sid"),
        ("/campaigns", {"service_sid": "MG0"}, "service_sid"),
        ("/verifications", {"phone_number": OURS}, "phone_number"),
        ("/brands/BN0", {"status": "APPROVED"}, "sid"),
        ("/brands/BN0", {}, "status"),
    ],
)
async def test_what_cannot_be_done_names_the_field(
    control: Control, path: str, body: dict[str, object], field: str
) -> None:
    detail = (await post(control, path, body, 400))["detail"]
    assert detail.startswith(f"{field}: ")


async def test_an_unknown_type_is_not_withdrawn(control: Control) -> None:
    assert (await ask(control, "DELETE", "/inventory/US/fixed", 400))["detail"].startswith("type: ")
