"""What the API server itself says about PhoneNumbers: which specs it refuses and in which words, and what it prints."""

from __future__ import annotations

import pytest

from tests.kube.client import ApiError, Client, Object
from tests.kube.kubectl import Kubectl, KubectlError
from tests.kube.operator.rig import PHONE_NUMBERS, install

NUMBER, OTHER = "+12025550123", "+12025550124"
LEAST: Object = {"country": "US", "agent": "support"}
SID = "a" * 32
SETTLE = "write a duration of 0s to 5s, e.g. 2s or 500ms"
INACTIVE = "write a duration of 1m to 720h, e.g. 24h, or 0s for never"
GRACE = "write a duration of 1m to 24h, e.g. 10m"
UNENGAGED = "write a duration of 1m to 8760h, e.g. 720h"
E164 = 'write the number in E.164, with + and the country code and no spaces, e.g. "+14155550123"'
FIXED = "phoneNumber names one number; remove areaCode and contains, which search for one"
CONTAINS = 'write digits, letters, * and %, with + only at the beginning and $ only at the end, e.g. "+4420"'
ACCOUNT = "write the name of a mounted account, of lower-case letters, digits and hyphens, e.g. default"

REFUSED_SPECS: list[tuple[Object, str]] = [
    # The country, and what may be asked of it.
    ({"agent": "support"}, "spec.country: Required value"),
    ({"country": "us"}, 'spec.country: Invalid value: "us": write two capital letters of ISO 3166-1, e.g. US or GB'),
    ({"country": "USA"}, 'spec.country: Invalid value: "USA": write two capital letters of ISO 3166-1, e.g. US or GB'),
    ({"type": "landline"}, 'spec.type: Unsupported value: "landline": supported values: "local", "mobile", "tollFree"'),
    (
        {"type": "mobile"},
        "spec.type: Invalid value: US and CA have no mobile numbers of their own; use local or tollFree",
    ),
    # What is searched for.
    (
        {"country": "GB", "areaCode": "415"},
        'spec.areaCode: Invalid value: areaCode searches in US and CA only; use contains, e.g. "+4420"',
    ),
    (
        {"type": "tollFree", "areaCode": "415"},
        "spec.areaCode: Invalid value: areaCode searches among local numbers; remove it, or set type to local",
    ),
    ({"areaCode": "115"}, 'spec.areaCode: Invalid value: "115": write the three digits of an area code, e.g. "415"'),
    ({"areaCode": "4155"}, 'spec.areaCode: Invalid value: "4155": write the three digits of an area code, e.g. "415"'),
    ({"areaCode": 415}, 'spec.areaCode: Invalid value: "integer": spec.areaCode in body must be of type string'),
    ({"contains": "5-5"}, f'spec.contains: Invalid value: "5-5": {CONTAINS}'),
    ({"contains": "5"}, "spec.contains in body should be at least 2 chars long"),
    ({"contains": "5" * 17}, "spec.contains: Too long: may not be more than 16 bytes"),
    # One number.
    ({"phoneNumber": NUMBER, "areaCode": "202"}, f"spec: Invalid value: {FIXED}"),
    ({"phoneNumber": NUMBER, "contains": "555"}, f"spec: Invalid value: {FIXED}"),
    ({"phoneNumber": "12025550123"}, f'spec.phoneNumber: Invalid value: "12025550123": {E164}'),
    ({"phoneNumber": "+1 202 555 0123"}, f'spec.phoneNumber: Invalid value: "+1 202 555 0123": {E164}'),
    ({"phoneNumber": "+1202555012345678"}, f'spec.phoneNumber: Invalid value: "+1202555012345678": {E164}'),
    # Who answers, and on which terms.
    ({"country": "US"}, "spec.agent: Required value"),
    ({"agent": ""}, "spec.agent in body should be at least 1 chars long"),
    ({"agent": "a" * 64}, "spec.agent: Too long: may not be more than 63 bytes"),
    ({"keywords": "all"}, 'spec.keywords: Unsupported value: "all": supported values: "twilio", "advanced", "none"'),
    ({"segmentsPerSecond": -1}, "spec.segmentsPerSecond in body should be greater than or equal to 0"),
    ({"segmentsPerSecond": 10001}, "spec.segmentsPerSecond in body should be less than or equal to 10000"),
    ({"sending": "no"}, 'spec.sending: Invalid value: "string": spec.sending in body must be of type boolean'),
    ({"paused": "yes"}, 'spec.paused: Invalid value: "string": spec.paused in body must be of type boolean'),
    # Twilio's.
    (
        {"messagingServiceSid": "MG1"},
        'spec.messagingServiceSid: Invalid value: "MG1": write MG and the 32 hexadecimal digits that Twilio\'s console '
        "shows",
    ),
    (
        {"addressSid": f"BU{SID}"},
        f'spec.addressSid: Invalid value: "BU{SID}": write AD and the 32 hexadecimal digits that '
        "Twilio's console shows",
    ),
    (
        {"bundleSid": f"BU{SID}a"},
        f'spec.bundleSid: Invalid value: "BU{SID}a": write BU and the 32 hexadecimal digits that '
        "Twilio's console shows",
    ),
    ({"account": "Main"}, f'spec.account: Invalid value: "Main": {ACCOUNT}'),
    ({"account": "-"}, f'spec.account: Invalid value: "-": {ACCOUNT}'),
    ({"account": "a" * 64}, "spec.account: Too long: may not be more than 63 bytes"),
    (
        {"purchasePolicy": "Always"},
        'spec.purchasePolicy: Unsupported value: "Always": supported values: "IfMissing", "Never"',
    ),
    (
        {"releasePolicy": "Delete"},
        'spec.releasePolicy: Unsupported value: "Delete": supported values: "Retain", "Release"',
    ),
]
REFUSED_SETTINGS: list[tuple[str, object, str]] = [
    ("greeting", "hello", 'Unsupported value: "hello": supported values: "greet", "answer", "greetAndAnswer"'),
    ("onOpenSession", "merge", 'Unsupported value: "merge": supported values: "supersede", "join", "reject"'),
    ("settle", "5s1ms", f'Invalid value: "5s1ms": {SETTLE}'),
    ("settle", "2 s", f'Invalid value: "2 s": {SETTLE}'),
    ("settle", "2", f'Invalid value: "2": {SETTLE}'),
    ("settle", "", f'Invalid value: "": {SETTLE}'),
    ("settle", "9999999999999999h", f'Invalid value: "9999999999999999h": {SETTLE}'),
    ("inactiveAfter", "59s", f'Invalid value: "59s": {INACTIVE}'),
    ("inactiveAfter", "720h1s", f'Invalid value: "720h1s": {INACTIVE}'),
    ("inactiveAfter", "1d", f'Invalid value: "1d": {INACTIVE}'),
    ("inactiveAfter", "", f'Invalid value: "": {INACTIVE}'),
    ("grace", "59s", f'Invalid value: "59s": {GRACE}'),
    ("grace", "24h1s", f'Invalid value: "24h1s": {GRACE}'),
    ("grace", "0s", f'Invalid value: "0s": {GRACE}'),
    ("unengagedTtl", "0s", f'Invalid value: "0s": {UNENGAGED}'),
    ("unengagedTtl", "8760h1s", f'Invalid value: "8760h1s": {UNENGAGED}'),
    ("unengagedTtl", "1s1h", f'Invalid value: "1s1h": {UNENGAGED}'),
    ("fallbackText", "", "in body should be at least 1 chars long"),
    ("fallbackText", "x" * 1601, "Too long: may not be more than 1600 bytes"),
    ("warningText", "", "in body should be at least 1 chars long"),
    ("warningText", "x" * 1601, "Too long: may not be more than 1600 bytes"),
    ("closingText", "x" * 1601, "Too long: may not be more than 1600 bytes"),
    ("textLimit", -1, "in body should be greater than or equal to 0"),
    ("textLimit", 1001, "in body should be less than or equal to 1000"),
    ("repeatLimit", -1, "in body should be greater than or equal to 0"),
    ("repeatLimit", 101, "in body should be less than or equal to 100"),
    ("turnLimit", -1, "in body should be greater than or equal to 0"),
    ("turnLimit", 1001, "in body should be less than or equal to 1000"),
    ("turnLimit", 1.5, "in body must be of type int32"),
]
BOUNDS = [
    {"settle": "0s", "inactiveAfter": "0s", "grace": "1m", "unengagedTtl": "60s", "textLimit": 0},
    {"settle": "5s", "inactiveAfter": "1m", "grace": "24h", "unengagedTtl": "8760h", "textLimit": 1000},
    {"settle": "4s1000ms", "inactiveAfter": "720h", "grace": "23h59m60s", "repeatLimit": 100, "turnLimit": 1000},
    {"inactiveAfter": "2592000s", "closingText": "", "fallbackText": "x" * 1600, "warningText": "x"},
]
OTHER_COUNTRY = (
    "the country of a number that was chosen cannot change; create another PhoneNumber for the other country"
)
OTHER_TYPE = "the type of a number that was chosen cannot change; create another PhoneNumber of the other type"
OTHER_ACCOUNT = "a number that was chosen stays in its Twilio account; create another PhoneNumber for the other account"
OTHER_NUMBER = "this resource holds another number (status.phoneNumber); create another PhoneNumber for this one"
FINAL = [
    ({"country": "CA"}, f"spec.country: Forbidden: {OTHER_COUNTRY}"),
    ({"type": "tollFree"}, f"spec.type: Forbidden: {OTHER_TYPE}"),
    ({"account": "sales"}, f"spec.account: Forbidden: {OTHER_ACCOUNT}"),
]
CHOSEN, HELD = {"chosenNumber": NUMBER}, {"phoneNumber": NUMBER, "sid": f"PN{SID}"}


