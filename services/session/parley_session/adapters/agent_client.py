"""Calls agents over gRPC: our own engine by one stream of frames for many turns, a foreign agent turn by turn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

import grpc
from google.protobuf.duration_pb2 import Duration

from parley.agent.v1 import agent_pb2, agent_service_pb2_grpc
from parley_chassis.grpc_channel import call_metadata
from parley_chassis.names import Resolve, look_up
from parley_chassis.peers import INTERVAL, Peers
from parley_chassis.settings import ProcessSettings
from parley_session.adapters.turn_stream import NoStream, TurnStream
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Answer
from parley_session.domain.settings import Greeting, problems
from parley_session.domain.thread import EndReason, HandOff, TurnKind
from parley_session.ports import AgentAway, AgentDescription, AgentFailed, HistoryItem
from parley_session.wishes import wishes_of

log = logging.getLogger(__name__)

ANY = "*"
DESCRIBE_TIMEOUT = 5.0
MAX_STATE = 64 * 1024
MAX_DESTINATION, MAX_REASON = 200, 1000
AWAY = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE.value[0],
        grpc.StatusCode.NOT_FOUND.value[0],
        grpc.StatusCode.RESOURCE_EXHAUSTED.value[0],
    }
)


class GrpcAgents:
    """The Agents port over gRPC. `addresses` maps agent names, or `*` for all others, to `host:port`s.

    A DNS name stands for all the servers that `resolve` finds behind it, which is asked every `interval` seconds.
    """

    def __init__(
        self,
        addresses: Mapping[str, Sequence[str]],
        process: ProcessSettings,
        turn_timeout: float,
        *,
        resolve: Resolve = look_up,
        interval: float = INTERVAL,
    ) -> None:
        self._metadata = metadata = call_metadata(process)
        self._timeout = turn_timeout
        self._servers = {
            name: Peers(
                several,
                lambda channel: AgentServer(channel, metadata),
                process,
                resolve=resolve,
                interval=interval,
            )
            for name, several in addresses.items()
        }
        self._next = 0

    async def run_turn(self, run: RunTurn, history: Sequence[HistoryItem]) -> Answer:
        servers = self._servers_of(run.session.agent)
        outcome = await self._one_of(servers).run(turn_request(run, history, self._timeout), self._timeout)
        if not outcome.HasField("response"):
            servers.look()
            raise AgentAway if outcome.error.code in AWAY else AgentFailed
        response = outcome.response
        if "\x00" in response.state or len(response.state.encode()) > MAX_STATE:
            raise AgentFailed
        hand_off = _hand_off(response.hand_off) if response.HasField("hand_off") else None
        replies = tuple(response.replies)
        return Answer(run.turn.id, run.turn.fence, replies, response.state, response.hang_up, hand_off)

    async def describe(self, name: str) -> AgentDescription:
        servers = self._servers_of(name)
        server = self._one_of(servers)
        request = agent_pb2.DescribeAgentRequest(agent=name)
        try:
            response = await server.stub.DescribeAgent(request, timeout=DESCRIBE_TIMEOUT, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            servers.look()
            raise (AgentAway if error.code().value[0] in AWAY else AgentFailed) from None
        server.streams = response.serves_run_turns
        wishes = wishes_of(response.settings)
        if wrong := problems(wishes):
            # What is known of the agent stays in force.
            log.warning("agent_settings_invalid", extra={"agent": name, "fields": [field for field, _ in wrong]})
            raise AgentFailed
        return AgentDescription(_storable(response.version), wishes)

    def _servers_of(self, agent: str) -> Peers[AgentServer]:
        servers = self._servers.get(agent) or self._servers.get(ANY)
        if not servers:
            raise AgentAway
        return servers

    def _one_of(self, servers: Peers[AgentServer]) -> AgentServer:
        self._next += 1
        # A server whose stream is down is passed over while another one's is up.
        ready = [server for server in servers.all if server.up] or servers.all
        return ready[self._next % len(ready)]

    async def close(self) -> None:
        for servers in self._servers.values():
            await servers.close()


class AgentServer:
    """One process that serves agents."""

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._channel = channel
        self.stub = agent_service_pb2_grpc.AgentServiceStub(self._channel)
        self._metadata = metadata
        self._stream = TurnStream(self._channel, lambda: self.stub.RunTurns(metadata=metadata))
        self.streams = True
        """Whether it serves RunTurns; assumed until it says otherwise."""

    @property
    def up(self) -> bool:
        return self._stream.up

    async def run(self, request: agent_pb2.RunTurnRequest, timeout: float) -> agent_pb2.TurnOutcome:
        if self.streams:
            try:
                return await self._stream.run(request, timeout)
            except NoStream:
                self.streams = False
        try:
            response = await self.stub.RunTurn(request, timeout=timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            return agent_pb2.TurnOutcome(error=agent_pb2.TurnError(code=error.code().value[0]))
        return agent_pb2.TurnOutcome(response=response)

    async def close(self, grace: float | None = None) -> None:
        if grace:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._stream.drain()
        await self._stream.close()
        await self._channel.close(grace)


def turn_request(run: RunTurn, history: Sequence[HistoryItem], timeout: float) -> agent_pb2.RunTurnRequest:
    thread, session, turn = run.thread, run.session, run.turn
    request = agent_pb2.RunTurnRequest(
        turn_id=turn.id,
        fence=turn.fence,
        session_id=session.id,
        agent=session.agent,
        channel=thread.channel,  # type: ignore[arg-type]
        caller_number=thread.participant,
        callee_number=thread.endpoint,
        state=session.state,
        history=[agent_pb2.HistoryItem(role=direction, text=text) for direction, text in history],  # type: ignore[arg-type]
        timeout=Duration(seconds=int(timeout), nanos=int(timeout % 1 * 1e9)),
        traceparent=turn.traceparent,
    )
    texts = [agent_pb2.Text(text=text.text, media_urls=text.media_urls) for text in run.texts]
    if turn.kind is TurnKind.START:
        greeting = session.settings.greeting
        request.start.texts.extend(texts)
        # A text of ours that opened the session stands for the greeting.
        request.start.greet = not session.outbound and greeting is not Greeting.ANSWER
        request.start.answer = session.outbound or greeting is not Greeting.GREET
    elif turn.kind is TurnKind.MESSAGE:
        request.message.texts.extend(texts)
    else:
        request.end.reason = (session.end_reason or EndReason.ENDED_BY_AGENT).name
    return request


def _hand_off(hand_off: agent_pb2.HandOff) -> HandOff:
    return HandOff(_storable(hand_off.destination)[:MAX_DESTINATION], _storable(hand_off.reason)[:MAX_REASON])


def _storable(text: str) -> str:
    # PostgreSQL stores every character but this one.
    return text.replace("\x00", "�")
