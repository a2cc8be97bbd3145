"""In development: changed files make a new version, which serves new turns while the old one finishes its own."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from parley_agent.adapters.loaded_agents import LoadedAgents
from parley_agent.adapters.worker_pool import PoolLimits
from parley_agent.adapters.zygote_process import Confinement
from parley_agent.domain.environment import filtered
from parley_agent.errors import AgentNotFound
from parley_agent.workers.reload_agents import reloading
from tests.integration.agent.agents import turn, until, write_agent, zygotes

SLOW = """
import time
def respond(conv, message):
    if message == "slow": time.sleep(0.5)
    return "{}"
"""


@asynccontextmanager
async def agents_of(root: Path) -> AsyncIterator[LoadedAgents]:
    loaded = LoadedAgents(root, PoolLimits(workers=1), Confinement(filtered(os.environ, ())))
    try:
        await loaded.load()
        async with reloading(loaded.reload, interval=0.02):
            yield loaded
    finally:
        await loaded.close()


async def say(agents: LoadedAgents, text: str, name: str = "desk") -> str:
    (reply,) = (await agents.find(name).workers.run(turn(text), 20)).replies
    return reply


async def test_changed_code_serves_new_turns_and_the_old_one_ends_its_own(tmp_path: Path) -> None:
    write_agent(tmp_path / "desk", SLOW.format("old"))
    async with agents_of(tmp_path) as agents:
        before = agents.find("desk")
        slow = asyncio.ensure_future(say(agents, "slow"))
        await asyncio.sleep(0)
        write_agent(tmp_path / "desk", SLOW.format("new"))
        await until(lambda: agents.find("desk") is not before)
        assert agents.find("desk").version != before.version
        assert await say(agents, "fast") == "new"
        assert await slow == "old"
        await until(lambda: len(zygotes()) == 1)


async def test_a_change_that_cannot_be_loaded_is_logged_and_the_version_before_it_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_agent(tmp_path / "desk", SLOW.format("old"))
    async with agents_of(tmp_path) as agents:
        write_agent(tmp_path / "desk", "def respond(conv message): ...")
        await until(lambda: any(record.message == "agent_refused" for record in caplog.records))
        (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
        (problem,) = record.__dict__["problems"]
        assert problem.startswith(f"{tmp_path}/desk/agent.py: line 1 is not valid Python: invalid syntax")
        assert await say(agents, "fast") == "old"
        write_agent(tmp_path / "desk", SLOW.format("repaired"))
        before = agents.find("desk")
        await until(lambda: agents.find("desk") is not before)
        assert await say(agents, "fast") == "repaired"


async def test_agents_come_and_go(tmp_path: Path) -> None:
    write_agent(tmp_path / "desk", SLOW.format("desk"), "name: desk")
    async with agents_of(tmp_path) as agents:
        before = agents.find("desk")
        write_agent(tmp_path / "bar", SLOW.format("bar"), "name: bar")
        await until(lambda: agents.names == ("bar", "desk"))
        assert await say(agents, "fast", "bar") == "bar"
        (tmp_path / "bar" / "agent.yaml").rename(tmp_path / "agent.yaml.bar")
        (tmp_path / "bar" / "agent.py").rename(tmp_path / "agent.py.bar")
        (tmp_path / "bar").rmdir()
        await until(lambda: agents.names == ("desk",))
        with pytest.raises(AgentNotFound):
            agents.find("bar")
        assert agents.find("desk") is before
        await until(lambda: len(zygotes()) == 1)
