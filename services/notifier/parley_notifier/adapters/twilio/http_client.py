"""The twilio library's HTTP client over one aiohttp session: short limits, no repeats, no log of what is sent."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
# What each byte of a value is written as in a form. urllib does the same in four times the time, for every text.
FORM_BYTES = tuple("+" if byte == 0x20 else chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in range(256))


class TooLate(Exception):
    """Nothing of the request has left, and nothing will."""


class TimelyBody(aiohttp.BytesPayload):
    """A body that does not leave after the moment `until` of the process's own clock.

    aiohttp writes it, and the head with it, some turns of the event loop after it was given the request: a process that
    is frozen meanwhile would write when it thaws.
    """

    def __init__(self, body: bytes, until: float) -> None:
        super().__init__(body)
        self.is_late = False
        self._until = until

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self.is_late = self._has_passed()
        if self.is_late:
            raise TooLate
        await super().write_with_length(writer, content_length)

    def _has_passed(self) -> bool:
        return time.monotonic() > self._until


class HttpClient(AsyncHttpClient):  # type: ignore[misc]
    """Raises what aiohttp raises, and TooLate. Answers carry their headers."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__(logging.getLogger(__name__), True)
        self._session = session

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """`timeout` is in how many seconds `data` has to be on its way: what leaves later could not be told of."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        sent = headers or {}
        if auth is not None:
            sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
        if params:
            uri = f"{uri}?{form_encoded(params)}"
        body = TimelyBody(form_encoded(data).encode(), until) if data else None
        try:
            async with self._session.request(method, uri, data=body, headers=sent, allow_redirects=False) as answer:
                content = await answer.read()
                return Response(answer.status, content.decode("utf-8", "replace"), answer.headers)
        except aiohttp.ClientConnectionError:
            if body is not None and body.is_late:
                raise TooLate from None
            raise


def form_encoded(fields: Mapping[str, object]) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(str(value))}" for name, value in fields.items())


def _encoded(value: str) -> str:
    return "".join([FORM_BYTES[byte] for byte in value.encode("utf-8", "replace")])
