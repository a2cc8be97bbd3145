"""What tests of a running gateway are given; the loop is that of production, on which the HTTP bounds lean."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import uvloop

from parley_gateway.app import Gateway
from tests.integration.gateway.api_side import SharedApi
from tests.integration.gateway.between import StartGateway, starting_gateways
from tests.integration.gateway.peers import NotifierPeer, SessionPeer, notifier_peer, session_peer


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def sessions() -> SessionPeer:
    return session_peer()


@pytest.fixture
async def notifier() -> NotifierPeer:
    return notifier_peer()


@pytest.fixture
async def start_gateway(sessions: SessionPeer, notifier: NotifierPeer) -> AsyncIterator[StartGateway]:
    async with starting_gateways(sessions, notifier) as start:
        yield start


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    return await start_gateway()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_gateway() -> AsyncIterator[tuple[Gateway, SessionPeer]]:
    sessions = session_peer()
    async with starting_gateways(sessions, notifier_peer()) as start:
        yield await start(requests_per_second=0), sessions


@pytest.fixture
def shared(shared_gateway: tuple[Gateway, SessionPeer]) -> SharedApi:
    gateway, sessions = shared_gateway
    sessions.forget()
    return SharedApi(gateway.url, sessions.keys.make(), sessions)
