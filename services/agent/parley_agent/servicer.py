"""The gRPC door: turns requests into turns and outcomes into answers, one by one or in frames of many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from parley.agent.v1 import agent_pb2 as pb
from parley.agent.v1 import agent_service_pb2, agent_service_pb2_grpc
from parley.channel.v1 import channel_pb2
from parley_agent.domain.agent_yaml import SessionSettings
from parley_agent.domain.turn import END, MESSAGE, START, Ran, Turn
from parley_agent.handlers.describe_agent import DescribeAgent
from parley_agent.handlers.run_turn import RunTurn
from parley_agent.ports import ServedAgent
from parley_chassis.errors import InvalidArgument, ParleyError

CHANNELS: Mapping[int, str] = {channel_pb2.CHANNEL_SMS: "sms", channel_pb2.CHANNEL_WEB_CHAT: "webchat"}
ROLES: Mapping[int, str] = {pb.ROLE_USER: "user", pb.ROLE_AGENT: "agent"}
GREETINGS = {
    None: pb.GREETING_UNSPECIFIED,
    "greet": pb.GREETING_GREET,
    "answer": pb.GREETING_ANSWER,
    "greet_and_answer": pb.GREETING_GREET_AND_ANSWER,
}
ON_OPEN_SESSION = {
    None: pb.ON_OPEN_SESSION_UNSPECIFIED,
    "supersede": pb.ON_OPEN_SESSION_SUPERSEDE,
    "join": pb.ON_OPEN_SESSION_JOIN,
    "reject": pb.ON_OPEN_SESSION_REJECT,
}
MAX_FRAME = 512 * 1024
"""Bytes of outcomes after which a frame is closed; one outcome is never larger than its state and replies may be."""


class AgentServicer(agent_service_pb2_grpc.AgentServiceServicer):
    def __init__(self, run_turn: RunTurn, describe_agent: DescribeAgent) -> None:
        self._run_turn = run_turn
        self._describe_agent = describe_agent

    def add_to(self, server: grpc.aio.Server) -> list[str]:
        agent_service_pb2_grpc.add_AgentServiceServicer_to_server(self, server)
        return [agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"].full_name]

    async def DescribeAgent(  # noqa: N802
        self, request: pb.DescribeAgentRequest, context: Any
    ) -> pb.DescribeAgentResponse:
        return _described(self._describe_agent(request.agent))

    async def RunTurn(self, request: pb.RunTurnRequest, context: Any) -> pb.RunTurnResponse:  # noqa: N802
        ran = await self._begin(request)
        return _response(ran)

    async def RunTurns(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.RunTurnsRequest], context: Any
    ) -> AsyncIterator[pb.RunTurnsResponse]:
        outcomes = Outcomes()
        reading = asyncio.create_task(self._read(request_iterator, outcomes))
        try:
            while frame := await outcomes.next_frame():
                yield frame
            await reading
        finally:
            outcomes.abandon()
            reading.cancel()
            await asyncio.wait({reading})

    async def _read(self, frames: AsyncIterator[pb.RunTurnsRequest], outcomes: Outcomes) -> None:
        try:
            async for frame in frames:
                for request in frame.turns:
                    try:
                        outcomes.expect(request, self._begin(request))
                    except ParleyError as error:
                        outcomes.add(_failed(request, error))
        finally:
            outcomes.no_more()

    def _begin(self, request: pb.RunTurnRequest) -> asyncio.Future[Ran]:
        return self._run_turn(request.agent, _turn(request), _seconds(request.timeout), request.traceparent)


class Outcomes:
    """The outcomes of one stream: those that wait for the next frame, and those still to come."""

    def __init__(self) -> None:
        self._finished: list[pb.TurnOutcome] = []
        self._running: set[asyncio.Future[Ran]] = set()
        self._more = True
        self._changed = asyncio.Event()

    def expect(self, request: pb.RunTurnRequest, running: asyncio.Future[Ran]) -> None:
        self._running.add(running)
        running.add_done_callback(lambda done: self._finish(request, done))

    def add(self, outcome: pb.TurnOutcome) -> None:
        self._finished.append(outcome)
        self._changed.set()

    def no_more(self) -> None:
        """Nothing is expected any more: the frames end when all that runs has finished."""
        self._more = False
        self._changed.set()

    def abandon(self) -> None:
        """Nobody waits for the outcomes: turns that have not begun never will."""
        for running in list(self._running):
            running.cancel()

    async def next_frame(self) -> pb.RunTurnsResponse | None:
        """Everything that has finished, as soon as something has; None at the end."""
        while not self._finished:
            if not (self._more or self._running):
                return None
            self._changed.clear()
            await self._changed.wait()
        finished, self._finished = self._finished, []
        size = 0
        for index, outcome in enumerate(finished):
            size += outcome.ByteSize()
            if size > MAX_FRAME and index:
                finished, self._finished = finished[:index], finished[index:]
                break
        return pb.RunTurnsResponse(outcomes=finished)

    def _finish(self, request: pb.RunTurnRequest, done: asyncio.Future[Ran]) -> None:
        self._running.discard(done)
        if done.cancelled():
            self._changed.set()
        elif (error := done.exception()) is not None:
            self.add(_failed(request, error))
        else:
            response = _response(done.result())
            self.add(pb.TurnOutcome(turn_id=request.turn_id, fence=request.fence, response=response))


def _response(ran: Ran) -> pb.RunTurnResponse:
    response = pb.RunTurnResponse(replies=ran.replies, state=ran.state, hang_up=ran.hang_up)
    if ran.hand_off is not None:
        response.hand_off.CopyFrom(pb.HandOff(destination=ran.hand_off.destination, reason=ran.hand_off.reason))
    return response


def _failed(request: pb.RunTurnRequest, error: BaseException) -> pb.TurnOutcome:
    code, message = (error.code, error.message) if isinstance(error, ParleyError) else (INTERNAL, "internal error")
    status = pb.TurnError(code=code.value[0], message=message)
    return pb.TurnOutcome(turn_id=request.turn_id, fence=request.fence, error=status)


INTERNAL = grpc.StatusCode.INTERNAL


def _described(agent: ServedAgent) -> pb.DescribeAgentResponse:
    settings = _settings(agent.profile.sessions)
    return pb.DescribeAgentResponse(
        agent=agent.profile.name, version=agent.version, settings=settings, serves_run_turns=True
    )


def _settings(said: SessionSettings) -> pb.AgentSettings:
    """What the agent does not say stays unset."""
    return pb.AgentSettings(
        greeting=GREETINGS[said.greeting],
        settle=_duration(said.settle),
        fallback_text=said.fallback_text,
        on_open_session=ON_OPEN_SESSION[said.on_open_session],
        inactive_after=_duration(said.inactive_after),
        grace=_duration(said.grace),
        warning_text=said.warning_text,
        closing_text=said.closing_text,
        unengaged_ttl=_duration(said.unengaged_ttl),
        text_limit=said.text_limit,
        repeat_limit=said.repeat_limit,
        turn_limit=said.turn_limit,
        validity=_duration(said.validity),
    )


def _duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1e6))
    return duration


def _seconds(timeout: Duration) -> float:
    seconds = timeout.seconds + timeout.nanos / 1e9
    if seconds <= 0:
        raise InvalidArgument("timeout is missing or not positive: say how long the turn may take", field="timeout")
    return seconds


def _turn(request: pb.RunTurnRequest) -> Turn:
    """The turn that `request` asks for. Raises InvalidArgument."""
    for field in ("agent", "turn_id", "session_id"):
        if not getattr(request, field):
            raise InvalidArgument(f"{field} is missing", field=field)
    channel = CHANNELS.get(request.channel)
    if channel is None:
        raise InvalidArgument("channel must be CHANNEL_SMS or CHANNEL_WEB_CHAT", field="channel")
    turn = Turn(
        turn_id=request.turn_id,
        session_id=request.session_id,
        channel=channel,
        caller_number=request.caller_number,
        callee_number=request.callee_number,
        state=request.state,
        history=[(_role(item.role), item.text) for item in request.history],
        event=request.WhichOneof("event") or "",
    )
    if turn.event == MESSAGE:
        turn.texts = _texts(request.message.texts)
        if not turn.texts:
            raise InvalidArgument("message.texts is empty: an agent answers at least one text", field="message.texts")
    elif turn.event == START:
        turn.texts = _texts(request.start.texts)
        turn.greet, turn.answer = request.start.greet, request.start.answer
    elif turn.event == END:
        turn.end_reason = request.end.reason
    else:
        raise InvalidArgument("event is missing: set start, message or end", field="event")
    return turn


def _texts(texts: Any) -> list[tuple[str, list[str]]]:
    return [(text.text, list(text.media_urls)) for text in texts]


def _role(role: int) -> str:
    name = ROLES.get(role)
    if name is None:
        raise InvalidArgument("history holds an item whose role is neither ROLE_USER nor ROLE_AGENT", field="history")
    return name
