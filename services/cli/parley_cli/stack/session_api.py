"""The session service's API for the commands: one call a function, errors as sentences."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
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
from parley_chassis.errors import error_info
from parley_cli.stack.channels import channel_to

TIMEOUT = 5.0
Session = session_pb2.Session
Message = session_pb2.Message
Number = number_pb2.Number
KEYWORDS = {
    "provider": number_pb2.KEYWORDS_PROVIDER,
    "advanced": number_pb2.KEYWORDS_ADVANCED,
    "none": number_pb2.KEYWORDS_NONE,
}

AWAY = "the service does not answer: is `parley up` still running, or what PARLEY_SESSION or PARLEY_NOTIFIER names?"
NEXT = {
    "SESSION_NOT_FOUND": ": `parley sessions` lists them",
    "NUMBER_NOT_FOUND": ": `parley numbers list` shows them",
    "DEAD_LETTER_NOT_FOUND": ": `parley dead-letters list` shows them",
    "NO_NUMBER": ": register one with `parley numbers add +1… --agent …`",
}
"""What to do about a refusal, by its reason."""


class ApiError(Exception):
    """The session service refused, or did not answer; the text is for the person at the terminal."""


class ApiAway(ApiError):
    """It did not answer, or stopped: the same call may succeed later."""


@asynccontextmanager
async def session_api(address: str, api_key: str) -> AsyncIterator[SessionApi]:
    async with channel_to(address) as channel:
        yield SessionApi(channel, api_key)


@contextmanager
def sentences() -> Iterator[None]:
    """Turns a failed call into an ApiError that says what to do."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise ApiAway(AWAY) from None
        reason = info.reason if (info := error_info(error)) else ""
        raise ApiError(f"{error.details() or error.code().name}{NEXT.get(reason, '')}") from None


def state_of(session: session_pb2.Session) -> str:
    """`open`, `handed_off`, or why it ended: `ended_by_agent`."""
    if session.state != session_pb2.Session.STATE_ENDED:
        return session_pb2.Session.State.Name(session.state).removeprefix("STATE_").lower()
    return session_pb2.Session.EndReason.Name(session.end_reason).removeprefix("END_REASON_").lower()


def is_ended(session: session_pb2.Session) -> bool:
    return session.state == session_pb2.Session.STATE_ENDED


def keywords_of(number: number_pb2.Number) -> str:
    """One of KEYWORDS."""
    return next((word for word, value in KEYWORDS.items() if value == number.keywords), "provider")


def kind_of(message: session_pb2.Message) -> str:
    """What an outbound message is: `reply`, `warning`; empty for inbound ones."""
    if message.kind == session_pb2.Message.KIND_UNSPECIFIED:
        return ""
    return session_pb2.Message.Kind.Name(message.kind).removeprefix("KIND_").lower()


def is_final(message: session_pb2.Message) -> bool:
    """Whether nothing more can become of it."""
    return is_inbound(message) or message.delivery_state >= session_pb2.DELIVERY_STATE_DELIVERED


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

    async def get_session(self, session_id: str) -> session_pb2.Session:
        request = session_service_pb2.GetSessionRequest(session_id=session_id)
        with sentences():
            return (await self._sessions.GetSession(request, timeout=TIMEOUT, metadata=self._metadata)).session

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

    async def watch(self, session_id: str, cursor: str = "") -> AsyncGenerator[tuple[Session | Message, str], None]:
        """The session, its messages and each change of them, with the cursor to go on from; until nothing can change.

        Raises ApiAway when the service stops: go on elsewhere.
        """
        request = session_service_pb2.WatchSessionRequest(session_id=session_id, cursor=cursor)
        with sentences():
            async for response in self._sessions.WatchSession(request, metadata=self._metadata):
                is_session = response.WhichOneof("change") == "session"
                yield response.session if is_session else response.message, response.cursor

    async def end_session(self, session_id: str) -> session_pb2.Session:
        request = session_service_pb2.EndSessionRequest(session_id=session_id)
        with sentences():
            return (await self._sessions.EndSession(request, timeout=TIMEOUT, metadata=self._metadata)).session

    async def hand_off_session(self, session_id: str, destination: str, reason: str) -> session_pb2.Session:
        request = session_service_pb2.HandOffSessionRequest(
            session_id=session_id, destination=destination, reason=reason
        )
        with sentences():
            return (await self._sessions.HandOffSession(request, timeout=TIMEOUT, metadata=self._metadata)).session

    async def resume_session(self, session_id: str) -> session_pb2.Session:
        request = session_service_pb2.ResumeSessionRequest(session_id=session_id)
        with sentences():
            return (await self._sessions.ResumeSession(request, timeout=TIMEOUT, metadata=self._metadata)).session

    async def send_message(self, session_id: str, text: str) -> None:
        """A person's text."""
        request = session_service_pb2.SendMessageRequest(request_id=str(uuid.uuid4()), session_id=session_id, text=text)
        with sentences():
            await self._sessions.SendMessage(request, timeout=TIMEOUT, metadata=self._metadata)

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

    async def pause_number(self, number: str, *, paused: bool) -> None:
        """Stops or resumes all sending from it. Raises ApiError for one that is not registered."""
        request = number_service_pb2.UpdateNumberRequest(
            number=number_pb2.Number(number=number, sending_paused=paused),
            update_mask=FieldMask(paths=["sending_paused"]),
        )
        with sentences():
            await self._numbers.UpdateNumber(request, timeout=TIMEOUT, metadata=self._metadata)

    async def list_numbers(self) -> list[number_pb2.Number]:
        request = number_service_pb2.ListNumbersRequest(page_size=500)
        with sentences():
            response = await self._numbers.ListNumbers(request, timeout=TIMEOUT, metadata=self._metadata)
        return list(response.numbers)

    async def delete_number(self, number: str) -> None:
        """Forgets it; one that is not known is no error."""
        request = number_service_pb2.DeleteNumberRequest(number=number)
        with sentences():
            await self._numbers.DeleteNumber(request, timeout=TIMEOUT, metadata=self._metadata)
