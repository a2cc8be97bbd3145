"""Following sessions: told once, in order, across streams that break, against a session service that does as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc
from parley_chassis.errors import NotFound, Unavailable
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings
from parley_cli.stack.session_api import ApiAway, ApiError, Session, SessionApi, session_api
from parley_cli.stack.stack_file import NoStack
from parley_cli.transcript.follow import Change, Connect, follow, follow_all

Response = session_service_pb2.WatchSessionResponse
OPEN, ENDED = session_pb2.Session.STATE_OPEN, session_pb2.Session.STATE_ENDED


@dataclass
class ScriptedSessions(session_service_pb2_grpc.SessionServiceServicer):
    """Tells each stream the next of `streams`; one that does not end with END breaks off."""

    streams: list[list[str]] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    looks: int = 0

    async def WatchSession(self, request: Any, context: Any) -> AsyncIterator[Response]:
        self.cursors.append(request.cursor)
        if not self.streams:
            raise NotFound("there is no such session")
        for text in self.streams.pop(0):
            if text == "END":
                return
            message = session_pb2.Message(message_id=text, session_id=request.session_id, text=text)
            yield Response(message=message, cursor=f"behind {text}")
        raise Unavailable("stopping")

    async def ListSessions(self, request: Any, context: Any) -> Any:
        self.looks += 1
        return session_service_pb2.ListSessionsResponse(sessions=self.sessions)


@pytest.fixture
async def service() -> ScriptedSessions:
    return ScriptedSessions()  # type: ignore[abstract]


@pytest.fixture
async def connect(service: ScriptedSessions) -> AsyncIterator[Connect]:
    def add(server: grpc.aio.Server) -> list[str]:
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(service, server)
        return []

    async with grpc_server("127.0.0.1:0", ProcessSettings(insecure_dev=True), add) as address:

        def reached() -> AbstractAsyncContextManager[SessionApi]:
            return session_api(address, "")

        yield reached


def texts(changes: list[Change]) -> list[str]:
    return [change.text for change in changes if not isinstance(change, Session)]


async def test_a_stream_that_breaks_is_continued_behind_what_was_told(
    service: ScriptedSessions, connect: Connect
) -> None:
    service.streams = [["a", "b"], [], ["c", "END"]]
    assert texts([change async for change in follow(connect, "one")]) == ["a", "b", "c"]
    assert service.cursors == ["", "behind b", "behind b"]


async def test_a_stack_that_is_gone_for_a_moment_is_found_again(service: ScriptedSessions, connect: Connect) -> None:
    service.streams = [["a"], ["b", "END"]]
    looks = 0

    def found_again() -> AbstractAsyncContextManager[SessionApi]:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise NoStack
        return connect()

    assert texts([change async for change in follow(found_again, "one")]) == ["a", "b"]


async def test_a_stack_that_stays_away_is_given_up(service: ScriptedSessions, connect: Connect) -> None:
    service.streams = [[] for _ in range(100)]
    with pytest.raises(ApiAway):
        await anext(follow(connect, "one", patience=0.3))


async def test_a_session_that_is_not_known_is_said_at_once(connect: Connect) -> None:
    with pytest.raises(ApiError, match="no such session"):
        await anext(follow(connect, "one"))


async def test_all_that_is_open_or_opens_is_followed(service: ScriptedSessions, connect: Connect) -> None:
    newest, older = Session(session_id="newest", state=OPEN), Session(session_id="older", state=OPEN)
    service.sessions, service.streams = [newest, older], [["a", "END"], ["b", "END"]]
    async with asyncio.timeout(10), aclosing(follow_all(connect)) as changes:
        session_id, change = await anext(changes)
        assert (session_id, texts([change])) == ("newest", ["a"])
        service.sessions = [Session(session_id="fresh", state=OPEN), newest, older]
        session_id, change = await anext(changes)
        assert (session_id, texts([change])) == ("fresh", ["b"])


async def test_sessions_that_had_ended_are_left_alone(service: ScriptedSessions, connect: Connect) -> None:
    ended = Session(session_id="ended", state=ENDED)
    service.sessions, service.streams = [ended], [["a", "END"]]
    async with asyncio.timeout(10), aclosing(follow_all(connect)) as changes:
        first = asyncio.ensure_future(anext(changes))
        while not service.looks:
            await asyncio.sleep(0.02)
        service.sessions = [Session(session_id="fresh", state=OPEN), ended]
        assert (await first)[0] == "fresh"


async def test_what_goes_wrong_in_one_session_ends_it_with_that_error(
    service: ScriptedSessions, connect: Connect
) -> None:
    service.sessions = [Session(session_id="lost", state=OPEN)]
    with pytest.raises(ApiError, match="no such session"):
        await anext(follow_all(connect))
