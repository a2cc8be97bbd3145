"""An agent that does what a test tells it: a server of AgentService as somebody else would write it, on plain gRPC."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from parley.agent.v1 import agent_pb2, agent_service_pb2_grpc
from parley_chassis.settings import ProcessSettings

DEVELOPMENT = ProcessSettings(insecure_dev=True)

Request = agent_pb2.RunTurnRequest
Response = agent_pb2.RunTurnResponse
Respond = Callable[[Request], Awaitable[Response]]


async def echo(request: Request) -> Response:
    """Repeats the newest text."""
    texts = request.start.texts or request.message.texts
    return Response(replies=[f"echo {text.text}" for text in texts][-1:], state=request.state or "{}")


class Refusal(Exception):
    """Raised by a `respond` for a turn that ends with this status."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass
class ScriptedAgent(agent_service_pb2_grpc.AgentServiceServicer):
    """`requests` are in the order of arrival; `frames` the number of turns in each frame of a stream."""

    respond: Respond = echo
    streams: bool = True
    settings: agent_pb2.AgentSettings = field(default_factory=agent_pb2.AgentSettings)
    requests: list[Request] = field(default_factory=list)
    callers: Counter[str] = field(default_factory=Counter)
    frames: list[int] = field(default_factory=list)
    unary: int = 0
    metadata: list[dict[str, Any]] = field(default_factory=list)

    async def DescribeAgent(self, request: agent_pb2.DescribeAgentRequest, context: Any) -> Any:
        self.metadata.append(dict(context.invocation_metadata()))
        return agent_pb2.DescribeAgentResponse(
            agent=request.agent, version="1", settings=self.settings, serves_run_turns=self.streams
        )

    async def RunTurn(self, request: Request, context: Any) -> Response:
        self.unary += 1
        self._note(request, context)
        try:
            return await self.respond(request)
        except Refusal as refusal:
            await context.abort(refusal.code, "scripted")
            raise AssertionError("unreachable") from None

    async def RunTurns(
        self, frames: AsyncIterator[agent_pb2.RunTurnsRequest], context: Any
    ) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
        if not self.streams:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "scripted")
        outcomes: asyncio.Queue[agent_pb2.TurnOutcome | None] = asyncio.Queue()
        reading = asyncio.create_task(self._read(frames, context, outcomes))
        try:
            while outcome := await outcomes.get():
                yield agent_pb2.RunTurnsResponse(outcomes=[outcome])
        finally:
            reading.cancel()

    async def _read(self, frames: AsyncIterator[agent_pb2.RunTurnsRequest], context: Any, outcomes: Any) -> None:
        with contextlib.suppress(grpc.RpcError):
            async with asyncio.TaskGroup() as turns:
                async for frame in frames:
                    self.frames.append(len(frame.turns))
                    for request in frame.turns:
                        self._note(request, context)
                        turns.create_task(self._answer(request, outcomes))
        outcomes.put_nowait(None)

    async def _answer(self, request: Request, outcomes: asyncio.Queue[agent_pb2.TurnOutcome | None]) -> None:
        outcome = agent_pb2.TurnOutcome(turn_id=request.turn_id, fence=request.fence)
        try:
            outcome.response.CopyFrom(await self.respond(request))
        except Refusal as refusal:
            outcome.error.code = refusal.code.value[0]
        outcomes.put_nowait(outcome)

    def _note(self, request: Request, context: Any) -> None:
        self.requests.append(request)
        self.callers[context.peer()] += 1


@asynccontextmanager
async def agent_running(agent: Any, listen: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serves `agent`; yields its address, at which it may be served again later."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    agent_service_pb2_grpc.add_AgentServiceServicer_to_server(agent, server)
    port = server.add_insecure_port(listen)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
