"""The session service's API for the commands: one call a function, errors as sentences."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from parley.session.v1 import (
    clock_service_pb2,
    clock_service_pb2_grpc,
    number_pb2,
    number_service_pb2,
    number_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)

TIMEOUT = 5.0
Session = session_pb2.Session
KEYWORDS = {
    "provider": number_pb2.KEYWORDS_PROVIDER,
    "advanced": number_pb2.KEYWORDS_ADVANCED,
    "none": number_pb2.KEYWORDS_NONE,
}


class ApiError(Exception):
    """The session service refused, or did not answer; the text is for the person at the terminal."""


@asynccontextmanager
async def session_api(address: str, api_key: str) -> AsyncIterator[SessionApi]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield SessionApi(channel, api_key)


@contextmanager
def sentences() -> Iterator[None]:
    """Turns a failed call into an ApiError that says what to do."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise ApiError("the session service does not answer: is `parley up` still running?") from None
        raise ApiError(error.details() or error.code().name) from None


def state_of(session: session_pb2.Session) -> str:
    """`open`, `handed_off`, or why it ended: `ended_by_agent`."""
    if session.state != session_pb2.Session.STATE_ENDED:
        return session_pb2.Session.State.Name(session.state).removeprefix("STATE_").lower()
    return session_pb2.Session.EndReason.Name(session.end_reason).removeprefix("END_REASON_").lower()


def is_inbound(message: session_pb2.Message) -> bool:
    return message.direction == session_pb2.Message.DIRECTION_INBOUND


def delivery_of(message: session_pb2.Message) -> str:
    """What became of an outbound message: `delivered`."""
    return session_pb2.DeliveryState.Name(message.delivery_state).removeprefix("DELIVERY_STATE_").lower()


class SessionApi:
    """Calls one session service. Raises ApiError."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self._sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        self._numbers = number_service_pb2_grpc.NumberServiceStub(channel)
        self._clock = clock_service_pb2_grpc.ClockServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {api_key}"),)

    async def list_sessions(self, limit: int = 20, participant: str = "") -> list[session_pb2.Session]:
        request = session_service_pb2.ListSessionsRequest(page_size=limit, participant=participant)
        with sentences():
            response = await self._sessions.ListSessions(request, timeout=TIMEOUT, metadata=self._metadata)
        return list(response.sessions)

    async def list_messages(self, session_id: str) -> list[session_pb2.Message]:
        messages: list[session_pb2.Message] = []
        token = ""
        while True:
            request = session_service_pb2.ListMessagesRequest(session_id=session_id, page_size=500, page_token=token)
            with sentences():
                response = await self._sessions.ListMessages(request, timeout=TIMEOUT, metadata=self._metadata)
            messages += response.messages
            token = response.next_page_token
            if not token:
                return messages

    async def start_session(self, agent: str, participant: str, text: str) -> session_service_pb2.StartSessionResponse:
        request = session_service_pb2.StartSessionRequest(
            request_id=str(uuid.uuid4()), agent=agent, participant=participant, text=text
        )
        with sentences():
            return await self._sessions.StartSession(request, timeout=TIMEOUT, metadata=self._metadata)

    async def skip_time(self, duration: timedelta) -> datetime:
        """Returns the time that it is then for people's deadlines."""
        request = clock_service_pb2.SkipTimeRequest()
        request.duration.FromTimedelta(duration)
        with sentences():
            response = await self._clock.SkipTime(request, timeout=TIMEOUT, metadata=self._metadata)
        return response.now.ToDatetime(UTC)

    async def update_number(
        self, number: str, agent: str, *, keywords: str = "", opt_out_scope: str = ""
    ) -> number_pb2.Number:
        """Leaves what is not given as it is. `keywords` is one of KEYWORDS."""
        change = number_pb2.Number(number=number, agent=agent, opt_out_scope=opt_out_scope)
        change.keywords = KEYWORDS.get(keywords, number_pb2.KEYWORDS_UNSPECIFIED)
        given = {"agent": agent, "keywords": keywords, "opt_out_scope": opt_out_scope}
        request = number_service_pb2.UpdateNumberRequest(
            number=change,
            allow_missing=True,
            update_mask=FieldMask(paths=[name for name, value in given.items() if value]),
        )
        with sentences():
            response = await self._numbers.UpdateNumber(request, timeout=TIMEOUT, metadata=self._metadata)
        return response.number

    async def list_numbers(self) -> list[number_pb2.Number]:
        request = number_service_pb2.ListNumbersRequest(page_size=500)
        with sentences():
            response = await self._numbers.ListNumbers(request, timeout=TIMEOUT, metadata=self._metadata)
        return list(response.numbers)