@pytest.fixture
async def api(kube: Client, namespace: str) -> Client:
    """The API, once it knows PhoneNumbers; nobody looks after them."""
    await install(kube)
    return kube


def phone_number(spec: Object) -> Object:
    return {"kind": "PhoneNumber", "metadata": {"name": "support"}, "spec": spec}


async def refusal(api: Client, spec: Object) -> str:
    with pytest.raises(ApiError) as refused:
        await api.create(PHONE_NUMBERS, phone_number(spec))
    assert (refused.value.status, refused.value.reason) == (422, "Invalid")
    return refused.value.message


async def test_a_spec_that_cannot_be_is_refused_in_words_that_say_what_to_write(api: Client) -> None:
    for wrong, words in REFUSED_SPECS:
        # What asks for nothing but one field lacks the other.
        spec = wrong if set(wrong) in ({"agent"}, {"country"}) and "Required" in words else LEAST | wrong
        assert words in await refusal(api, spec), wrong


async def test_settings_out_of_range_are_refused_in_words_that_give_the_range(api: Client) -> None:
    for name, value, words in REFUSED_SETTINGS:
        message = await refusal(api, {**LEAST, "settings": {name: value}})
        assert f"spec.settings.{name}" in message, name
        assert words in message, (name, value)


async def test_a_broken_rule_is_told_once_and_without_the_schemas_own_words(api: Client) -> None:
    said = await refusal(api, {**LEAST, "settings": {"settle": "2 s"}})
    assert said == f'PhoneNumber.parley.dev "support" is invalid: spec.settings.settle: Invalid value: "2 s": {SETTLE}'


