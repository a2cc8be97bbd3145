"""The gRPC face of the session service: checks requests, puts items into batches, and writes answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc

from parley.session.v1 import (
    number_pb2,
    number_service_pb2,
    number_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)
from parley_chassis.batcher import Batcher
from parley_chassis.errors import ParleyError, ResourceExhausted
from parley_session import requests
from parley_session.errors import NumberNotFound, SessionNotFound
from parley_session.handlers.receive_messages import Incoming, Outcome, Received
from parley_session.ports import DeliveryRecord, NumberStore, Transcripts

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Result = session_pb2.ReceiveResult

MAX_BATCH = 500
OUTCOMES = {
    Outcome.ACCEPTED: Result.OUTCOME_ACCEPTED,
    Outcome.DUPLICATE: Result.OUTCOME_DUPLICATE,
    Outcome.UNKNOWN_NUMBER: Result.OUTCOME_UNKNOWN_NUMBER,
    Outcome.FAILED: Result.OUTCOME_FAILED,
}


class SessionServicer(session_service_pb2_grpc.SessionServiceServicer):
    def __init__(
        self,
        receive: Batcher[Incoming, Received],
        record: Batcher[DeliveryRecord, None],
        transcripts: Transcripts,
    ) -> None:
        self._receive = receive
        self._record = record
        self._transcripts = transcripts

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
                results.append(self._receive.put(requests.incoming(message)))
        return session_service_pb2.ReceiveMessagesResponse(results=[await _settled(result) for result in results])

    async def RecordDeliveries(  # noqa: N802
        self, request: session_service_pb2.RecordDeliveriesRequest, context: Context
    ) -> session_service_pb2.RecordDeliveriesResponse:
        for future in [self._record.put(record) for record in requests.delivery_records(request)]:
            await future
        return session_service_pb2.RecordDeliveriesResponse()

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


class NumberServicer(number_service_pb2_grpc.NumberServiceServicer):
    """`changed` is called when a number may point to an agent that has not been described yet."""

    def __init__(self, numbers: NumberStore, changed: Callable[[], None]) -> None:
        self._numbers = numbers
        self._changed = changed

    async def UpdateNumber(  # noqa: N802
        self, request: number_service_pb2.UpdateNumberRequest, context: Context
    ) -> number_service_pb2.UpdateNumberResponse:
        number, agent = requests.number_fields(request.number)
        updated = await self._numbers.update_number(number, agent, allow_missing=request.allow_missing)
        if updated is None:
            raise NumberNotFound
        self._changed()
        return number_service_pb2.UpdateNumberResponse(number=requests.number_message(updated))

    async def ListNumbers(  # noqa: N802
        self, request: number_service_pb2.ListNumbersRequest, context: Context
    ) -> number_service_pb2.ListNumbersResponse:
        size = requests.page_size(request.page_size)
        found = await self._numbers.list_numbers(size + 1, requests.number_of(request.page_token))
        numbers: list[number_pb2.Number] = [requests.number_message(number) for number in found[:size]]
        return number_service_pb2.ListNumbersResponse(
            numbers=numbers, next_page_token=found[size - 1].number if len(found) > size else ""
        )


def add_to(sessions: SessionServicer, numbers: NumberServicer) -> Callable[[grpc.aio.Server], list[str]]:
    """What registers both services with a server and returns their full names."""

    def add(server: grpc.aio.Server) -> list[str]:
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(sessions, server)
        number_service_pb2_grpc.add_NumberServiceServicer_to_server(numbers, server)
        return [
            session_service_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name,
            number_service_pb2.DESCRIPTOR.services_by_name["NumberService"].full_name,
        ]

    return add


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
