"""POST /v1/outbound-sms: what it asks of the session service, and each status that it answers with."""

import json
import logging
from collections.abc import Callable

import pytest

from parley.session.v1 import key_service_pb2
from parley_chassis.errors import (
    InvalidArgument,
    Unavailable,
)
from parley_chassis.logs import JsonFormatter
from parley_gateway.app import Gateway
from tests.integration.gateway.api_peers import CANARY, OUR_NUMBER
from tests.integration.gateway.api_side import OUTBOUND, TEXT, Answer, ask
from tests.integration.gateway.between import StartGateway
from tests.integration.gateway.peers import SessionPeer, silent_server, vacant_address
from tests.integration.gateway.twilio_side import call, request, signed

SHOP = {"X-TOKEN-ID": "shop"}


@pytest.fixture
def key(sessions: SessionPeer) -> str:
    return sessions.keys.make()


async def test_a_text_opens_a_session(gateway: Gateway, sessions: SessionPeer, key: str) -> None:
    answer = await ask(gateway.url, OUTBOUND, {**TEXT, "agent_number": OUR_NUMBER}, key=key, headers=SHOP)
    [asked] = sessions.requests
    [session] = sessions.sessions
    assert answer.status == 202
    assert answer.json == {"session_id": session.session_id, "message_id": sessions.started[asked.request_id][1][1]}
    assert (asked.agent, asked.participant, asked.text, asked.endpoint) == (
        "shop",
        "+15550100",
        "Your order is ready.",
        OUR_NUMBER,
    )
    assert len(asked.traceparent) == 55


async def test_without_agent_number_the_session_service_chooses(
    gateway: Gateway, sessions: SessionPeer, key: str
) -> None:
    for body in (TEXT, {**TEXT, "agent_number": None}):
        assert (await ask(gateway.url, OUTBOUND, body, key=key, headers=SHOP)).status == 202
    assert [asked.endpoint for asked in sessions.requests] == ["", ""]


async def test_a_key_for_one_agent_names_it(gateway: Gateway, sessions: SessionPeer) -> None:
    assert (await ask(gateway.url, OUTBOUND, TEXT, key=sessions.keys.make(["bank"]))).status == 202
    assert sessions.requests[0].agent == "bank"


@pytest.mark.parametrize("agents", [[], ["bank", "shop"]])
async def test_a_key_for_several_agents_does_not(gateway: Gateway, sessions: SessionPeer, agents: list[str]) -> None:
    answer = await ask(gateway.url, OUTBOUND, TEXT, key=sessions.keys.make(agents))
    assert (answer.status, answer.detail) == (400, "X-TOKEN-ID: is required; write the name of the agent")


# --- Idempotency-Key ----------------------------------------------------------------------------------------------


async def test_a_request_made_again_is_answered_alike_and_done_once(
    gateway: Gateway, sessions: SessionPeer, key: str
) -> None:
    headers = {**SHOP, "Idempotency-Key": "order-7"}
    first, again = [await ask(gateway.url, OUTBOUND, TEXT, key=key, headers=headers) for _ in range(2)]
    assert (first.status, first.json) == (again.status, again.json) == (202, first.json)
    assert len(sessions.sessions) == 1


async def test_the_same_idempotency_key_with_another_body_is_a_conflict(gateway: Gateway, key: str) -> None:
    headers = {**SHOP, "Idempotency-Key": "order-7"}
    assert (await ask(gateway.url, OUTBOUND, TEXT, key=key, headers=headers)).status == 202
    other = await ask(gateway.url, OUTBOUND, {**TEXT, "message": "Another."}, key=key, headers=headers)
    assert (other.status, "Idempotency-Key" in other.detail) == (409, True)


async def test_idempotency_keys_of_two_callers_do_not_meet(gateway: Gateway, sessions: SessionPeer, key: str) -> None:
    headers = {**SHOP, "Idempotency-Key": "order-7"}
    for other in (key, sessions.keys.make()):
        assert (await ask(gateway.url, OUTBOUND, TEXT, key=other, headers=headers)).status == 202
    assert len(sessions.sessions) == 2


async def test_without_an_idempotency_key_each_request_is_another(
    gateway: Gateway, sessions: SessionPeer, key: str
) -> None:
    for _ in range(2):
        assert (await ask(gateway.url, OUTBOUND, TEXT, key=key, headers=SHOP)).status == 202
    assert len(sessions.sessions) == 2


# --- refusals -----------------------------------------------------------------------------------------------------


async def test_the_longest_message_is_taken(gateway: Gateway, sessions: SessionPeer, key: str) -> None:
    body = {**TEXT, "message": "👍" * 1600}
    assert (await ask(gateway.url, OUTBOUND, body, key=key, headers=SHOP)).status == 202
    assert sessions.requests[0].text == "👍" * 1600


