"""What stands around a notifier in these tests: a session service that writes down what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings

DeliveryState = session_pb2.DeliveryState


class SessionPeer(session_service_pb2_grpc.SessionServiceServicer):  # the other calls answer UNIMPLEMENTED
    """Takes records, or refuses them with `refusal` while it is set."""

    def __init__(self) -> None:
        self.address = ""
        self.records: list[session_pb2.DeliveryRecord] = []
        self.refusal: grpc.StatusCode | None = None
        self.refused_messages: set[str] = set()
        self.refusals = 0
        self._changed = asyncio.Condition()

    async def RecordDeliveries(
        self, request: session_service_pb2.RecordDeliveriesRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> session_service_pb2.RecordDeliveriesResponse:
        async with self._changed:
            bad = any(record.message_id in self.refused_messages for record in request.records)
            refusal = self.refusal or (grpc.StatusCode.INVALID_ARGUMENT if bad else None)
            if refusal is None:
                self.records += request.records
            else:
                self.refusals += 1
            self._changed.notify_all()
        if refusal is not None:
            await context.abort(refusal, "not now")
        return session_service_pb2.RecordDeliveriesResponse()

    def states(self, message_id: str) -> list[str]:
        """What was told of the message, in order, repeats left out."""
        told = [_name(record.state) for record in self.records if record.message_id == message_id]
        return [state for index, state in enumerate(told) if index == 0 or state != told[index - 1]]

    def last(self, message_id: str) -> session_pb2.DeliveryRecord:
        return next(record for record in reversed(self.records) if record.message_id == message_id)

    async def wait_for(self, state: str, *message_ids: str, timeout: float = 10.0) -> None:
        """Returns when each of the messages has been told to be in `state`."""
        await self.wait_until(lambda: all(state in self.states(message_id) for message_id in message_ids), timeout)

    async def wait_until(self, check: Callable[[], bool], timeout: float = 10.0) -> None:
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(check)


def _name(state: int) -> str:
    return DeliveryState.Name(state).removeprefix("DELIVERY_STATE_")  # type: ignore[arg-type]


@asynccontextmanager
async def session_peer(process: ProcessSettings, listen: str = "127.0.0.1:0") -> AsyncIterator[SessionPeer]:
    peer = SessionPeer()  # type: ignore[abstract]

    def add(server: grpc.aio.Server) -> list[str]:
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(peer, server)
        return [session_service_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name]

    async with grpc_server(listen, process, add) as peer.address:
        yield peer
