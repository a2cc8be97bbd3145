"""Takes texts of web chat, also to an agent that was never described: the first text to it asks what it is.

No number need point to an agent that only chats, and where one address serves every agent (`*`) nothing else names it.
An agent that has been described is never asked: to accept its texts it need not be there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from parley_session.handlers.receive_messages import Incoming, Outcome, Received
from parley_session.ports import AgentAway, AgentFailed, Agents, NumberStore

LIMIT = 16
"""Agents that are being asked at a time: names are for callers to choose."""


class MeetAgents:
    """`receive` takes a text into the batch that it goes with."""

    def __init__(
        self, receive: Callable[[Incoming], Awaitable[Received]], numbers: NumberStore, agents: Agents
    ) -> None:
        self._receive = receive
        self._numbers = numbers
        self._agents = agents
        self._asked: dict[str, asyncio.Task[bool]] = {}
        self._met: set[str] = set()

    async def __call__(self, incoming: Incoming) -> Received:
        received = await self._receive(incoming)
        if received.outcome is not Outcome.UNKNOWN_NUMBER:
            return received
        name = incoming.key.endpoint
        if name not in self._asked and name not in self._met:
            if len(self._asked) >= LIMIT:
                return Received(Outcome.FAILED)
            self._asked[name] = asyncio.create_task(self._meet(name))
        if name in self._met or await asyncio.shield(self._asked[name]):
            return await self._receive(incoming)
        return received

    async def _meet(self, name: str) -> bool:
        try:
            description = await self._agents.describe(name)
            await self._numbers.save_agent(name, description)
        except (AgentAway, AgentFailed):
            return False
        else:
            self._met.add(name)
            return True
        finally:
            del self._asked[name]