async def test_403_when_the_key_is_for_another_agent(gateway: Gateway, sessions: SessionPeer) -> None:
    bank = sessions.keys.make(["bank"])
    answer = await ask(gateway.url, OUTBOUND, TEXT, key=bank, headers=SHOP)
    assert (answer.status, answer.detail) == (403, "the key is not for this agent")
    assert sessions.requests == []


async def test_403_when_the_key_may_only_read(gateway: Gateway, sessions: SessionPeer) -> None:
    reader = sessions.keys.make(scopes=[key_service_pb2.Key.SCOPE_READ])
    answer = await ask(gateway.url, OUTBOUND, TEXT, key=reader, headers=SHOP)
    assert (answer.status, answer.detail) == (403, "the key does not have the scope send")
    assert sessions.requests == []


async def test_413_for_a_body_without_an_end(gateway: Gateway, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Length": None, "Transfer-Encoding": "chunked"}
    head = request(OUTBOUND, headers=headers)
    assert (await call(gateway.url, head + 66 * (b"3e8\r\n%s\r\n" % (b" " * 1000)))).status == 413


async def test_429_beyond_the_calls_that_a_key_may_make(start_gateway: StartGateway, sessions: SessionPeer) -> None:
    gateway = await start_gateway(requests_per_second=0.1)
    fast, other = sessions.keys.make(), sessions.keys.make()
    assert (await ask(gateway.url, OUTBOUND, TEXT, key=fast, headers=SHOP)).status == 202
    answer = await ask(gateway.url, OUTBOUND, TEXT, key=fast, headers=SHOP)
    assert (answer.status, answer.headers["retry-after"]) == (429, "10")
    assert "slow down" in answer.detail
    assert (await ask(gateway.url, OUTBOUND, TEXT, key=other, headers=SHOP)).status == 202


async def test_without_a_bound_a_key_may_call_at_will(start_gateway: StartGateway, key: str) -> None:
    gateway = await start_gateway(requests_per_second=0)
    for _ in range(20):
        assert (await ask(gateway.url, OUTBOUND, TEXT, key=key, headers=SHOP)).status == 202


async def test_503_while_the_session_service_is_away(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(session_address=[await vacant_address()])
    answer = await ask(gateway.url, OUTBOUND, TEXT, key="parley_x_y", headers=SHOP)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


async def test_503_while_the_session_service_is_silent(start_gateway: StartGateway) -> None:
    async with silent_server() as frozen:
        gateway = await start_gateway(session_address=[frozen], api_timeout=0.05)
        answer = await ask(gateway.url, OUTBOUND, TEXT, key="parley_x_y", headers=SHOP)
    assert (answer.status, answer.detail) == (503, "the session service did not answer; try again")


# --- what is told ---------------------------------------------------------------------------------------------------


async def test_every_answer_has_safe_headers(gateway: Gateway, sessions: SessionPeer, key: str) -> None:
    answers = [
        await ask(gateway.url, OUTBOUND, TEXT, key=key, headers=SHOP),
        await ask(gateway.url, OUTBOUND, {}, key=key, headers=SHOP),
        await ask(gateway.url, OUTBOUND, TEXT),
        await ask(gateway.url, "/none"),
    ]
    assert [answer.status for answer in answers] == [202, 400, 401, 404]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "server" not in answer.headers


@pytest.fixture
def log_lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.DEBUG)
    return lambda: [JsonFormatter().format(record) for record in caplog.records if record.name != "asyncio"]


async def test_no_log_line_tells_of_a_number_a_text_or_a_key(
    gateway: Gateway, sessions: SessionPeer, key: str, log_lines: Callable[[], list[str]]
) -> None:
    text = {"user_number": "+15557778881", "message": "canary", "agent_number": "+15557778882"}
    answers: list[Answer] = []
    for body in (text, {**text, "user_number": "15557778881"}, {**text, "canary": 1}, json.dumps(text).encode()[:-1]):
        answers.append(await ask(gateway.url, OUTBOUND, body, key=key, headers=SHOP))
    for refusal in (InvalidArgument(CANARY), Unavailable(CANARY)):
        sessions.refuses_with = refusal
        answers.append(await ask(gateway.url, OUTBOUND, text, key=key, headers=SHOP))
    assert [answer.status for answer in answers] == [202, 400, 400, 400, 400, 503]
    told = [*map(str, (answer.json for answer in answers)), *log_lines()]
    named = "canary: is not known here; leave it out"
    told = [line.replace(named, "") for line in told]
    assert [line for line in told for secret in ("555777", "canary", key) if secret in line] == []


async def test_calls_are_counted_apart_from_webhooks(gateway: Gateway, key: str) -> None:
    assert (await call(gateway.url, signed())).status == 200
    assert (await ask(gateway.url, OUTBOUND, TEXT, key=key, headers=SHOP)).status == 202
    assert (await ask(gateway.url, OUTBOUND, TEXT)).status == 401
    assert gateway.tally.answers == {200: 1}
    assert gateway.api_tally.answers == {202: 1, 401: 1}
    assert gateway.api_tally.refusals == {"KEY_REFUSED": 1}
