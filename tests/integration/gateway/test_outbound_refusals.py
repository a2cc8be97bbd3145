"""POST /v1/outbound-sms, refused: the exact status, a sentence that says what to do, and nothing done."""

from typing import Any

import pytest

from parley_chassis.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ParleyError,
    ResourceExhausted,
    Unavailable,
)
from tests.integration.gateway.api_peers import CANARY
from tests.integration.gateway.api_side import OUTBOUND, TEXT, SharedApi, answer_of, ask
from tests.integration.gateway.twilio_side import call, request

SHOP = {"X-TOKEN-ID": "shop"}
# One gateway for all of them: what a case leaves behind would be seen by the next one.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("headers", [{"X-PolyAi-Auth-Token": "{}"}, {"Authorization": "bearer {}"}])
async def test_a_key_comes_in_either_header(shared: SharedApi, headers: dict[str, str]) -> None:
    filled = {name: value.format(shared.key) for name, value in headers.items()}
    assert (await ask(shared.url, OUTBOUND, TEXT, headers={**SHOP, **filled})).status == 202


@pytest.mark.parametrize("idempotency_key", ["!", "x" * 255, "a,b;c=~"])
async def test_visible_characters_make_an_idempotency_key(shared: SharedApi, idempotency_key: str) -> None:
    headers = {**SHOP, "Idempotency-Key": idempotency_key}
    assert (await ask(shared.url, OUTBOUND, TEXT, key=shared.key, headers=headers)).status == 202


@pytest.mark.parametrize("idempotency_key", ["", "x" * 256, "a b", "ä"])
async def test_other_characters_do_not(shared: SharedApi, idempotency_key: str) -> None:
    headers = {**SHOP, "Idempotency-Key": idempotency_key}
    answer = await ask(shared.url, OUTBOUND, TEXT, key=shared.key, headers=headers)
    assert (answer.status, answer.detail.partition(":")[0]) == (400, "Idempotency-Key")


