"""A small HTTP/1.1 client and server on raw asyncio: what the load costs must not hide what the services cost.

Knows only what the bench sends and gets: bodies with Content-Length, connections kept open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

HEAD_END = b"\r\n\r\n"


def content_length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None]) if at >= 0 else 0


class _Messages(asyncio.Protocol):
    """Cuts what arrives into (head, body) pairs."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(HEAD_END)) >= 0:
            head = bytes(self._buffer[:end])
            size = end + 4 + content_length(head)
            if len(self._buffer) < size:
                return
            body = bytes(self._buffer[end + 4 : size])
            del self._buffer[:size]
            self.message(head, body)

    def message(self, head: bytes, body: bytes) -> None:
        raise AssertionError("a subclass reads the message")


class _ClientConnection(_Messages):
    def __init__(self, released: Callable[[_ClientConnection], None]) -> None:
        super().__init__()
        self._released = released
        self._answer: asyncio.Future[int] | None = None

    def request(self, data: bytes) -> asyncio.Future[int]:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(data)
        return self._answer

    def message(self, head: bytes, body: bytes) -> None:
        answer, self._answer = self._answer, None
        if answer and not answer.done():
            answer.set_result(int(head[9:12]))
        self._released(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(0)


class Client:
    """Posts to one address over as many connections as there are requests under way."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._free: deque[_ClientConnection] = deque()

    async def post(self, path: str, headers: str, body: bytes) -> int:
        """The answer's status; 0 where the connection broke."""
        while self._free and self._free[-1].transport.is_closing():
            self._free.pop()
        if self._free:
            connection = self._free.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(lambda: _ClientConnection(self._free.append), *self._address)
        host, port = self._address
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        return await connection.request(head.encode() + body)

    def close(self) -> None:
        for connection in self._free:
            connection.transport.close()


class _ServerConnection(_Messages):
    def __init__(self, answer: Callable[[bytes, bytes], bytes]) -> None:
        super().__init__()
        self._answer = answer

    def message(self, head: bytes, body: bytes) -> None:
        self.transport.write(self._answer(head, body))


async def serve(answer: Callable[[bytes, bytes], bytes]) -> tuple[asyncio.Server, int]:
    """Serves on a free loopback port; `answer` turns a request's head and body into a whole response."""
    server = await asyncio.get_running_loop().create_server(lambda: _ServerConnection(answer), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]
