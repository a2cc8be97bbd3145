"""Copies how agents want their sessions treated, so that opening a session never has to ask one."""

from __future__ import annotations

import logging
from collections.abc import Collection

from parley_session.ports import AgentAway, AgentFailed, Agents, NumberStore

log = logging.getLogger(__name__)


class DescribeAgents:
    """`names` are agents that no number need point to: web chat reaches them by name."""

    def __init__(self, numbers: NumberStore, agents: Agents, names: Collection[str] = ()) -> None:
        self._numbers = numbers
        self._agents = agents
        self._names = names

    async def __call__(self) -> bool:
        for name in sorted({*self._names, *await self._numbers.list_agents()}):
            await self.describe(name)
        return False

    async def describe(self, name: str) -> None:
        try:
            description = await self._agents.describe(name)
        except AgentAway:
            # Its sessions open with the copy that is there, or with the defaults.
            log.info("agent_away", extra={"agent": name})
        except AgentFailed:
            log.warning("agent_not_described", extra={"agent": name})
        else:
            await self._numbers.save_agent(name, description)
