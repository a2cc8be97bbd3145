"""A watcher as a caller has it: what it was told, in order, and what it makes of that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc

from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc

Told = session_service_pb2.WatchSessionResponse
Stub: TypeAlias = "session_service_pb2_grpc.SessionServiceAsyncStub"
LIMIT = 60.0


@dataclass
class Watcher:
    """`told` is everything; `session` and `messages` (by id) are the last of each."""

    sessions: Stub
    session_id: str
    cursor: str = ""
    metadata: Sequence[tuple[str, str]] = ()
    told: list[Told] = field(default_factory=list)
    session: session_pb2.Session = field(default_factory=session_pb2.Session)
    messages: dict[str, session_pb2.Message] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def watch(self) -> None:
        """Until the stream ends; raises AioRpcError when it fails."""
        request = session_service_pb2.WatchSessionRequest(session_id=self.session_id, cursor=self.cursor)
        async for response in self.sessions.WatchSession(request, metadata=self.metadata):
            async with self.news:
                self.take(response)
                self.news.notify_all()

    def take(self, response: Told) -> None:
        self.told.append(response)
        self.cursor = response.cursor
        if response.HasField("session"):
            self.session = response.session
        else:
            self.messages[response.message.message_id] = response.message

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.transcript]

    @property
    def transcript(self) -> list[session_pb2.Message]:
        """The session's messages in their order, as far as was told."""
        ours = [message for message in self.messages.values() if message.session_id == self.session_id]
        return sorted(ours, key=lambda message: message.position)

    @property
    def states(self) -> list[int]:
        return [message.delivery_state for message in self.transcript]

    async def until(self, condition: Callable[[Watcher], object], timeout: float = LIMIT) -> None:
        async with asyncio.timeout(timeout), self.news:
            await self.news.wait_for(lambda: condition(self))


@asynccontextmanager
async def watching(sessions: Stub, session_id: str, cursor: str = "") -> AsyncIterator[Watcher]:
    """A watcher at work; what ends its stream badly is raised at the end."""
    watcher = Watcher(sessions, session_id, cursor)
    task = asyncio.create_task(watcher.watch())
    try:
        yield watcher
    finally:
        task.cancel()
        with_error = (await asyncio.gather(task, return_exceptions=True))[0]
    if isinstance(with_error, Exception):
        raise with_error


async def ended(sessions: Stub, session_id: str, cursor: str = "") -> Watcher:
    """A watcher whose stream has ended with OK."""
    watcher = Watcher(sessions, session_id, cursor)
    async with asyncio.timeout(LIMIT):
        await watcher.watch()
    return watcher


async def status_of(call: Any) -> tuple[grpc.StatusCode, str]:
    """How a stream that must fail did."""
    try:
        async with asyncio.timeout(LIMIT):
            async for _ in call:
                pass
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError("the stream ended with OK")
