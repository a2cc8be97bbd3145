"""Turns to call a scripted agent with, and agents that say little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import grpc

from parley.agent.v1 import agent_pb2
from parley_session.adapters.agent_client import GrpcAgents
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Answer
from parley_session.domain.settings import DEFAULTS, SessionSettings
from parley_session.domain.thread import EndReason, Session, Text, Thread, Turn, TurnKind
from parley_session.ports import AgentAway, AgentFailed
from tests.contract.session.scripted_agent import (
    DEVELOPMENT,
    Refusal,
    Request,
    Response,
    ScriptedAgent,
    agent_running,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
Frames: TypeAlias = AsyncIterator[agent_pb2.RunTurnsRequest]

Step: TypeAlias = Callable[[], Awaitable[None]]
AWAY = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.RESOURCE_EXHAUSTED]
FAILED = [code for code in grpc.StatusCode if code not in (*AWAY, grpc.StatusCode.OK)]


def a_run(
    turn_id: str = "turn",
    kind: TurnKind = TurnKind.MESSAGE,
    *,
    fence: int = 1,
    agent: str = "echo",
    state: str = '{"n":1}',
    settings: SessionSettings = DEFAULTS,
    end_reason: EndReason | None = None,
) -> RunTurn:
    thread = Thread("thread", 1, "+15550100", "+15550111")
    session = Session("session", agent, {}, settings, 1, started=True, state=state, end_reason=end_reason)
    turn = Turn(turn_id, "session", kind, NOW, claimed=True, fence=fence, traceparent="00-trace")
    texts = () if kind is TurnKind.END else (Text(1, "one", ("https://media/1",)), Text(2, "two"))
    return RunTurn(thread, session, turn, texts)


@asynccontextmanager
async def calling(*addresses: str, timeout: float = 5.0, **named: str) -> AsyncIterator[GrpcAgents]:
    """Agents at `addresses` for any name, and at those of `named`."""
    places: dict[str, tuple[str, ...]] = {name: (address,) for name, address in named.items()}
    if addresses:
        places["*"] = addresses
    agents = GrpcAgents(places, DEVELOPMENT, timeout)
    try:
        yield agents
    finally:
        await agents.close()


@asynccontextmanager
async def calling_again(agent: ScriptedAgent) -> AsyncIterator[tuple[GrpcAgents, Step, Step]]:
    """Agents at one address, and the steps that start and stop the server there."""
    async with agent_running(ScriptedAgent()) as address:
        pass
    server = None

    async def start() -> None:
        nonlocal server
        server = agent_running(agent, address)
        await server.__aenter__()

    async def stop() -> None:
        assert server
        await server.__aexit__(None, None, None)

    async with calling(address) as agents:
        yield agents, start, stop
    await stop()


async def settled(turn: Awaitable[Answer]) -> str:
    try:
        await turn
    except AgentAway:
        return "away"
    except AgentFailed:
        return "failed"
    return "answered"


def with_stream(run_turns: Callable[[Frames, Any], AsyncIterator[agent_pb2.RunTurnsResponse]]) -> ScriptedAgent:
    class OwnStream(ScriptedAgent):
        async def RunTurns(self, frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
            async for response in run_turns(frames, context):
                yield response

    return OwnStream()


def saying(response: Response) -> Callable[[Request], Awaitable[Response]]:
    async def respond(_request: Request) -> Response:
        return response

    return respond


def refusing(code: grpc.StatusCode) -> Callable[[Request], Awaitable[Response]]:
    async def respond(_request: Request) -> Response:
        raise Refusal(code)

    return respond


async def naming_itself(request: Request) -> Response:
    return Response(replies=[request.turn_id])


async def never(_request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