async def test_settings_at_their_bounds_are_taken(api: Client) -> None:
    for bounds in BOUNDS:
        made = await api.create(PHONE_NUMBERS, phone_number({**LEAST, "settings": bounds}))
        assert made["spec"]["settings"] == bounds
        await api.delete(PHONE_NUMBERS, "support")


async def test_what_a_spec_leaves_out_is_filled_in(api: Client) -> None:
    made = await api.create(PHONE_NUMBERS, phone_number(LEAST))
    assert made["spec"] == {
        **LEAST,
        "type": "local",
        "keywords": "twilio",
        "account": "default",
        "purchasePolicy": "IfMissing",
        "releasePolicy": "Retain",
        "sending": True,
        "paused": False,
    }


async def test_a_slip_can_be_corrected_until_a_number_is_chosen(api: Client) -> None:
    await api.create(PHONE_NUMBERS, phone_number(LEAST))
    # A status that names no number does not count.
    await api.patch(PHONE_NUMBERS, "support", {"status": {"observedGeneration": 1}}, subresource="status")
    for change in ({"type": "tollFree"}, {"country": "CA"}, {"account": "sales"}, {"phoneNumber": NUMBER}):
        corrected = await api.patch(PHONE_NUMBERS, "support", {"spec": change})
        assert corrected["spec"].items() >= change.items()


