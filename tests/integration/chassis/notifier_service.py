"""A server of NotifierService whose method does what a test says, for tests of the chassis over real gRPC."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley_chassis.grpc_channel import call_metadata, open_channel
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings

SERVICE = "parley.notifier.v1.NotifierService"
REQUEST = notifier_pb2.SubmitRequest()
DEADLINE = 5.0
DEVELOPMENT = ProcessSettings(insecure_dev=True)

Act = Callable[[notifier_pb2.SubmitRequest, Any], Awaitable[None]]


class Notifier(notifier_service_pb2_grpc.NotifierServiceServicer):
    """Answers when `act` has returned."""

    def __init__(self, act: Act | None = None) -> None:
        self.act = act
        self.calls = 0

    async def Submit(self, request: notifier_pb2.SubmitRequest, context: Any) -> notifier_pb2.SubmitResponse:
        self.calls += 1
        if self.act is not None:
            await self.act(request, context)
        return notifier_pb2.SubmitResponse()

    async def ReportDeliveries(
        self, request: notifier_pb2.ReportDeliveriesRequest, context: Any
    ) -> notifier_pb2.ReportDeliveriesResponse:
        return notifier_pb2.ReportDeliveriesResponse()

    def add(self, server: grpc.aio.Server) -> Sequence[str]:
        notifier_service_pb2_grpc.add_NotifierServiceServicer_to_server(self, server)
        return [SERVICE]


@asynccontextmanager
async def serving(
    notifier: Notifier | None = None, process: ProcessSettings = DEVELOPMENT, listen: str = "127.0.0.1:0"
) -> AsyncIterator[str]:
    """Yields the address of a server of `notifier`."""
    async with grpc_server(listen, process, (notifier or Notifier()).add) as address:
        yield address


async def submit(
    address: str, process: ProcessSettings = DEVELOPMENT, *, metadata: Sequence[tuple[str, str]] | None = None
) -> None:
    """Calls Submit over a channel of its own, with the key of `process` or with `metadata`."""
    async with open_channel(address, process) as channel:
        stub = notifier_service_pb2_grpc.NotifierServiceStub(channel)
        sent = call_metadata(process) if metadata is None else tuple(metadata)
        await stub.Submit(REQUEST, timeout=DEADLINE, metadata=sent)


async def status_of(call: Awaitable[Any]) -> grpc.StatusCode:
    """How a call ends."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
