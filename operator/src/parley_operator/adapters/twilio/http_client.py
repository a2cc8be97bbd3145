"""The twilio library's HTTP client over one aiohttp session: short limits, no repeats, no log of what is sent."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import urlencode

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response


class HttpClient(AsyncHttpClient):  # type: ignore[misc]
    """Raises what aiohttp raises."""

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
            uri = f"{uri}?{urlencode(params)}"
        body = urlencode(data).encode() if data else None
        async with self._session.request(method, uri, data=body, headers=sent, allow_redirects=False) as answer:
            content = await answer.read()
            return Response(answer.status, content.decode("utf-8", "replace"), answer.headers)
