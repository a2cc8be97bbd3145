"""The services behind the gateway, played by real gRPC servers that remember what they were told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc

from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley.session.v1 import (
    dead_letter_service_pb2_grpc,
    key_service_pb2_grpc,
    number_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings
from tests.integration.gateway.api_peers import OUR_NUMBER, SessionApiPeer, key_peer

DEVELOPMENT = ProcessSettings(insecure_dev=True)
RESULT = session_pb2.ReceiveResult
Outcome: TypeAlias = session_pb2.ReceiveResult.Outcome.ValueType


class Doors:
    """A service that can be held up: calls wait while it is shut."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.called = asyncio.Event()
        self.batches: list[int] = []
        self.fails_with: grpc.StatusCode | None = None

    async def enter(self, count: int, context: Any) -> None:
        self.batches.append(count)
        self.called.set()
        await self.open.wait()
        if self.fails_with:
            await context.abort(self.fails_with, "the canary of the peer")


class SessionPeer(SessionApiPeer):
    """Stores texts to OUR_NUMBER, each once."""

    def __init__(self) -> None:
        super().__init__()
        self.doors = Doors()
        self.keys = key_peer(Doors())
        self.received: list[session_pb2.InboundMessage] = []
        self.outcome: Outcome | None = None
        self.chokes_on = ""
        """The source id of a text over which a whole call fails."""

    async def ReceiveMessages(
        self, request: session_service_pb2.ReceiveMessagesRequest, context: Any
    ) -> session_service_pb2.ReceiveMessagesResponse:
        await self.doors.enter(len(request.messages), context)
        if any(message.source_id == self.chokes_on for message in request.messages):
            await context.abort(grpc.StatusCode.INTERNAL, "internal error")
        results = [RESULT(outcome=self._store(message)) for message in request.messages]
        return session_service_pb2.ReceiveMessagesResponse(results=results)

    def _store(self, message: session_pb2.InboundMessage) -> Outcome:
        if self.outcome is not None:
            self.received.append(message)
            return self.outcome
        if message.endpoint != OUR_NUMBER:
            return RESULT.OUTCOME_UNKNOWN_NUMBER
        if any(message.source_id == known.source_id for known in self.received):
            return RESULT.OUTCOME_DUPLICATE
        self.received.append(message)
        return RESULT.OUTCOME_ACCEPTED


class NotifierPeer(notifier_service_pb2_grpc.NotifierServiceServicer):
    def __init__(self) -> None:
        self.doors = Doors()
        self.reports: list[notifier_pb2.DeliveryReport] = []

    async def ReportDeliveries(
        self, request: notifier_pb2.ReportDeliveriesRequest, context: Any
    ) -> notifier_pb2.ReportDeliveriesResponse:
        await self.doors.enter(len(request.reports), context)
        self.reports += request.reports
        return notifier_pb2.ReportDeliveriesResponse()


def session_peer() -> SessionPeer:
    return SessionPeer()  # type: ignore[abstract]  # the gateway makes no other call


def notifier_peer() -> NotifierPeer:
    return NotifierPeer()  # type: ignore[abstract]  # the gateway makes no other call


@asynccontextmanager
async def serving(peer: SessionPeer | NotifierPeer, listen: str = "127.0.0.1:0") -> AsyncIterator[str]:
    def add(server: grpc.aio.Server) -> list[str]:
        if isinstance(peer, SessionPeer):
            session_service_pb2_grpc.add_SessionServiceServicer_to_server(peer, server)
            number_service_pb2_grpc.add_NumberServiceServicer_to_server(peer.numbers, server)
            dead_letter_service_pb2_grpc.add_DeadLetterServiceServicer_to_server(peer.dead_letters, server)
            key_service_pb2_grpc.add_KeyServiceServicer_to_server(peer.keys, server)
            return ["parley.session.v1.SessionService"]
        notifier_service_pb2_grpc.add_NotifierServiceServicer_to_server(peer, server)
        return ["parley.notifier.v1.NotifierService"]

    async with grpc_server(listen, DEVELOPMENT, add) as address:
        try:
            yield address
        finally:
            # Nobody is kept waiting by a server that stops.
            peer.doors.open.set()
            if isinstance(peer, SessionPeer):
                peer.keys.doors.open.set()


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Takes connections and never says a word, as a frozen process does. Yields `host:port`."""
    connections: list[asyncio.BaseTransport] = []

    class Silent(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connections.append(transport)

    server = await asyncio.get_running_loop().create_server(Silent, "127.0.0.1", 0)
    try:
        yield address_of(server)
    finally:
        for connection in connections:
            connection.close()
        server.close()
        await server.wait_closed()


async def vacant_address() -> str:
    """Where nobody listens."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    address = address_of(server)
    server.close()
    await server.wait_closed()
    return address


def address_of(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"{host}:{port}"
