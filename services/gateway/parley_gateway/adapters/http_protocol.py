"""uvicorn's HTTP protocol with the bounds that it lacks: the size of a request's head, and the time for a request to
arrive.

A refusal reaches its sender even while that one is still writing: the connection is half closed and what comes is
thrown away for a moment, because closing it with unread bytes would reset it and lose the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

LINGER = 1.0
"""Seconds for which a refused sender may go on writing."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """`head` is in bytes (request line and headers).

    `arrival` is in seconds from a request's first byte to its last, `idle` in those without a request.
    """

    head: int
    arrival: float
    idle: float


class HeadTooLarge(Exception):
    """Stops the parser; never leaves this module."""


def _refusal(status: int, body: bytes) -> bytes:
    return b"%scontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (
        STATUS_LINE[status],
        len(body),
        body,
    )


NOT_HTTP = _refusal(400, b"the request is not HTTP")
TOO_SLOW = _refusal(408, b"the request did not arrive in time")
HEAD_TOO_LARGE = _refusal(431, b"the headers are too large")


class BoundedProtocol(HttpToolsProtocol):
    def __init__(self, *args: Any, limits: RequestLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._deadline: asyncio.TimerHandle | None = None
        self._receiving = False
        self._in_head = False
        self._head = 0
        self._chunk = 0
        self._deaf = False
        self._unreadable = NOT_HTTP

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        lingering = LingeringTransport(transport, self.loop, lambda: self._receiving)
        super().connection_made(cast("asyncio.Transport", lingering))
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._receiving = False
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf or self.transport.is_closing():
            return
        self._chunk = len(data)
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > self._limits.head:
                self._refuse(HEAD_TOO_LARGE)
        if self._deadline is None and (self._receiving or not self._is_answering()):
            self._set_deadline()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._receiving = self._in_head = True
        self._head = 0
        self._clear_deadline()

    def on_headers_complete(self) -> None:
        if self._head + self._chunk > self._limits.head and self._head_size() > self._limits.head:
            self._unreadable = HEAD_TOO_LARGE
            raise HeadTooLarge
        super().on_headers_complete()
        self._in_head = False
        if self.parser.should_upgrade():
            # What follows would be of another protocol, which is not spoken here.
            self.cycle.keep_alive = False
            self._deaf = True

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._receiving = False
        self._clear_deadline()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser gives up."""
        self._refuse(self._unreadable)

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, answer: bytes) -> None:
        """Answers the request that is arriving, unless it has been answered, and ends the connection."""
        has_head = self._receiving and not self._in_head
        if self._is_answering() and not has_head:
            # The request before it still gets its answer, and is the last one here.
            self.cycle.keep_alive = False
            self._deaf = True
            return
        if self._is_answering() or not has_head:
            self.transport.write(answer)
        self.transport.close()

    def _set_deadline(self) -> None:
        seconds = self._limits.arrival if self._receiving else self._limits.idle
        self._deadline = self.loop.call_later(seconds, self._out_of_time)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _out_of_time(self) -> None:
        self._deadline = None
        if self.pipeline:
            # It is not the sender that keeps this request waiting: reading was paused.
            self._set_deadline()
        elif self._receiving:
            self._refuse(TOO_SLOW)
        elif not self._is_answering():
            self.transport.close()


class LingeringTransport:
    """A transport whose `close` first lets the sender of an unfinished request read the answer.

    What is written in one turn of the loop goes out together: an answer's head and body are one packet.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, is_unfinished: Callable[[], bool]
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._is_unfinished = is_unfinished
        self._closing = False
        self._written: list[bytes] = []

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        if self._closing:
            return
        if not self._written:
            self._loop.call_soon(self._flush)
        self._written.append(data)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self._closing = True
        self._flush()
        if self._is_unfinished() and self._transport.can_write_eof():
            self._transport.write_eof()
            self._transport.resume_reading()
            self._loop.call_later(LINGER, self._transport.close)
        else:
            self._transport.close()

    def _flush(self) -> None:
        written, self._written = self._written, []
        if written and not self._transport.is_closing():
            self._transport.write(b"".join(written))
