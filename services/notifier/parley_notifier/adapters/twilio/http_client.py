"""The twilio library's HTTP client over one aiohttp session: short limits, no repeats, no log of what is sent."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
# What each byte of a value is written as in a form. urllib does the same in four times the time, for every text.
FORM_BYTES = tuple("+" if byte == 0x20 else chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in range(256))


class HttpClient(AsyncHttpClient):  # type: ignore[misc]
    """Raises what aiohttp raises. Answers carry their headers."""

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
        sent = headers or {}
        if auth is not None:
            sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
        if params:
            uri = f"{uri}?{form_encoded(params)}"
        body = form_encoded(data).encode() if data else None
        async with self._session.request(method, uri, data=body, headers=sent, allow_redirects=False) as answer:
            content = await answer.read()
            return Response(answer.status, content.decode("utf-8", "replace"), answer.headers)


def form_encoded(fields: Mapping[str, object]) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(str(value))}" for name, value in fields.items())


def _encoded(value: str) -> str:
    return "".join([FORM_BYTES[byte] for byte in value.encode("utf-8", "replace")])
