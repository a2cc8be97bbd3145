"""A client written against PolyAI's documentation of POST /v1/outbound-sms works here by another base URL alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
import pytest
import uvloop

from parley_chassis.errors import FailedPrecondition, NotFound, ResourceExhausted
from parley_gateway.app import Gateway
from tests.integration.gateway.api_peers import OUR_NUMBER
from tests.integration.gateway.between import starting_gateways
from tests.integration.gateway.peers import SessionPeer, notifier_peer, session_peer

CONNECTOR = "shop"


class SendFailed(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


@dataclass(frozen=True)
class PolyAiSms:
    """As their pages describe it: two headers, a JSON body, 202 for accepted, `{"detail"}` for everything else."""

    base_url: str
    api_key: str
    connector_id: str

    async def send(self, user_number: str, message: str, agent_number: str | None = None) -> None:
        body = {"user_number": user_number, "message": message}
        if agent_number is not None:
            body["agent_number"] = agent_number
        headers = {
            "X-PolyAi-Auth-Token": self.api_key,
            "X-TOKEN-ID": self.connector_id,
            "Content-Type": "application/json",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.base_url}/v1/outbound-sms", json=body, headers=headers) as response,
        ):
            if response.status != 202:
                raise SendFailed(response.status, (await response.json())["detail"])


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], object]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def sessions() -> SessionPeer:
    return session_peer()


@pytest.fixture
async def gateway(sessions: SessionPeer) -> AsyncIterator[Gateway]:
    async with starting_gateways(sessions, notifier_peer()) as start:
        yield await start()


@pytest.fixture
def client(gateway: Gateway, sessions: SessionPeer) -> PolyAiSms:
    return PolyAiSms(gateway.url, sessions.keys.make([CONNECTOR]), CONNECTOR)


async def test_it_sends(client: PolyAiSms, sessions: SessionPeer) -> None:
    await client.send("+15550100", "Your table is ready.", OUR_NUMBER)
    await client.send("+15550101", "Your table is ready.")
    assert [(asked.agent, asked.participant, asked.text, asked.endpoint) for asked in sessions.requests] == [
        (CONNECTOR, "+15550100", "Your table is ready.", OUR_NUMBER),
        (CONNECTOR, "+15550101", "Your table is ready.", ""),
    ]


async def test_each_of_its_requests_opens_a_session(client: PolyAiSms, sessions: SessionPeer) -> None:
    for _ in range(2):
        await client.send("+15550100", "Your table is ready.")
    assert len(sessions.sessions) == 2


@pytest.mark.parametrize(
    ("user_number", "message", "agent_number"),
    [("15550100", "x", None), ("", "x", None), ("+15550100", "", None), ("+15550100", "x", "15550199")],
)
async def test_a_bad_body_is_a_400(client: PolyAiSms, user_number: str, message: str, agent_number: str | None) -> None:
    with pytest.raises(SendFailed) as caught:
        await client.send(user_number, message, agent_number)
    assert caught.value.status == 400
    assert caught.value.detail


@pytest.mark.parametrize("key", ["wrong", "x" * 100])
async def test_a_bad_key_is_a_401(gateway: Gateway, key: str) -> None:
    with pytest.raises(SendFailed) as caught:
        await PolyAiSms(gateway.url, key, CONNECTOR).send("+15550100", "x")
    assert caught.value.status == 401


async def test_a_key_of_another_account_is_a_403(gateway: Gateway, sessions: SessionPeer) -> None:
    with pytest.raises(SendFailed) as caught:
        await PolyAiSms(gateway.url, sessions.keys.make(["bank"]), CONNECTOR).send("+15550100", "x")
    assert caught.value.status == 403


async def test_a_connector_that_is_not_known_is_a_404(gateway: Gateway, sessions: SessionPeer) -> None:
    with pytest.raises(SendFailed) as caught:
        await PolyAiSms(gateway.url, sessions.keys.make(), "No Such Connector").send("+15550100", "x")
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (NotFound("", reason="NO_NUMBER"), 404),
        (FailedPrecondition("", reason="OPTED_OUT"), 409),
        (ResourceExhausted(""), 429),
    ],
)
async def test_what_the_platform_refuses_is_told_with_a_detail(
    client: PolyAiSms, sessions: SessionPeer, refusal: Exception, status: int
) -> None:
    sessions.refuses_with = refusal  # type: ignore[assignment]
    with pytest.raises(SendFailed) as caught:
        await client.send("+15550100", "x")
    assert caught.value.status == status
    assert caught.value.detail
