"""The standard health service: a process serves, then it stops.

Knows no more than that: a service that cannot do its work says so by the answers it gives.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

SERVICE = "grpc.health.v1.Health"

Request = health_pb2.HealthCheckRequest
Response = health_pb2.HealthCheckResponse
SERVING = Response(status=Response.SERVING)
NOT_SERVING = Response(status=Response.NOT_SERVING)
UNKNOWN = Response(status=Response.SERVICE_UNKNOWN)


class Health(health_pb2_grpc.HealthServicer):
    """Says SERVING for `services` and for the process as a whole, NOT_SERVING from `stop` on.

    The library's own servicer never ends a Watch, so that a stop would wait for its watchers until it ran out of time.
    """

    def __init__(self, services: Sequence[str]) -> None:
        self._services = {"", *services}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Tells everyone, and ends every Watch."""
        self._stopping.set()

    async def Check(self, request: Request, context: Context) -> Response:  # noqa: N802
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no service of that name is served here")
        return NOT_SERVING if self._stopping.is_set() else SERVING

    async def Watch(self, request: Request, context: Context) -> AsyncIterator[Response]:  # noqa: N802
        if request.service not in self._services:
            yield UNKNOWN
        elif not self._stopping.is_set():
            yield SERVING
        await self._stopping.wait()
        yield NOT_SERVING
