"""A TCP proxy between two parts of the rig whose connections can be cut, slowed down and made to hang half open.

What it takes from one side it delivers in order or never: nothing arrives later than the delay that was asked for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Connect = Callable[[Callable[[], asyncio.Protocol]], Awaitable[tuple[Any, asyncio.Protocol]]]


def to_port(address: str) -> Connect:
    """Where `host:port` listens."""
    host, _, port = address.rpartition(":")
    return lambda factory: asyncio.get_running_loop().create_connection(factory, host, int(port))


def to_socket(path: str) -> Connect:
    """Where a Unix socket listens."""
    return lambda factory: asyncio.get_running_loop().create_unix_connection(factory, path)


class _Side(asyncio.Protocol):
    """One end of a carried connection; `other` is the far one."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.other: _Side | None = None
        self.transport: Any = None
        self._early: list[bytes] = []
        self._queue: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.link.sides.add(self)

    def data_received(self, data: bytes) -> None:
        if self.link.hole:
            # What a black hole has taken is gone: the connection must not go on as if nothing were missing.
            self.link.spoil(self)
        elif self.other is None:
            self._early.append(data)
        else:
            self.other.deliver(data)

    def join(self, other: _Side) -> None:
        """From now on what comes here goes there, what has come already first."""
        self.other = other
        for data in self._early:
            other.deliver(data)
        self._early.clear()

    def deliver(self, data: bytes) -> None:
        if not self.link.delay and not self._queue:
            self.transport.write(data)
            return
        loop = asyncio.get_running_loop()
        self._queue.append((loop.time() + self.link.delay, data))
        if self._timer is None:
            self._timer = loop.call_at(self._queue[0][0], self._flush)

    def _flush(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._queue and self._queue[0][0] <= loop.time() + 0.0005:
            self.transport.write(self._queue.popleft()[1])
        if self._queue:
            self._timer = loop.call_at(self._queue[0][0], self._flush)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.link.sides.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self.other is not None and self.other.transport is not None:
            self.other.transport.abort() if error else self.other.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class _Near(_Side):
    """The end towards whoever connects; finds the far one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.link.start(self._reach())

    async def _reach(self) -> None:
        far = await self.link.connect_far()
        if far is None:
            self.abort()
            return
        if self.transport.is_closing():
            far.abort()
            return
        far.join(self)
        self.join(far)


class Link:
    """A listening port whose connections go on to the first of `upstreams` that takes them, in turns."""

    def __init__(self, name: str, upstreams: Sequence[Connect]) -> None:
        self.name = name
        self.address = ""
        self.hole = False
        self.delay = 0.0
        self.sides: set[_Side] = set()
        self._upstreams = list(upstreams)
        self._spoilt: set[_Side] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> str:
        """Listens; returns `host:port`."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Near(self), "127.0.0.1", 0, backlog=512)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"
        return self.address

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> int:
        """Resets every connection; how many there were."""
        sides = list(self.sides)
        for side in sides:
            side.abort()
        return len(sides) // 2

    def open_hole(self) -> None:
        """From now on nothing passes, and nobody is told."""
        self.hole = True

    def close_hole(self) -> None:
        """Resets the connections that lost something; the others never knew."""
        self.hole = False
        for side in self._spoilt:
            side.abort()
        self._spoilt.clear()

    def spoil(self, side: _Side) -> None:
        self._spoilt.add(side)

    def start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def connect_far(self) -> _Side | None:
        self._turn += 1
        for n in range(len(self._upstreams)):
            connect = self._upstreams[(self._turn + n) % len(self._upstreams)]
            try:
                _, side = await connect(lambda: _Side(self))
            except OSError:
                continue
            assert isinstance(side, _Side)
            return side
        return None
