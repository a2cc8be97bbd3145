"""Puts the agent service together and runs it: agents in their processes, gRPC in this one."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from parley_agent.adapters.loaded_agents import LoadedAgents
from parley_agent.adapters.worker_pool import PoolLimits
from parley_agent.adapters.zygote_process import Confinement
from parley_agent.domain.agent_yaml import InvalidAgent
from parley_agent.domain.environment import filtered
from parley_agent.handlers.describe_agent import DescribeAgent
from parley_agent.handlers.run_turn import RunTurn
from parley_agent.servicer import AgentServicer
from parley_agent.settings import Settings
from parley_agent.workers.reload_agents import reloading
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import SettingsError
from parley_chassis.telemetry import Telemetry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A service that is up. `address` is the bound `host:port`, `agents` are the names that it serves."""

    address: str
    agents: tuple[str, ...]


@asynccontextmanager
async def running(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[Running]:
    """Raises SettingsError when an agent cannot be loaded, with every problem found."""
    async with AsyncExitStack() as stack:
        if telemetry is None:
            telemetry = Telemetry("agent", settings.process)
            stack.callback(telemetry.close)
        agents = _agents(settings)
        stack.push_async_callback(agents.close)
        try:
            await agents.load()
        except InvalidAgent as error:
            raise SettingsError(error.problems) from None
        if settings.reload:
            await stack.enter_async_context(reloading(agents.reload))
        servicer = AgentServicer(RunTurn(agents, telemetry), DescribeAgent(agents))
        address = await stack.enter_async_context(grpc_server(settings.listen, settings.process, servicer.add_to))
        log.info("serving", extra={"address": address, "agents": agents.names})
        yield Running(address, agents.names)


def _agents(settings: Settings) -> LoadedAgents:
    limits = PoolLimits(settings.workers, settings.queue, settings.worker_calls)
    environment = filtered(os.environ, settings.environment)
    confinement = Confinement(environment, settings.worker_memory_mib * 1024 * 1024)
    return LoadedAgents(settings.directory.resolve(), limits, confinement)