def without(field: str) -> dict[str, str]:
    return {name: value for name, value in TEXT.items() if name != field}


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        (without("user_number"), "user_number: is required"),
        (without("message"), "message: is required"),
        ({}, "user_number: is required"),
        ({**TEXT, "user_number": "15550100"}, "user_number: write an E.164"),
        ({**TEXT, "user_number": "+0155"}, "user_number: write an E.164"),
        ({**TEXT, "user_number": "+1555010x"}, "user_number: write an E.164"),
        ({**TEXT, "user_number": "+15550100\n"}, "user_number: write an E.164"),
        ({**TEXT, "user_number": "+١٥٥٥"}, "user_number: write an E.164"),
        ({**TEXT, "user_number": "+" + "1" * 16}, "user_number: write an E.164"),
        ({**TEXT, "user_number": "rcs:+15550100"}, "user_number: write an E.164"),
        ({**TEXT, "user_number": ""}, "user_number: write an E.164"),
        ({**TEXT, "user_number": None}, "user_number: write an E.164"),
        ({**TEXT, "user_number": 15550100}, "user_number: write an E.164"),
        ({**TEXT, "user_number": ["+15550100"]}, "user_number: write an E.164"),
        ({**TEXT, "message": ""}, "message: write 1 to 1600 characters"),
        ({**TEXT, "message": " \n\t"}, "message: write 1 to 1600 characters"),
        ({**TEXT, "message": "x" * 1601}, "message: write 1 to 1600 characters"),
        ({**TEXT, "message": "a\0b"}, "message: write 1 to 1600 characters"),
        ({**TEXT, "message": None}, "message: write 1 to 1600 characters"),
        ({**TEXT, "message": 7}, "message: write 1 to 1600 characters"),
        ({**TEXT, "message": {"text": "x"}}, "message: write 1 to 1600 characters"),
        ({**TEXT, "message": "\ud800"}, "message: write 1 to 1600 characters"),
        ({**TEXT, "agent_number": "shop"}, "agent_number: write one of the agent's numbers"),
        ({**TEXT, "agent_number": 1}, "agent_number: write one of the agent's numbers"),
        ({**TEXT, "messaging_service_sid": "MG1"}, "messaging_service_sid: is not known here"),
        ({**TEXT, "usr_number": "+15550100"}, "usr_number: is not known here"),
        ({**TEXT, "+15557778881": "x"}, "a field: is not known here"),
        ({**TEXT, "": "x"}, "a field: is not known here"),
        ([TEXT], "the body: write a JSON object"),
        ("text", "the body: write a JSON object"),
        (None, "the body: write a JSON object"),
        (7, "the body: write a JSON object"),
        (b"", "the body: write a JSON object"),
        (b"{", "the body: write a JSON object"),
        (b'{"user_number": "+15550100", "message": "x"', "the body: write a JSON object"),
        (b"user_number=%2B15550100&message=x", "the body: write a JSON object"),
        (b"\xff\xfe", "the body: write a JSON object"),
        (b'{"message": "\xff"}', "the body: write a JSON object"),
        (b"[" * 60_000, "the body: write a JSON object"),
        (b'{"message": ' + b"9" * 60_000 + b"}", "the body: write a JSON object"),
    ],
)
async def test_400_names_the_field_and_the_fix(shared: SharedApi, body: Any, begins: str) -> None:
    answer = await ask(shared.url, OUTBOUND, body, key=shared.key, headers=SHOP, method="POST")
    assert (answer.status, answer.detail[: len(begins)]) == (400, begins)
    assert shared.sessions.requests == []
    assert not any(part in answer.detail for part in ("555777", "Your order", "MG1"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer unknown"},
        {"Authorization": "Basic {}"},
        {"Authorization": "{}"},
        {"Authorization": "Bearer {}x"},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Bearer {} {}"},
        {"X-PolyAi-Auth-Token": ""},
        {"X-PolyAi-Auth-Token": "é"},
        {"X-PolyAi-Auth-Token": "{}", "Authorization": "Bearer another"},
        {"X-Api-Key": "{}"},
    ],
)
async def test_401_without_a_key_that_is_one(shared: SharedApi, headers: dict[str, str]) -> None:
    filled = {name: value.replace("{}", shared.key) for name, value in headers.items()}
    answer = await ask(shared.url, OUTBOUND, TEXT, headers={**SHOP, **filled})
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "key" in answer.detail
    assert shared.key not in answer.detail
    assert shared.sessions.requests == []


async def test_401_comes_before_anything_of_the_request_is_read(shared: SharedApi) -> None:
    for body in (b"{", b"x" * 1_000_000):
        assert (await ask(shared.url, OUTBOUND, body)).status == 401


@pytest.mark.parametrize("agent", ["Shop", "shop floor", "x" * 64, "-", "connector:1"])
async def test_404_for_what_cannot_be_an_agent(shared: SharedApi, agent: str) -> None:
    answer = await ask(shared.url, OUTBOUND, TEXT, key=shared.key, headers={"X-TOKEN-ID": agent})
    assert (answer.status, answer.detail) == (404, "no agent has this name")
    assert shared.sessions.requests == []


