"""A worker as the service sees it: a connection that takes one call and brings one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from parley_agent.domain.turn import Ran, Turn
from parley_agent.sandbox.frames import HEADER

MAX_ANSWER = 1024 * 1024


@dataclass(slots=True, eq=False)
class Call:
    """A turn on its way: waiting for a worker, or in one."""

    number: int
    """Comes back with the answer, so that no answer is taken for another turn's."""
    turn: Turn
    frame: bytes = field(repr=False)
    deadline: float
    """On the loop's clock."""
    future: asyncio.Future[Ran]
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True)
class WorkerEvents:
    ready: Callable[[Worker], None]
    answered: Callable[[Worker, bytes], None]
    gone: Callable[[Worker], None]
    """The connection has ended, or what came over it was no answer."""


class Worker(asyncio.Protocol):
    """`call` is the turn that the worker runs, or None."""

    def __init__(self, number: int, events: WorkerEvents) -> None:
        self.number = number
        self.call: Call | None = None
        self.calls = 0
        self._events = events
        self._unread = b""
        self._transport: asyncio.Transport | None = None

    def begin(self, call: Call) -> None:
        assert self._transport is not None
        self.call = call
        self.calls += 1
        self._transport.write(call.frame)

    def leave(self) -> None:
        """Closes the connection: an idle worker ends by itself, a busy one when it answers."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._events.ready(self)

    def data_received(self, data: bytes) -> None:
        data = self._unread + data if self._unread else data
        if len(data) < HEADER.size:
            self._unread = data
            return
        length = HEADER.unpack_from(data)[0]
        missing = HEADER.size + length - len(data)
        if self.call is None or length > MAX_ANSWER or missing < 0:
            self._events.gone(self)
        elif missing:
            self._unread = data
        else:
            self._unread = b""
            self._events.answered(self, data[HEADER.size :])

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._events.gone(self)
