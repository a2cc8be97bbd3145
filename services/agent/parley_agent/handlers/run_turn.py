"""Runs one turn of an agent, within the time that both its caller and the agent allow."""

from __future__ import annotations

import asyncio

from parley_agent.domain.turn import Ran, Turn
from parley_agent.ports import Agents
from parley_chassis.telemetry import Telemetry, is_sampled


class RunTurn:
    """Called with a turn, returns a future: a coroutine for each turn would cost a tenth of what the turn costs."""

    def __init__(self, agents: Agents, telemetry: Telemetry) -> None:
        self._agents = agents
        self._telemetry = telemetry

    def __call__(self, agent: str, turn: Turn, timeout: float, traceparent: str) -> asyncio.Future[Ran]:
        """Raises AgentNotFound, AgentFull or AgentAway; the future raises what goes wrong later."""
        served = self._agents.find(agent)
        running = served.workers.run(turn, min(timeout, served.profile.turn_timeout))
        if is_sampled(traceparent):
            return asyncio.ensure_future(self._traced(running, turn, traceparent))
        return running

    async def _traced(self, running: asyncio.Future[Ran], turn: Turn, traceparent: str) -> Ran:
        attributes = {"parley.turn_id": turn.turn_id, "parley.event": turn.event}
        with self._telemetry.span("agent.run_turn", traceparent, attributes):
            return await running
