"""Speaks to the session service over gRPC: what became of its messages, sessions that are due, texts that it missed,
numbers that were changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from parley.channel.v1.channel_pb2 import CHANNEL_SMS
from parley.session.v1 import (
    number_service_pb2,
    number_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)
from parley_chassis.errors import Unavailable, is_unavailable
from parley_chassis.replicas import Replicas
from parley_chassis.settings import ProcessSettings
from parley_notifier.domain.coverage import Handed, InboundText
from parley_notifier.domain.reports import Record, Told
from parley_notifier.errors import CallRefused, RecordRefused
from parley_notifier.ports import NumberPage, Registered, TimedOut

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
Method = Callable[
    ["session_service_pb2_grpc.SessionServiceAsyncStub"], "grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT]"
]
Outcome = session_pb2.ReceiveResult

TIMEOUT = 0.6
LONG_TIMEOUT = 5.0
"""For calls that nobody waits for."""
NUMBERS = 500
"""On a page."""
STATES = {told: session_pb2.DeliveryState.Value(f"DELIVERY_STATE_{told.value}") for told in Told}
HANDED = {
    Outcome.OUTCOME_ACCEPTED: Handed.STORED,
    Outcome.OUTCOME_IGNORED: Handed.STORED,
    Outcome.OUTCOME_DUPLICATE: Handed.KNOWN,
    # Asking again would change nothing.
    Outcome.OUTCOME_UNKNOWN_NUMBER: Handed.FOREIGN,
    Outcome.OUTCOME_INVALID: Handed.KNOWN,
}


class SessionClient:
    """The ports Recorder, Sessions and Register."""

    def __init__(self, addresses: Sequence[str], process: ProcessSettings) -> None:
        self._replicas = Replicas(addresses, session_service_pb2_grpc.SessionServiceStub, process)
        # Of their own: one that takes long over a job may be quick to take records.
        self._jobs = Replicas(addresses, session_service_pb2_grpc.SessionServiceStub, process)
        self._numbers = Replicas(addresses, number_service_pb2_grpc.NumberServiceStub, process)

    async def record(self, records: Sequence[Record]) -> None:
        request = session_service_pb2.RecordDeliveriesRequest(records=map(_record, records))
        try:
            await self._replicas.call(lambda stub: stub.RecordDeliveries, request, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            name = error.code().name
            if is_unavailable(error):
                raise Unavailable(f"the session service did not take the records ({name})") from None
            raise RecordRefused(f"the session service refuses the records ({name})") from None

    async def time_out(self, limit: int, covered_time: float | None) -> TimedOut:
        request = session_service_pb2.TimeOutSessionsRequest(limit=limit, covered_time=_timestamp(covered_time))
        answer = await self._call(lambda stub: stub.TimeOutSessions, request)
        awaited = _seconds(answer.awaited_coverage) if answer.HasField("awaited_coverage") else None
        return TimedOut(answer.decided, _seconds(answer.now), awaited)

    async def receive(self, texts: Sequence[InboundText]) -> Sequence[Handed]:
        request = session_service_pb2.ReceiveMessagesRequest(messages=map(_inbound, texts))
        answer = await self._call(lambda stub: stub.ReceiveMessages, request)
        handed = [HANDED.get(result.outcome, Handed.OPEN) for result in answer.results]
        return handed + [Handed.OPEN] * (len(texts) - len(handed))

    async def list_numbers(self, since: float | None, page: str) -> NumberPage:
        request = number_service_pb2.ListNumbersRequest(
            page_size=NUMBERS, page_token=page, updated_since=_timestamp(since)
        )
        answer = await _named(
            self._numbers.call(lambda stub: stub.ListNumbers, request, timeout=LONG_TIMEOUT, repeats=0)
        )
        numbers = [
            Registered(item.number, item.sending_paused, item.segments_per_second, _seconds(item.update_time))
            for item in answer.numbers
        ]
        return NumberPage(numbers, answer.next_page_token)

    async def _call(self, method: Method[RequestT, ResponseT], request: RequestT) -> ResponseT:
        return await _named(self._jobs.call(method, request, timeout=LONG_TIMEOUT, repeats=0))

    async def close(self) -> None:
        await self._replicas.close()
        await self._jobs.close()
        await self._numbers.close()


async def _named(call: Awaitable[ResponseT]) -> ResponseT:
    """What the call answers; raises Unavailable or CallRefused."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        name = error.code().name
        if is_unavailable(error):
            raise Unavailable(f"the session service did not answer ({name})", reason=name) from None
        raise CallRefused(f"the session service refuses the call ({name})", reason=name) from None


def _record(record: Record) -> session_pb2.DeliveryRecord:
    return session_pb2.DeliveryRecord(
        message_id=record.message_id,
        state=STATES[record.told],
        source_id=record.sid,
        error_code=record.error_code,
        event_time=_timestamp(record.event_time or None),
    )


def _inbound(text: InboundText) -> session_pb2.InboundMessage:
    return session_pb2.InboundMessage(
        channel=CHANNEL_SMS,
        endpoint=text.number,
        participant=text.participant,
        source_id=text.sid,
        text=text.text,
        media_urls=text.media_urls,
        receive_time=_timestamp(text.receive_time),
        fetched=True,
    )


def _timestamp(seconds: float | None) -> Timestamp | None:
    if seconds is None:
        return None
    whole, micros = divmod(round(seconds * 1e6), 1_000_000)
    return Timestamp(seconds=whole, nanos=micros * 1000)


def _seconds(time: Timestamp) -> float:
    return (time.seconds * 1_000_000 + time.nanos // 1000) / 1e6
