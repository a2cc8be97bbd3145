"""Says how an agent wants its sessions treated, and which version of its code is live."""

from __future__ import annotations

from parley_agent.ports import Agents, ServedAgent


class DescribeAgent:
    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    def __call__(self, agent: str) -> ServedAgent:
        """Raises AgentNotFound."""
        return self._agents.find(agent)
