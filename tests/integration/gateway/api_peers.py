"""The session service as the HTTP API meets it: sessions, messages, numbers and keys in memory, refusals as the real
one words them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from google.protobuf.message import Message as Protobuf

from parley.channel.v1 import channel_pb2
from parley.session.v1 import (
    dead_letter_service_pb2,
    dead_letter_service_pb2_grpc,
    key_service_pb2,
    key_service_pb2_grpc,
    number_pb2,
    number_service_pb2,
    number_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)
from parley_chassis.errors import AlreadyExists, NotFound, ParleyError

Session: TypeAlias = session_pb2.Session
Message: TypeAlias = session_pb2.Message
DeadLetter: TypeAlias = dead_letter_service_pb2.DeadLetter
Key: TypeAlias = key_service_pb2.Key
Record = TypeVar("Record")

OUR_NUMBER = "+15550199"
THEIR_NUMBER = "+15550100"
CANARY = "canary-of-the-peer +15557778881"
"""In the text of every refusal: the gateway says the same in words of its own."""


class SessionApiPeer(session_service_pb2_grpc.SessionServiceServicer):
    """Remembers every request; `refuses_with` is raised by the next calls, whatever they ask for."""

    def __init__(self) -> None:
        self.numbers = number_peer()
        self.dead_letters = DeadLetterPeer()
        self.forget()

    def forget(self) -> None:
        self.sessions: list[Session] = []
        self.messages: list[Message] = []
        self.started: dict[str, tuple[session_service_pb2.StartSessionRequest, tuple[str, str]]] = {}
        self.requests: list[Any] = []
        self.refuses_with: ParleyError | None = None
        self.numbers.numbers.clear()
        self.dead_letters.forget()

    def open_session(self, agent: str = "shop", **changes: Any) -> Session:
        session = Session(
            session_id=str(uuid.uuid4()),
            thread_id=str(uuid.uuid4()),
            channel=channel_pb2.CHANNEL_SMS,
            endpoint=OUR_NUMBER,
            participant=THEIR_NUMBER,
            agent=agent,
            state=Session.STATE_OPEN,
        )
        session.open_time.FromJsonString("2026-11-23T15:00:00.123456Z")
        session.MergeFrom(Session(**changes))
        self.sessions.insert(0, session)
        return session

    async def StartSession(
        self, request: session_service_pb2.StartSessionRequest, context: Any
    ) -> session_service_pb2.StartSessionResponse:
        self._take(request)
        asked = session_service_pb2.StartSessionRequest()
        asked.CopyFrom(request)
        asked.ClearField("traceparent")
        before = self.started.get(request.request_id)
        if before and before[0] != asked:
            raise AlreadyExists(CANARY, reason="REQUEST_CONFLICT")
        if not before:
            session = self.open_session(request.agent, outbound=True)
            before = self.started[request.request_id] = (asked, (session.session_id, str(uuid.uuid4())))
        return session_service_pb2.StartSessionResponse(session_id=before[1][0], message_id=before[1][1])

    async def SendMessage(
        self, request: session_service_pb2.SendMessageRequest, context: Any
    ) -> session_service_pb2.SendMessageResponse:
        self._take(request)
        self._find(request.session_id)
        return session_service_pb2.SendMessageResponse(message_id=str(uuid.uuid4()))

    async def EndSession(
        self, request: session_service_pb2.EndSessionRequest, context: Any
    ) -> session_service_pb2.EndSessionResponse:
        self._take(request)
        session = self._find(request.session_id)
        session.state, session.end_reason = Session.STATE_ENDED, Session.END_REASON_ENDED_BY_REQUEST
        session.end_time.FromJsonString("2026-11-23T16:00:00Z")
        return session_service_pb2.EndSessionResponse(session=session)

    async def HandOffSession(
        self, request: session_service_pb2.HandOffSessionRequest, context: Any
    ) -> session_service_pb2.HandOffSessionResponse:
        self._take(request)
        session = self._find(request.session_id)
        session.state = Session.STATE_HANDED_OFF
        session.hand_off_destination, session.hand_off_reason = request.destination, request.reason
        return session_service_pb2.HandOffSessionResponse(session=session)

    async def ResumeSession(
        self, request: session_service_pb2.ResumeSessionRequest, context: Any
    ) -> session_service_pb2.ResumeSessionResponse:
        self._take(request)
        session = self._find(request.session_id)
        session.state = Session.STATE_OPEN
        return session_service_pb2.ResumeSessionResponse(session=session)

    async def GetSession(
        self, request: session_service_pb2.GetSessionRequest, context: Any
    ) -> session_service_pb2.GetSessionResponse:
        self._take(request)
        return session_service_pb2.GetSessionResponse(session=self._find(request.session_id))

    async def ListSessions(
        self, request: session_service_pb2.ListSessionsRequest, context: Any
    ) -> session_service_pb2.ListSessionsResponse:
        self._take(request)
        found = [
            session
            for session in self.sessions
            if request.participant in ("", session.participant) and request.endpoint in ("", session.endpoint)
        ]
        page, token = cut(found, request)
        return session_service_pb2.ListSessionsResponse(sessions=page, next_page_token=token)

    async def ListMessages(
        self, request: session_service_pb2.ListMessagesRequest, context: Any
    ) -> session_service_pb2.ListMessagesResponse:
        self._take(request)
        self._find(request.session_id)
        page, token = cut([m for m in self.messages if m.session_id == request.session_id], request)
        return session_service_pb2.ListMessagesResponse(messages=page, next_page_token=token)

    def _take(self, request: Protobuf) -> None:
        self.requests.append(request)
        if self.refuses_with:
            raise self.refuses_with

    def _find(self, session_id: str) -> Session:
        for session in self.sessions:
            if session.session_id == session_id:
                return session
        raise NotFound(CANARY, reason="SESSION_NOT_FOUND", field="session_id")


class DeadLetterPeer(dead_letter_service_pb2_grpc.DeadLetterServiceServicer):
    """`retried` and `dropped` hold the ids that were settled."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.letters: list[DeadLetter] = []
        self.retried: list[str] = []
        self.dropped: list[str] = []
        self.refuses_with: ParleyError | None = None

    def bury(self, agent: str = "shop", **changes: Any) -> DeadLetter:
        message = Message(message_id=str(uuid.uuid4()), session_id=str(uuid.uuid4()), **changes)
        message.create_time.FromJsonString("2026-11-23T15:00:00Z")
        letter = DeadLetter(message=message, endpoint=OUR_NUMBER, participant=THEIR_NUMBER, agent=agent)
        self.letters.insert(0, letter)
        return letter

    async def ListDeadLetters(
        self, request: dead_letter_service_pb2.ListDeadLettersRequest, context: Any
    ) -> dead_letter_service_pb2.ListDeadLettersResponse:
        page, token = cut(self.letters, request)
        return dead_letter_service_pb2.ListDeadLettersResponse(dead_letters=page, next_page_token=token)

    async def GetDeadLetter(
        self, request: dead_letter_service_pb2.GetDeadLetterRequest, context: Any
    ) -> dead_letter_service_pb2.GetDeadLetterResponse:
        return dead_letter_service_pb2.GetDeadLetterResponse(dead_letter=self._find(request.message_id))

    async def RetryDeadLetter(
        self, request: dead_letter_service_pb2.RetryDeadLetterRequest, context: Any
    ) -> dead_letter_service_pb2.RetryDeadLetterResponse:
        self.retried.append(self._find(request.message_id).message.message_id)
        return dead_letter_service_pb2.RetryDeadLetterResponse(message_id=str(uuid.uuid4()))

    async def DropDeadLetter(
        self, request: dead_letter_service_pb2.DropDeadLetterRequest, context: Any
    ) -> dead_letter_service_pb2.DropDeadLetterResponse:
        self.dropped.append(self._find(request.message_id).message.message_id)
        return dead_letter_service_pb2.DropDeadLetterResponse()

    def _find(self, message_id: str) -> DeadLetter:
        if self.refuses_with:
            raise self.refuses_with
        for letter in self.letters:
            if letter.message.message_id == message_id:
                return letter
        raise NotFound(CANARY, reason="DEAD_LETTER_NOT_FOUND", field="message_id")


