"""A session service on an empty database, its agent and its notifier at hand."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import psycopg
import pytest

from parley_session.adapters.agent_client import GrpcAgents
from tests.contract.session.calls import calling
from tests.contract.session.scripted_agent import ScriptedAgent, agent_running
from tests.databases import FreshDatabase
from tests.integration.session.replica import Rows
from tests.integration.session.services import (
    Client,
    KeepingNotifier,
    Surroundings,
    notifier_running,
    service_running,
)


@pytest.fixture
async def rows(database: FreshDatabase) -> AsyncIterator[Rows]:
    async with await psycopg.AsyncConnection.connect(database.session_url, autocommit=True) as connection:
        yield Rows(connection)


@pytest.fixture
async def notifier() -> KeepingNotifier:
    return KeepingNotifier()


@pytest.fixture
async def client(database: FreshDatabase, notifier: KeepingNotifier) -> AsyncIterator[Client]:
    async with agent_running(ScriptedAgent()) as agent, notifier_running(notifier) as address:
        around = Surroundings(database.session_url, {"*": (agent,)}, address)
        async with service_running(around) as client:
            yield client


@pytest.fixture
async def agent() -> ScriptedAgent:
    return ScriptedAgent()


@pytest.fixture(params=["stream", "unary"])
async def agents(agent: ScriptedAgent, request: pytest.FixtureRequest) -> AsyncIterator[GrpcAgents]:
    agent.streams = request.param == "stream"
    async with agent_running(agent) as address, calling(address) as agents:
        yield agents


@pytest.fixture
async def dead_address() -> AsyncIterator[str]:
    """An address at which nobody listens; the port stays taken, so that nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"
