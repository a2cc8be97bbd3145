"""One RunTurns stream to one agent server: frames out, outcomes in, opened again when it breaks.

Batches what has arrived: while one frame is written, the turns that come go into the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from parley.agent.v1 import agent_pb2

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE.value[0]
ABORTED = grpc.StatusCode.ABORTED.value[0]
DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED.value[0]
INTERNAL = grpc.StatusCode.INTERNAL.value[0]
GRACE = 1.0
"""Seconds by which we outwait the agent server, which keeps the deadline itself."""
CONNECT_TIMEOUT = 1.0
SUSPENSION = 2.0
"""Seconds for which a server whose stream broke is passed over while another is there."""
FRAME_TURNS = 100
FRAME_BYTES = 512 * 1024

Call = grpc.aio.StreamStreamCall[agent_pb2.RunTurnsRequest, agent_pb2.RunTurnsResponse]
Outcome = agent_pb2.TurnOutcome


class NoStream(Exception):
    """The server does not serve RunTurns."""


@dataclass(slots=True)
class _Pending:
    request: agent_pb2.RunTurnRequest = field(repr=False)
    future: asyncio.Future[Outcome]
    written: bool = False


class TurnStream:
    """Every turn given to `run` gets exactly one outcome: the server's, or an error that says what is known."""

    def __init__(self, channel: grpc.aio.Channel, open_call: Callable[[], Call]) -> None:
        self._channel = channel
        self._open_call = open_call
        self._waiting: deque[_Pending] = deque()
        self._pending: dict[tuple[str, int], _Pending] = {}
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._suspended_until = 0.0
        self._is_served = False
        """Whether an outcome ever came."""

    @property
    def up(self) -> bool:
        return time.monotonic() >= self._suspended_until

    async def run(self, request: agent_pb2.RunTurnRequest, timeout: float) -> Outcome:
        """The turn's outcome. Raises NoStream where the server has no such stream."""
        loop = asyncio.get_running_loop()
        key = (request.turn_id, request.fence)
        pending = self._pending[key] = _Pending(request, loop.create_future())
        self._waiting.append(pending)
        self._arrived.set()
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._serve(), name="turn_stream")
        timer = loop.call_later(timeout + GRACE, _resolve, pending, DEADLINE_EXCEEDED)
        try:
            return await pending.future
        finally:
            timer.cancel()
            if self._pending.get(key) is pending:
                del self._pending[key]

    async def drain(self) -> None:
        """Returns when every turn given to it has had its outcome."""
        while self._pending:
            await asyncio.wait([pending.future for pending in self._pending.values()])
            await asyncio.sleep(0)  # lets those who waited take it

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _serve(self) -> None:
        """Lives as long as one call does; the next turn opens another."""
        code = UNAVAILABLE
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self._channel.channel_ready()
            await self._exchange(self._open_call())
        except TimeoutError:
            pass
        except grpc.aio.AioRpcError as error:
            code = error.code().value[0]
            if code == INTERNAL and not self._is_served:
                # How a call that nobody serves ends now and then: its end overtakes the reason of it.
                code = UNIMPLEMENTED
        finally:
            self._suspended_until = time.monotonic() + SUSPENSION
            self._fail_pending(code)

    async def _exchange(self, call: Call) -> None:
        writer = asyncio.create_task(self._write(call), name="turn_stream_writer")
        try:
            async for frame in call:
                self._is_served = True
                for outcome in frame.outcomes:
                    pending = self._pending.get((outcome.turn_id, outcome.fence))
                    if pending and not pending.future.done():
                        pending.future.set_result(outcome)
        finally:
            writer.cancel()
            call.cancel()

    async def _write(self, call: Call) -> None:
        # A failed write needs no handling here: the reader meets the same end and tells everybody.
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while frame := self._next_frame():
                    for pending in frame:
                        pending.written = True
                    await call.write(agent_pb2.RunTurnsRequest(turns=[pending.request for pending in frame]))

    def _next_frame(self) -> list[_Pending]:
        """The waiting turns that somebody still waits for: as many as a frame may hold, but one at the least."""
        frame: list[_Pending] = []
        size = 0
        while self._waiting and len(frame) < FRAME_TURNS:
            pending = self._waiting[0]
            if not pending.future.done():
                size += pending.request.ByteSize()
                if frame and size > FRAME_BYTES:
                    break
                frame.append(pending)
            self._waiting.popleft()
        return frame

    def _fail_pending(self, code: int) -> None:
        """A turn that was written may have reached the agent: that is an attempt. One that still waited is none."""
        self._waiting.clear()
        for pending in self._pending.values():
            if code == UNIMPLEMENTED and not pending.future.done():
                pending.future.set_exception(NoStream())
            else:
                _resolve(pending, ABORTED if pending.written else UNAVAILABLE)


def _resolve(pending: _Pending, code: int) -> None:
    if not pending.future.done():
        pending.future.set_result(Outcome(error=agent_pb2.TurnError(code=code)))