@pytest.mark.parametrize("status", [CHOSEN, HELD], ids=["chosen", "held"])
async def test_what_identifies_a_number_is_final_once_one_is(api: Client, status: Object) -> None:
    await api.create(PHONE_NUMBERS, phone_number(LEAST))
    await api.patch(PHONE_NUMBERS, "support", {"status": status}, subresource="status")
    for change, words in FINAL:
        with pytest.raises(ApiError) as refused:
            await api.patch(PHONE_NUMBERS, "support", {"spec": change})
        assert refused.value.message == f'PhoneNumber.parley.dev "support" is invalid: {words}'
    free = {
        "agent": "sales",
        "areaCode": "415",
        "sending": False,
        "releasePolicy": "Release",
        "settings": {"settle": "1s"},
    }
    changed = await api.patch(PHONE_NUMBERS, "support", {"spec": free})
    assert changed["spec"].items() >= free.items()


async def test_a_resource_that_holds_a_number_can_name_no_other(api: Client) -> None:
    await api.create(PHONE_NUMBERS, phone_number(LEAST))
    await api.patch(PHONE_NUMBERS, "support", {"status": HELD}, subresource="status")
    with pytest.raises(ApiError) as refused:
        await api.patch(PHONE_NUMBERS, "support", {"spec": {"phoneNumber": OTHER}})
    assert refused.value.message.endswith(f"spec.phoneNumber: Forbidden: {OTHER_NUMBER}")
    named = await api.patch(PHONE_NUMBERS, "support", {"spec": {"phoneNumber": NUMBER}})
    assert named["spec"]["phoneNumber"] == NUMBER


async def test_spec_and_status_are_written_apart_and_only_a_spec_makes_a_generation(api: Client) -> None:
    made = await api.create(PHONE_NUMBERS, {**phone_number(LEAST), "status": HELD})
    assert "status" not in made
    found = await api.patch(PHONE_NUMBERS, "support", {"status": HELD, "spec": {"agent": "x"}}, subresource="status")
    assert (found["status"], found["spec"]["agent"], found["metadata"]["generation"]) == (HELD, "support", 1)
    found = await api.patch(PHONE_NUMBERS, "support", {"status": {"sid": "x"}, "spec": {"agent": "sales"}})
    assert (found["status"], found["spec"]["agent"], found["metadata"]["generation"]) == (HELD, "sales", 2)


async def test_kubectl_shows_number_agent_and_readiness_by_the_short_name_and_the_category(
    api: Client, kubectl: Kubectl
) -> None:
    await api.create(PHONE_NUMBERS, phone_number(LEAST))
    heading, row = (await kubectl("get", "pn")).splitlines()
    assert heading.split() == ["NAME", "NUMBER", "AGENT", "READY", "REASON", "AGE"]
    name, agent, age = row.split()
    assert (name, agent, age[-1]) == ("support", "support", "s")
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "NumberGone",
        "message": "It is gone.",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    await api.patch(PHONE_NUMBERS, "support", {"status": {**HELD, "conditions": [ready]}}, subresource="status")
    for way in ("pn", "phonenumber", "phonenumbers", "parley"):
        shown = await kubectl("get", way, "--no-headers")
        assert shown.split()[:-1] == ["support", NUMBER, "support", "False", "NumberGone"]


async def test_kubectl_says_why_a_manifest_is_refused_and_which_field_is_a_slip(api: Client, kubectl: Kubectl) -> None:
    manifest = "apiVersion: parley.dev/v1alpha1\nkind: PhoneNumber\nmetadata: {name: support}\nspec: "
    with pytest.raises(KubectlError) as refused:
        await kubectl.apply(manifest + "{country: uk, agent: support}")
    assert str(refused.value) == (
        'The PhoneNumber "support" is invalid: spec.country: Invalid value: "uk": write two capital letters of ISO '
        "3166-1, e.g. US or GB"
    )
    with pytest.raises(KubectlError, match=r'unknown field "spec\.areacode"'):
        await kubectl.apply(manifest + '{country: US, agent: support, areacode: "415"}')
    assert "Silence after which a warning is sent" in await kubectl("explain", "pn.spec.settings.inactiveAfter")
