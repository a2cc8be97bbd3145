"""The whole stack in this process, shared by the stories: each takes a number and a participant of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest_asyncio

from parley.session.v1 import session_pb2
from parley_cli.stack.in_process import Options, Stack, running
from parley_cli.stack.session_api import SessionApi, is_inbound, session_api

AGENTS = Path(__file__).parent / "agents"
_fresh = count(1)


@dataclass
class Conversation:
    """A participant's phone and one of our numbers, with an agent behind it."""

    stack: Stack
    api: SessionApi
    number: str
    participant: str

    async def text(self, body: str) -> None:
        inbound = await self.stack.simulator.text(self.participant, self.number, body)
        assert inbound.outcome == "delivered"

    async def replies(self, total: int, timeout: float = 10.0) -> list[str]:
        """Everything sent to the participant, once it is `total` texts."""
        messages = await self.stack.simulator.wait_for_outbound(self.participant, total, timeout, number=self.number)
        return [message.body for message in messages]

    async def sessions(self) -> list[session_pb2.Session]:
        """Oldest first."""
        return (await self.api.list_sessions(50, self.participant))[::-1]

    async def transcript(self, session: session_pb2.Session) -> list[tuple[str, str]]:
        """(direction, text) in order."""
        messages = await self.api.list_messages(session.session_id)
        return [("inbound" if is_inbound(m) else "outbound", m.text) for m in messages]


NewConversation = Callable[[str], Awaitable[Conversation]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    async with running(Options(AGENTS, "seed", durable=False)) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="session")
async def talk_to(stack: Stack) -> AsyncIterator[NewConversation]:
    """Gives a conversation with the agent that is named."""
    async with session_api(stack.addresses.session, stack.addresses.api_key) as api:

        async def conversation(agent: str) -> Conversation:
            n = next(_fresh)
            number = f"+1555020{n:04d}"
            layout = stack.layout
            stack.simulator.add_number(number, sms_url=layout.sms_url, sms_fallback_url=layout.sms_fallback_url)
            await api.update_number(number, agent)
            await _described(stack, agent)
            return Conversation(stack, api, number, f"+1666030{n:04d}")

        yield conversation


async def _described(stack: Stack, agent: str) -> None:
    """Waits until the session service has the agent's settings: it asks for them once a number points there."""
    async with asyncio.timeout(10):
        async with await psycopg.AsyncConnection.connect(stack.postgres.url(), autocommit=True) as connection:
            while True:
                found = await connection.execute("SELECT FROM session.agents WHERE name = %s", [agent])
                if found.rowcount:
                    return
                await asyncio.sleep(0.01)
