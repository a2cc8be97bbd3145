"""Calls the session service over gRPC for the HTTP API: one call a request, its answers as records, its refusals as
errors in the words of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import grpc
from google.protobuf.message import Message as Protobuf
from google.protobuf.timestamp_pb2 import Timestamp

from parley.channel.v1 import channel_pb2
from parley.session.v1 import (
    dead_letter_service_pb2,
    dead_letter_service_pb2_grpc,
    number_pb2,
    number_service_pb2,
    number_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)
from parley_chassis.errors import InvalidArgument, NotFound, ParleyError, error_info
from parley_chassis.replicas import Replicas
from parley_chassis.settings import ProcessSettings
from parley_gateway.adapters.peer_errors import api_error
from parley_gateway.domain.api_fields import wrong
from parley_gateway.domain.records import (
    DeadLetter,
    Message,
    Number,
    OutboundText,
    Page,
    PageRequest,
    Session,
    Started,
)

ResponseT = TypeVar("ResponseT", bound=Protobuf)

NO_NUMBER = "NO_NUMBER"
# What the fields of a request are called in the API.
OUTBOUND_FIELDS = {"participant": "user_number", "text": "message", "endpoint": "agent_number", "agent": "X-TOKEN-ID"}


class _Stubs(NamedTuple):
    sessions: session_service_pb2_grpc.SessionServiceAsyncStub
    numbers: number_service_pb2_grpc.NumberServiceAsyncStub
    letters: dead_letter_service_pb2_grpc.DeadLetterServiceAsyncStub


def _stubs(channel: grpc.aio.Channel) -> _Stubs:
    return _Stubs(
        session_service_pb2_grpc.SessionServiceStub(channel),
        number_service_pb2_grpc.NumberServiceStub(channel),
        dead_letter_service_pb2_grpc.DeadLetterServiceStub(channel),
    )


class GrpcSessionApi:
    """The ports SessionApi and DeadLetters. `timeout` is in seconds for each of two tries: any call may be repeated."""

    def __init__(self, addresses: Sequence[str], process: ProcessSettings, *, timeout: float) -> None:
        self._replicas = Replicas(addresses, _stubs, process)
        self._timeout = timeout

    async def start_session(self, request_id: str, outbound: OutboundText, traceparent: str) -> Started:
        request = session_service_pb2.StartSessionRequest(
            request_id=request_id,
            agent=outbound.agent,
            participant=outbound.participant,
            text=outbound.text,
            endpoint=outbound.endpoint,
            traceparent=traceparent,
            at_most_once=outbound.at_most_once,
        )
        try:
            response = await self._call(lambda stubs: stubs.sessions.StartSession, request, OUTBOUND_FIELDS)
        except NotFound as error:
            if outbound.endpoint and error.error_reason == NO_NUMBER:
                # Asked for by name, it is the name that is wrong.
                raise InvalidArgument(wrong("agent_number"), field="agent_number") from None
            raise
        return Started(response.session_id, response.message_id)

    async def send_message(
        self, request_id: str, session_id: str, text: str, traceparent: str, *, at_most_once: bool
    ) -> str:
        request = session_service_pb2.SendMessageRequest(
            request_id=request_id,
            session_id=session_id,
            text=text,
            traceparent=traceparent,
            at_most_once=at_most_once,
        )
        return (await self._call(lambda stubs: stubs.sessions.SendMessage, request)).message_id

    async def end_session(self, session_id: str) -> Session:
        request = session_service_pb2.EndSessionRequest(session_id=session_id)
        return _session((await self._call(lambda stubs: stubs.sessions.EndSession, request)).session)

    async def hand_off_session(self, session_id: str, destination: str, reason: str) -> Session:
        request = session_service_pb2.HandOffSessionRequest(
            session_id=session_id, destination=destination, reason=reason
        )
        return _session((await self._call(lambda stubs: stubs.sessions.HandOffSession, request)).session)

    async def resume_session(self, session_id: str) -> Session:
        request = session_service_pb2.ResumeSessionRequest(session_id=session_id)
        return _session((await self._call(lambda stubs: stubs.sessions.ResumeSession, request)).session)

    async def get_session(self, session_id: str) -> Session:
        request = session_service_pb2.GetSessionRequest(session_id=session_id)
        return _session((await self._call(lambda stubs: stubs.sessions.GetSession, request)).session)

    async def list_sessions(self, page: PageRequest, participant: str, endpoint: str) -> Page[Session]:
        request = session_service_pb2.ListSessionsRequest(
            page_size=page.size, page_token=page.token, participant=participant, endpoint=endpoint
        )
        found = await self._call(lambda stubs: stubs.sessions.ListSessions, request)
        return Page([_session(session) for session in found.sessions], found.next_page_token)

    async def list_messages(self, session_id: str, page: PageRequest) -> Page[Message]:
        request = session_service_pb2.ListMessagesRequest(
            session_id=session_id, page_size=page.size, page_token=page.token
        )
        found = await self._call(lambda stubs: stubs.sessions.ListMessages, request)
        return Page([_message(message) for message in found.messages], found.next_page_token)

    async def list_numbers(self, page: PageRequest) -> Page[Number]:
        request = number_service_pb2.ListNumbersRequest(page_size=page.size, page_token=page.token)
        found = await self._call(lambda stubs: stubs.numbers.ListNumbers, request)
        return Page([_number(number) for number in found.numbers], found.next_page_token)

    async def list_dead_letters(self, page: PageRequest) -> Page[DeadLetter]:
        request = dead_letter_service_pb2.ListDeadLettersRequest(page_size=page.size, page_token=page.token)
        found = await self._call(lambda stubs: stubs.letters.ListDeadLetters, request)
        return Page([_dead_letter(letter) for letter in found.dead_letters], found.next_page_token)

    async def get_dead_letter(self, message_id: str) -> DeadLetter:
        request = dead_letter_service_pb2.GetDeadLetterRequest(message_id=message_id)
        return _dead_letter((await self._call(lambda stubs: stubs.letters.GetDeadLetter, request)).dead_letter)

    async def retry_dead_letter(self, message_id: str) -> str:
        request = dead_letter_service_pb2.RetryDeadLetterRequest(message_id=message_id)
        return (await self._call(lambda stubs: stubs.letters.RetryDeadLetter, request)).message_id

    async def drop_dead_letter(self, message_id: str) -> None:
        request = dead_letter_service_pb2.DropDeadLetterRequest(message_id=message_id)
        await self._call(lambda stubs: stubs.letters.DropDeadLetter, request)

    async def _call(
        self,
        method: Callable[[_Stubs], grpc.aio.UnaryUnaryMultiCallable[Any, ResponseT]],
        request: Protobuf,
        fields: Mapping[str, str] = {},
    ) -> ResponseT:
        try:
            return await self._replicas.call(method, request, timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            raise _refusal(error, fields) from None

    async def close(self) -> None:
        await self._replicas.close()


def _refusal(error: grpc.aio.AioRpcError, fields: Mapping[str, str]) -> ParleyError:
    info = error_info(error)
    if info is None:
        return api_error("session", error)
    field = str(info.metadata.get("field", ""))
    return api_error("session", error, str(info.reason), fields.get(field, field))


def _session(session: session_pb2.Session) -> Session:
    return Session(
        session_id=session.session_id,
        thread_id=session.thread_id,
        channel=_word(channel_pb2.Channel.Name, session.channel) or "unknown",
        endpoint=session.endpoint,
        participant=session.participant,
        agent=session.agent,
        state=_word(session_pb2.Session.State.Name, session.state) or "unknown",
        end_reason=_word(session_pb2.Session.EndReason.Name, session.end_reason),
        open_time=_moment(session.open_time),
        end_time=_moment(session.end_time) if session.HasField("end_time") else None,
        outbound=session.outbound,
        engaged=session.engaged,
        hand_off_destination=session.hand_off_destination or None,
        hand_off_reason=session.hand_off_reason or None,
    )


def _message(message: session_pb2.Message) -> Message:
    return Message(
        message_id=message.message_id,
        session_id=message.session_id,
        thread_id=message.thread_id,
        position=message.position,
        direction=_word(session_pb2.Message.Direction.Name, message.direction) or "unknown",
        kind=_word(session_pb2.Message.Kind.Name, message.kind),
        text=message.text,
        media_urls=tuple(message.media_urls),
        create_time=_moment(message.create_time),
        seq=message.seq or None,
        delivery_state=_word(session_pb2.DeliveryState.Name, message.delivery_state),
        delivery_error=message.delivery_error or None,
        ignore_reason=message.ignore_reason or None,
    )


def _dead_letter(letter: dead_letter_service_pb2.DeadLetter) -> DeadLetter:
    return DeadLetter(_message(letter.message), letter.endpoint, letter.participant, letter.agent)


def _number(number: number_pb2.Number) -> Number:
    return Number(
        number=number.number,
        agent=number.agent,
        keywords=_word(number_pb2.Keywords.Name, number.keywords) or "provider",
        opt_out_scope=number.opt_out_scope or None,
        sending_paused=number.sending_paused,
        ingest_from=_moment(number.ingest_from) if number.HasField("ingest_from") else None,
        segments_per_second=number.segments_per_second or None,
        create_time=_moment(number.create_time),
        update_time=_moment(number.update_time),
    )


def _word(name_of: Callable[[Any], str], value: int) -> str | None:
    """An enum's value without its enum's name, in lower case; None for the first, which stands for nothing."""
    if not value:
        return None
    try:
        # The first one is called <ENUM>_UNSPECIFIED.
        prefix = name_of(0).removesuffix("UNSPECIFIED")
        return name_of(value).removeprefix(prefix).lower()
    except ValueError:
        return "unknown"


def _moment(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)
