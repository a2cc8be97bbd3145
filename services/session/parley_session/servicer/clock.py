"""ClockService: moves the clock of people's deadlines, where a test may."""

from __future__ import annotations

from typing import Any

import grpc

from parley.session.v1 import clock_service_pb2, clock_service_pb2_grpc
from parley_session import requests
from parley_session.errors import ClockFixed
from parley_session.ports import Clock

Context = grpc.aio.ServicerContext[Any, Any]


class ClockServicer(clock_service_pb2_grpc.ClockServiceServicer):
    """`clock` is None where it must not be moved."""

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock

    async def SkipTime(  # noqa: N802
        self, request: clock_service_pb2.SkipTimeRequest, context: Context
    ) -> clock_service_pb2.SkipTimeResponse:
        duration = requests.skip_duration(request)
        if self._clock is None:
            raise ClockFixed
        return clock_service_pb2.SkipTimeResponse(now=requests.timestamp(await self._clock.skip(duration)))