@pytest.mark.parametrize(
    ("refusal", "status", "says"),
    [
        (InvalidArgument(CANARY, field="participant"), 400, "user_number: write an E.164"),
        (InvalidArgument(CANARY, field="text"), 400, "message: write 1 to 1600"),
        (InvalidArgument(CANARY, field="endpoint"), 400, "agent_number: write one of the agent's numbers"),
        (InvalidArgument(CANARY), 400, "the request has a field that cannot be used"),
        (InvalidArgument(CANARY, field="agent"), 404, "no agent has this name"),
        (NotFound(CANARY, reason="NO_NUMBER"), 404, "the agent has no number that can send this"),
        (FailedPrecondition(CANARY, reason="OPTED_OUT"), 409, "the participant has opted out"),
        (FailedPrecondition(CANARY, reason="OPEN_SESSION"), 409, "the participant has an open session"),
        (FailedPrecondition(CANARY, reason="SOMETHING_NEW"), 409, "this cannot be done as things stand"),
        (ResourceExhausted(CANARY), 429, "too much at once"),
        (Unavailable(CANARY), 503, "the session service did not answer; try again"),
        (ParleyError(CANARY), 503, "the session service failed; try again"),
    ],
)
async def test_a_refusal_of_the_session_service_has_its_status_and_words_of_our_own(
    shared: SharedApi, refusal: ParleyError, status: int, says: str
) -> None:
    shared.sessions.refuses_with = refusal
    answer = await ask(shared.url, OUTBOUND, TEXT, key=shared.key, headers=SHOP)
    assert (answer.status, answer.detail[: len(says)]) == (status, says)
    assert "canary" not in answer.detail
    assert ("retry-after" in answer.headers) == (status in (429, 503))


async def test_405_and_404_for_what_is_not_served(shared: SharedApi) -> None:
    wrong_method = await ask(shared.url, OUTBOUND, key=shared.key)
    assert (wrong_method.status, wrong_method.detail) == (405, "this path takes POST")
    assert wrong_method.headers["allow"] == "POST"
    for path in ("/", "/v1", "/v1/outbound-sms/", "/v2/outbound-sms", "/V1/outbound-sms", "/v1/outbound-sms/x"):
        assert (await ask(shared.url, path, TEXT, key=shared.key)).detail.startswith("nothing is served at this path")


@pytest.mark.parametrize("size", [64 * 1024 + 1, 10_000_000])
async def test_413_beyond_the_bound_of_a_body(shared: SharedApi, size: int) -> None:
    answer = await ask(shared.url, OUTBOUND, b" " * size, key=shared.key, headers=SHOP)
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert shared.sessions.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": None},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/xml"},
        {"Content-Encoding": "gzip"},
    ],
)
async def test_415_for_what_is_not_json(shared: SharedApi, headers: dict[str, str | None]) -> None:
    answer = await ask(shared.url, OUTBOUND, TEXT, key=shared.key, headers={**SHOP, **headers})
    assert answer.status == 415
    assert answer.detail.startswith("content-")
    assert shared.sessions.requests == []


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_said_in_full(shared: SharedApi, media_type: str) -> None:
    headers = {**SHOP, "Content-Type": media_type}
    assert (await ask(shared.url, OUTBOUND, TEXT, key=shared.key, headers=headers)).status == 202


async def test_a_number_that_is_not_the_agents_is_a_wrong_field_and_not_a_missing_number(shared: SharedApi) -> None:
    shared.sessions.refuses_with = NotFound(CANARY, reason="NO_NUMBER")
    body = {**TEXT, "agent_number": "+15550198"}
    named = await ask(shared.url, OUTBOUND, body, key=shared.key, headers=SHOP)
    assert (named.status, named.detail.partition(":")[0]) == (400, "agent_number")
    assert (await ask(shared.url, OUTBOUND, TEXT, key=shared.key, headers=SHOP)).status == 404


async def test_401_for_two_keys_at_once(shared: SharedApi) -> None:
    other = shared.sessions.keys.make()
    headers = {**SHOP, "X-PolyAi-Auth-Token": other}
    answer = await ask(shared.url, OUTBOUND, TEXT, key=shared.key, headers=headers)
    assert (answer.status, answer.detail) == (401, "send one key, not several")
    headers = {**SHOP, "X-PolyAi-Auth-Token": shared.key}
    assert (await ask(shared.url, OUTBOUND, TEXT, key=shared.key, headers=headers)).status == 202


async def test_413_before_a_body_that_is_announced_too_large_has_come(shared: SharedApi) -> None:
    headers = {"Authorization": f"Bearer {shared.key}", "Content-Length": "1000000"}
    assert answer_of(await call(shared.url, request(OUTBOUND, headers=headers))).status == 413
