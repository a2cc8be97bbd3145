"""The whole stack in this process, shared by the stories: each takes a number and a participant of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import LiteralString

import aiohttp
import psycopg
import pytest_asyncio

from parley.session.v1 import session_pb2
from parley_cli.stack.in_process import Options, Stack, running
from parley_cli.stack.key_api import key_api
from parley_cli.stack.session_api import SessionApi, is_inbound, session_api, state_of

AGENTS = Path(__file__).parent / "agents"
_fresh = count(1)


@dataclass
class Conversation:
    """A participant's phone and one of our numbers, with an agent behind it."""

    stack: Stack
    api: SessionApi
    number: str
    participant: str
    agent: str
    key: str

    async def text(self, body: str) -> None:
        inbound = await self.stack.simulator.text(self.participant, self.number, body)
        assert inbound.outcome == "delivered"

    async def replies(self, total: int, timeout: float = 40.0) -> list[str]:
        """Everything sent to the participant, once it is `total` texts."""
        messages = await self.stack.simulator.wait_for_outbound(self.participant, total, timeout, number=self.number)
        return [message.body for message in messages]

    async def sessions(self) -> list[session_pb2.Session]:
        """Oldest first."""
        found = await self.api.list_sessions(50, self.participant)
        return [session for session in reversed(found) if session.endpoint == self.number]

    async def transcript(self, session: session_pb2.Session) -> list[tuple[str, str]]:
        """(direction, text) in order."""
        messages = await self.api.list_messages(session.session_id)
        return [("inbound" if is_inbound(m) else "outbound", m.text) for m in messages]

    async def states(self) -> list[str]:
        """How each session stands, oldest first."""
        return [state_of(session) for session in await self.sessions()]

    async def until(self, *states: str, timeout: float = 40.0) -> None:
        """Returns when the sessions stand so."""
        async with asyncio.timeout(timeout):
            while (now := await self.states()) != list(states):
                await asyncio.sleep(0.02)
        assert now == list(states)

    async def skip(self, **duration: float) -> None:
        """Moves the clock of people's deadlines, for everybody on this stack."""
        await self.api.skip_time(timedelta(**duration))

    async def send(self, text: str, **headers: str) -> tuple[int, dict[str, str]]:
        """Texts the participant through the HTTP API: the answer's status and body."""
        authorization = {"X-PolyAi-Auth-Token": self.key, "X-TOKEN-ID": self.agent}
        payload = {"user_number": self.participant, "message": text, "agent_number": self.number}
        url = f"{self.stack.addresses.gateway}/v1/outbound-sms"
        headers |= authorization
        async with aiohttp.ClientSession() as http, http.post(url, json=payload, headers=headers) as response:
            return response.status, await response.json()

    async def post(self, path: str, **body: str) -> int:
        """A call of the HTTP API under /v1; its status."""
        url = f"{self.stack.addresses.gateway}/v1/{path}"
        headers = {"Authorization": f"Bearer {self.key}"}
        async with aiohttp.ClientSession() as http, http.post(url, headers=headers, json=body or None) as response:
            return response.status

    async def all_texts(self) -> list[tuple[str, str]]:
        """Every text of the thread with what became of it, whether a session has it or not."""
        query = """
          SELECT m.text, CASE m.direction WHEN 1 THEN m.ignore_reason ELSE m.delivery_state::text END
          FROM session.messages m JOIN session.threads t ON t.id = m.thread_id
          WHERE t.participant = %s AND t.endpoint = %s ORDER BY m.position
        """
        async with await psycopg.AsyncConnection.connect(self.stack.postgres.url()) as connection:
            return list(await (await connection.execute(query, [self.participant, self.number])).fetchall())

    async def grace_begun(self) -> None:
        """Returns when the session service has heard that Twilio took the warning."""
        async with asyncio.timeout(40):
            while not await self._one("SELECT grace_end FROM session.sessions WHERE id = %s", await self._newest()):
                await asyncio.sleep(0.02)

    async def state_after_end(self, session: session_pb2.Session) -> str:
        """What the agent's end(conv) has left."""
        async with asyncio.timeout(40):
            while await self._one("SELECT end_owed FROM session.sessions WHERE id = %s", session.session_id):
                await asyncio.sleep(0.02)
        return str(await self._one("SELECT state FROM session.sessions WHERE id = %s", session.session_id))

    async def turns(self, session: session_pb2.Session) -> int:
        """How many calls of the agent the session has asked for."""
        count = await self._one("SELECT count(*) FROM session.turns WHERE session_id = %s", session.session_id)
        assert isinstance(count, int)
        return count

    async def _newest(self) -> str:
        return (await self.sessions())[-1].session_id

    async def _one(self, query: LiteralString, *parameters: str) -> object:
        """The one value of the one row."""
        async with await psycopg.AsyncConnection.connect(self.stack.postgres.url()) as connection:
            row = await (await connection.execute(query, parameters)).fetchone()
        assert row
        return row[0]


NewConversation = Callable[[str], Awaitable[Conversation]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    async with running(Options(AGENTS, "seed", durable=False)) as stack:
        yield stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def key(stack: Stack) -> str:
    """A key of the HTTP API, for all agents."""
    async with key_api(stack.addresses.session, stack.addresses.api_key) as api:
        return (await api.create("tests", [], ["send", "read"], None))[1]


@pytest_asyncio.fixture(loop_scope="session")
async def talk_to(stack: Stack, key: str) -> AsyncIterator[NewConversation]:
    """Gives a conversation with the agent that is named."""
    async with session_api(stack.addresses.session, stack.addresses.api_key) as api:

        async def conversation(agent: str) -> Conversation:
            n = next(_fresh)
            number = f"+1555020{n:04d}"
            layout = stack.layout
            stack.simulator.add_number(number, sms_url=layout.sms_url, sms_fallback_url=layout.sms_fallback_url)
            await api.update_number(number, agent)
            return Conversation(stack, api, number, f"+1666030{n:04d}", agent, key)

        yield conversation