class NumberPeer(number_service_pb2_grpc.NumberServiceServicer):
    def __init__(self) -> None:
        self.numbers: list[number_pb2.Number] = []

    async def ListNumbers(
        self, request: number_service_pb2.ListNumbersRequest, context: Any
    ) -> number_service_pb2.ListNumbersResponse:
        page, token = cut(self.numbers, request)
        return number_service_pb2.ListNumbersResponse(numbers=page, next_page_token=token)


@dataclass
class KeyPeer(key_service_pb2_grpc.KeyServiceServicer):
    """`known` holds what CheckKey answers for the text of a key."""

    known: dict[str, key_service_pb2.CheckKeyResponse] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)
    doors: Any = None

    def make(self, agents: Iterable[str] = (), scopes: Iterable[Any] = (Key.SCOPE_SEND, Key.SCOPE_READ)) -> str:
        key_id = str(uuid.uuid4())
        text = f"parley_{uuid.UUID(key_id).hex}_{'x' * 43}"
        self.known[text] = key_service_pb2.CheckKeyResponse(key_id=key_id, agents=agents, scopes=scopes)
        return text

    async def CheckKey(
        self, request: key_service_pb2.CheckKeyRequest, context: Any
    ) -> key_service_pb2.CheckKeyResponse:
        self.checked.append(request.text)
        await self.doors.enter(1, context)
        if request.text not in self.known:
            raise NotFound(CANARY, reason="KEY_NOT_FOUND")
        return self.known[request.text]


def number_peer() -> NumberPeer:
    return NumberPeer()  # type: ignore[abstract]  # the gateway makes no other call


def key_peer(doors: Any) -> KeyPeer:
    return KeyPeer(doors=doors)  # type: ignore[abstract]  # the gateway makes no other call


def cut(records: list[Record], request: Any) -> tuple[list[Record], str]:
    """A page of `records` and the token of the next; tokens are places in the list."""
    begin = int(request.page_token or 0)
    end = begin + (request.page_size or 50)
    return records[begin:end], str(end) if end < len(records) else ""
