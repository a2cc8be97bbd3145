"""Agents that come and go behind a name, and whose certificates are replaced: the streams of turns follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import pytest
import trustme

from parley.agent.v1 import agent_service_pb2_grpc
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings
from parley_session.adapters.agent_client import GrpcAgents
from tests.contract.session.calls import a_run, naming_itself, settled
from tests.contract.session.scripted_agent import DEVELOPMENT, Request, Response, ScriptedAgent, agent_running
from tests.integration.chassis.mounted import Volume
from tests.integration.chassis.notifier_client import LIMIT, Directory, until

NAME = "agents.parley.test:50052"
HOST = NAME.rpartition(":")[0]
PACE = 0.005
"""Seconds between two turns."""


@asynccontextmanager
async def agents_behind(directory: Directory, process: ProcessSettings = DEVELOPMENT) -> AsyncIterator[GrpcAgents]:
    agents = GrpcAgents({"*": (NAME,)}, process, 10.0, resolve=directory, interval=0.02)
    try:
        await reaching(agents, *directory.addresses)
        yield agents
    finally:
        await agents.close()


async def reaching(agents: GrpcAgents, *addresses: str) -> None:
    await until(lambda: {link.address for link in agents._servers["*"]._links} == set(addresses))


@asynccontextmanager
async def under_turns(agents: GrpcAgents) -> AsyncIterator[list[asyncio.Task[str]]]:
    """Turns, 200 a second; yields how they end."""
    turns: list[asyncio.Task[str]] = []

    async def go_on() -> None:
        while True:
            turns.append(asyncio.create_task(settled(agents.run_turn(a_run(f"turn {len(turns)}"), []))))
            await asyncio.sleep(PACE)

    going = asyncio.create_task(go_on())
    try:
        yield turns
    finally:
        going.cancel()
        await asyncio.gather(*turns)


@pytest.fixture(params=["stream", "unary"])
async def several(request: pytest.FixtureRequest) -> Sequence[ScriptedAgent]:
    return [ScriptedAgent(respond=naming_itself, streams=request.param == "stream") for _ in range(3)]


async def test_turns_go_to_all_agents_behind_a_name_and_to_one_that_comes(several: Sequence[ScriptedAgent]) -> None:
    async with AsyncExitStack() as stack:
        *known, new = [await stack.enter_async_context(agent_running(agent)) for agent in several]
        directory = Directory(*known)
        agents = await stack.enter_async_context(agents_behind(directory))
        async with under_turns(agents) as turns:
            await until(lambda: all(agent.requests for agent in several[:2]))
            assert not several[2].requests
            directory.addresses = [*known, new]
            await until(lambda: len(several[2].requests) > 5)
    assert {turn.result() for turn in turns} == {"answered"}


async def test_an_agent_that_goes_finishes_its_turns_and_gets_no_more(several: Sequence[ScriptedAgent]) -> None:
    finish = asyncio.Event()

    async def slow(_request: Request) -> Response:
        await finish.wait()
        return Response(replies=["late"])

    stays, goes, _ = several
    goes.respond = slow
    async with agent_running(stays) as address, agent_running(goes) as other:
        directory = Directory(address, other)
        async with agents_behind(directory) as agents:
            first = [asyncio.create_task(agents.run_turn(a_run(f"first {n}"), [])) for n in range(4)]
            await until(lambda: len(goes.requests) == 2)
            directory.addresses = [address]
            await reaching(agents, address)
            for n in range(4):
                await agents.run_turn(a_run(f"second {n}"), [])
            assert sorted(turn.done() for turn in first) == [False, False, True, True]
            finish.set()
            async with asyncio.timeout(LIMIT):
                answers = [answer.replies for answer in await asyncio.gather(*first)]
            await until(lambda: len(agents._servers["*"]._open) == 1)
    assert answers.count(("late",)) == 2
    assert (len(stays.requests), len(goes.requests)) == (6, 2)


@asynccontextmanager
async def secure_agent(agent: ScriptedAgent, volume: Volume) -> AsyncIterator[str]:
    def add(server: grpc.aio.Server) -> Sequence[str]:
        agent_service_pb2_grpc.add_AgentServiceServicer_to_server(agent, server)
        return ["parley.agent.v1.AgentService"]

    async with grpc_server("127.0.0.1:0", volume.process, add) as address:
        yield address


async def test_no_turn_of_a_stream_notices_that_authority_and_certificates_are_replaced(tmp_path: Path) -> None:
    several = [ScriptedAgent() for _ in range(3)]
    old, new = trustme.CA(), trustme.CA()
    ours = Volume(tmp_path / "session", "session.parley.test").mount(old, [old])
    theirs = Volume(tmp_path / "agents", HOST).mount(old, [old])

    async def slowly(request: Request) -> Response:
        await asyncio.sleep(0.02)  # so that turns are under way at every moment
        return await naming_itself(request)

    async def called_anew() -> None:
        """Waits until turns come to each agent by another connection."""
        old_callers = [set(agent.callers) for agent in several]
        await until(lambda: all(set(agent.callers) - old for agent, old in zip(several, old_callers, strict=True)))

    for agent in several:
        agent.respond = slowly
    async with AsyncExitStack() as stack:
        addresses = [await stack.enter_async_context(secure_agent(agent, theirs)) for agent in several]
        agents = await stack.enter_async_context(agents_behind(Directory(*addresses), ours.process))
        async with under_turns(agents) as turns:
            await called_anew()
            for volume in (theirs, ours):
                volume.trust([old, new])
            await called_anew()
            for volume in (theirs, ours):
                volume.mount(new, [old, new])
            await called_anew()
            for volume in (theirs, ours):
                volume.trust([new])
            await called_anew()
        await until(lambda: len(agents._servers["*"]._open) == len(several))
    assert {turn.result() for turn in turns} == {"answered"}
