"""Who calls the HTTP API, as their key tells: for which agents, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    SEND = "send"
    """Open sessions, write in them, end them, hand them over."""
    READ = "read"
    """Read sessions, messages and numbers."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`agents` empty: those of all agents."""

    key_id: str
    agents: frozenset[str]
    scopes: frozenset[Scope]

    @property
    def is_restricted(self) -> bool:
        return bool(self.agents)

    def sees(self, agent: str) -> bool:
        return not self.agents or agent in self.agents

    @property
    def only_agent(self) -> str:
        """The agent that the key is for, if it is for exactly one; else empty."""
        return next(iter(self.agents)) if len(self.agents) == 1 else ""
