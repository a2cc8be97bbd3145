"""The agents of a directory, loaded: each with a pool of workers, replaced by a new one when its files have changed."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from parley_agent.adapters.agent_directory import AgentOnDisk, Fingerprint, fingerprint, read_agents
from parley_agent.adapters.worker_pool import PoolLimits, WorkerPool
from parley_agent.adapters.zygote_process import Confinement
from parley_agent.domain.agent_yaml import InvalidAgent
from parley_agent.errors import AgentNotFound
from parley_agent.ports import ServedAgent

log = logging.getLogger(__name__)


class LoadedAgents:
    """Serves `ports.Agents` between `load`, which raises InvalidAgent, and `close`."""

    def __init__(self, root: Path, limits: PoolLimits, confinement: Confinement) -> None:
        self._root = root
        self._limits = limits
        self._confinement = confinement
        self._served: dict[str, ServedAgent] = {}
        self._pools: dict[str, WorkerPool] = {}
        self._retiring: dict[WorkerPool, asyncio.Task[None]] = {}
        self._seen: Fingerprint = ()

    def find(self, name: str) -> ServedAgent:
        served = self._served.get(name)
        if served is None:
            raise AgentNotFound
        return served

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._served))

    async def load(self) -> None:
        """Loads what is new or has changed and lets go of what is gone; a problem with one changes none."""
        seen = fingerprint(self._root)
        found = {agent.profile.name: agent for agent in read_agents(self._root)}
        changed = [agent for agent in found.values() if self._is_new(agent)]
        pools = [WorkerPool(agent, self._limits, self._confinement) for agent in changed]
        results = await asyncio.gather(*(pool.open() for pool in pools), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            await asyncio.gather(*(pool.close() for pool in pools))
            if not all(isinstance(failure, InvalidAgent) for failure in failures):
                raise failures[0]
            raise InvalidAgent([line for failure in failures for line in getattr(failure, "problems", [])])
        for agent, pool in zip(changed, pools, strict=True):
            self._replace(agent.profile.name, pool)
            self._served[agent.profile.name] = ServedAgent(agent.profile, agent.version, pool)
            log.info("agent_loaded", extra={"agent": agent.profile.name, "version": agent.version})
        for name in self._served.keys() - found.keys():
            self._replace(name, None)
            del self._served[name]
        self._seen = seen

    async def reload(self) -> None:
        """Loads what has changed on disk. What cannot be loaded is logged, and the version before it stays."""
        seen = fingerprint(self._root)
        if seen == self._seen:
            return
        try:
            await self.load()
        except InvalidAgent as error:
            log.error("agent_refused", extra={"problems": error.problems})
            # Tried again when the files change again, not before.
            self._seen = seen

    async def close(self) -> None:
        for task in self._retiring.values():
            task.cancel()
        await asyncio.gather(*self._retiring.values(), return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in [*self._pools.values(), *self._retiring]))
        self._pools.clear()
        self._served.clear()

    def _is_new(self, agent: AgentOnDisk) -> bool:
        served = self._served.get(agent.profile.name)
        return served is None or served.version != agent.version

    def _replace(self, name: str, pool: WorkerPool | None) -> None:
        old = self._pools.pop(name, None)
        if pool is not None:
            self._pools[name] = pool
        if old is not None:
            self._retiring[old] = asyncio.create_task(self._retire(old), name=f"retire {name}")

    async def _retire(self, pool: WorkerPool) -> None:
        await pool.drain()
        await pool.close()
        del self._retiring[pool]
