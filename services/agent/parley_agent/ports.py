"""What the use cases need of the world: agents by name, each with workers that run its turns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from parley_agent.domain.agent_yaml import Profile
from parley_agent.domain.turn import Ran, Turn


class Workers(Protocol):
    """The processes that run one version of one agent."""

    def run(self, turn: Turn, timeout: float) -> asyncio.Future[Ran]:
        """Begins the turn at once or when a worker is free; the future raises the errors of `errors`.

        `timeout` is in seconds from now. Raises AgentFull or AgentAway when the turn cannot even wait.
        """


@dataclass(frozen=True, slots=True)
class ServedAgent:
    profile: Profile
    version: str
    workers: Workers


class Agents(Protocol):
    def find(self, name: str) -> ServedAgent:
        """The newest version that has been loaded. Raises AgentNotFound."""
