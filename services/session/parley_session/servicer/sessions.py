"""SessionService: checks requests, puts items into batches, and writes answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc

from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc
from parley_chassis.batcher import Batcher
from parley_chassis.errors import ParleyError, ResourceExhausted
from parley_session import requests
from parley_session.domain.decide import Refused
from parley_session.domain.effects import Done
from parley_session.domain.events import EndSession, HandOffSession, ResumeSession, SendMessage
from parley_session.domain.thread import WEB_CHAT
from parley_session.errors import SessionNotFound, refusal
from parley_session.handlers.meet_agents import MeetAgents
from parley_session.handlers.receive_messages import Incoming, Outcome, Received
from parley_session.handlers.start_sessions import Opening
from parley_session.handlers.take_requests import Asked, Taken
from parley_session.handlers.time_out_sessions import TimeOutSessions
from parley_session.handlers.watch_session import WatchSession
from parley_session.ports import DeliveryRecord, ThreadStore, Transcripts

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Result = session_pb2.ReceiveResult

MAX_BATCH = 500
Change = EndSession | HandOffSession | ResumeSession
SessionCommand = SendMessage | Change
OUTCOMES = {
    Outcome.ACCEPTED: Result.OUTCOME_ACCEPTED,
    Outcome.DUPLICATE: Result.OUTCOME_DUPLICATE,
    Outcome.IGNORED: Result.OUTCOME_IGNORED,
    Outcome.UNKNOWN_NUMBER: Result.OUTCOME_UNKNOWN_NUMBER,
    Outcome.FAILED: Result.OUTCOME_FAILED,
}


@dataclass(frozen=True, slots=True)
class Doors:
    """Where requests go in: a batch for each kind."""

    receive: Batcher[Incoming, Received]
    chat: MeetAgents
    record: Batcher[DeliveryRecord, None]
    start: Batcher[Opening, Awaitable[Taken] | Taken]
    ask: Batcher[Asked, Taken]
    time_out: TimeOutSessions


class SessionServicer(session_service_pb2_grpc.SessionServiceServicer):
    def __init__(self, doors: Doors, store: ThreadStore, transcripts: Transcripts, watch: WatchSession) -> None:
        self._doors = doors
        self._store = store
        self._transcripts = transcripts
        self._watch = watch

    async def ReceiveMessages(  # noqa: N802
        self, request: session_service_pb2.ReceiveMessagesRequest, context: Context
    ) -> session_service_pb2.ReceiveMessagesResponse:
        if len(request.messages) > MAX_BATCH:
            raise ResourceExhausted(f"messages: send at most {MAX_BATCH} at once", reason="BATCH_TOO_LARGE")
        results: list[Result | asyncio.Future[Received]] = []
        for message in request.messages:
            problem = requests.problem_of(message)
            if problem:
                results.append(Result(outcome=Result.OUTCOME_INVALID, detail=problem))
            else:
                results.append(self._receive(requests.incoming(message)))
        return session_service_pb2.ReceiveMessagesResponse(results=[await _settled(result) for result in results])

    async def RecordDeliveries(  # noqa: N802
        self, request: session_service_pb2.RecordDeliveriesRequest, context: Context
    ) -> session_service_pb2.RecordDeliveriesResponse:
        for future in [self._doors.record.put(record) for record in requests.delivery_records(request)]:
            await future
        return session_service_pb2.RecordDeliveriesResponse()

    async def StartSession(  # noqa: N802
        self, request: session_service_pb2.StartSessionRequest, context: Context
    ) -> session_service_pb2.StartSessionResponse:
        taken = await self._doors.start.submit(requests.opening(request))
        done = _done(await taken if isinstance(taken, Awaitable) else taken)
        return session_service_pb2.StartSessionResponse(session_id=done.session_id, message_id=done.message_id)

    async def SendMessage(  # noqa: N802
        self, request: session_service_pb2.SendMessageRequest, context: Context
    ) -> session_service_pb2.SendMessageResponse:
        done = _done(await self._ask(requests.send_message(request)))
        return session_service_pb2.SendMessageResponse(message_id=done.message_id)

    async def EndSession(  # noqa: N802
        self, request: session_service_pb2.EndSessionRequest, context: Context
    ) -> session_service_pb2.EndSessionResponse:
        session_id = requests.uuid_of("session_id", request.session_id)
        return session_service_pb2.EndSessionResponse(session=await self._change(EndSession(session_id)))

    async def HandOffSession(  # noqa: N802
        self, request: session_service_pb2.HandOffSessionRequest, context: Context
    ) -> session_service_pb2.HandOffSessionResponse:
        session = await self._change(requests.hand_off_session(request))
        return session_service_pb2.HandOffSessionResponse(session=session)

    async def ResumeSession(  # noqa: N802
        self, request: session_service_pb2.ResumeSessionRequest, context: Context
    ) -> session_service_pb2.ResumeSessionResponse:
        session_id = requests.uuid_of("session_id", request.session_id)
        return session_service_pb2.ResumeSessionResponse(session=await self._change(ResumeSession(session_id)))

    async def TimeOutSessions(  # noqa: N802
        self, request: session_service_pb2.TimeOutSessionsRequest, context: Context
    ) -> session_service_pb2.TimeOutSessionsResponse:
        limit, covered = requests.time_out_fields(request)
        return requests.timed_out_message(await self._doors.time_out(limit, covered))

    async def WatchSession(  # noqa: N802
        self, request: session_service_pb2.WatchSessionRequest, context: Context
    ) -> AsyncIterator[session_service_pb2.WatchSessionResponse]:
        session_id = requests.uuid_of("session_id", request.session_id)
        place = requests.place_of(session_id, request.cursor)
        async with aclosing(self._watch(session_id, place)) as changes:
            async for change in changes:
                yield requests.watched_message(session_id, change)

    async def GetSession(  # noqa: N802
        self, request: session_service_pb2.GetSessionRequest, context: Context
    ) -> session_service_pb2.GetSessionResponse:
        found = await self._transcripts.get_session(requests.uuid_of("session_id", request.session_id))
        if found is None:
            raise SessionNotFound
        return session_service_pb2.GetSessionResponse(session=requests.session_message(found))

    async def ListSessions(  # noqa: N802
        self, request: session_service_pb2.ListSessionsRequest, context: Context
    ) -> session_service_pb2.ListSessionsResponse:
        size = requests.page_size(request.page_size)
        after = requests.uuid_of("page_token", request.page_token) if request.page_token else ""
        participant = requests.filter_of("participant", request.participant)
        endpoint = requests.filter_of("endpoint", request.endpoint)
        found = await self._transcripts.list_sessions(size + 1, after, participant, endpoint)
        return session_service_pb2.ListSessionsResponse(
            sessions=[requests.session_message(record) for record in found[:size]],
            next_page_token=found[size - 1].session_id if len(found) > size else "",
        )

    async def ListMessages(  # noqa: N802
        self, request: session_service_pb2.ListMessagesRequest, context: Context
    ) -> session_service_pb2.ListMessagesResponse:
        session_id = requests.uuid_of("session_id", request.session_id)
        size = requests.page_size(request.page_size)
        after = requests.position_of(request.page_token)
        found = await self._transcripts.list_messages(session_id, size + 1, after)
        if not found and await self._transcripts.get_session(session_id) is None:
            raise SessionNotFound
        return session_service_pb2.ListMessagesResponse(
            messages=[requests.transcript_message(record) for record in found[:size]],
            next_page_token=str(found[size - 1].position) if len(found) > size else "",
        )

    def _receive(self, incoming: Incoming) -> asyncio.Future[Received]:
        if incoming.key.channel == WEB_CHAT:
            return asyncio.ensure_future(self._doors.chat(incoming))
        return self._doors.receive.put(incoming)

    async def _ask(self, command: SessionCommand) -> Taken:
        keys = await self._store.find_session_threads([command.session_id])
        if command.session_id not in keys:
            raise SessionNotFound
        return await self._doors.ask.submit(Asked(keys[command.session_id], command))

    async def _change(self, command: Change) -> session_pb2.Session:
        """The session as it is after the command."""
        taken = await self._ask(command)
        if isinstance(taken, Refused):
            raise refusal(taken.reason)
        found = await self._transcripts.get_session(command.session_id)
        if found is None:
            raise SessionNotFound
        return requests.session_message(found)


def _done(taken: Taken) -> Done:
    if isinstance(taken, Refused):
        raise refusal(taken.reason)
    assert taken is not None
    return taken


async def _settled(result: Result | asyncio.Future[Received]) -> Result:
    if isinstance(result, Result):
        return result
    try:
        received = await result
    except ParleyError:
        raise
    except Exception:
        # It was tried alone: the fault is in this message, and none of its neighbours is to blame.
        log.exception("message_failed")
        return Result(outcome=Result.OUTCOME_FAILED)
    return Result(outcome=OUTCOMES[received.outcome], message_id=received.message_id)
