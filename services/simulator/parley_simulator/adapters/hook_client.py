"""Sends a webhook's requests over aiohttp and says what became of each. Never speaks to twilio.com."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from parley_simulator.domain.answers import MAX_BYTES
from parley_simulator.domain.hooks import Attempt, Failure, judge_status
from parley_simulator.ports import HookRequest

MAX_REDIRECTS = 10
# The first that fits decides: subclasses stand before their bases.
FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (aiohttp.ConnectionTimeoutError, Failure.CONNECT),
    (aiohttp.ClientConnectorDNSError, Failure.HOST),
    (aiohttp.ClientConnectorCertificateError, Failure.TLS),
    (aiohttp.ClientSSLError, Failure.TLS),
    (aiohttp.ClientConnectorError, Failure.CONNECT),
    (aiohttp.TooManyRedirects, Failure.REDIRECTS),
    (aiohttp.InvalidURL, Failure.URL),
    (TimeoutError, Failure.READ),
    (aiohttp.ClientError, Failure.RESET),
    (OSError, Failure.RESET),
    (ValueError, Failure.URL),
)


class AiohttpHookClient:
    def __init__(self, session: aiohttp.ClientSession, at_once: int) -> None:
        self._session = session
        self._free = asyncio.Semaphore(at_once)

    async def send(self, request: HookRequest) -> Attempt:
        """An URL with user and password is first asked without, and once more with them after a 401."""
        async with self._free:
            attempt = await self._send(request, request.headers)
            if attempt.status == 401 and request.credentials is not None:
                authorization = aiohttp.encode_basic_auth(*request.credentials)
                attempt = await self._send(request, {**request.headers, "Authorization": authorization})
            return attempt

    async def _send(self, request: HookRequest, headers: dict[str, str]) -> Attempt:
        status: int | None = None
        try:
            url = URL(request.url, encoded=request.url.isascii())
            if f".{url.host}".endswith(".twilio.com"):
                return Attempt(failure=Failure.HOST)
            async with self._session.request(
                request.method,
                url,
                data=request.body,
                headers=headers,
                max_redirects=MAX_REDIRECTS,
                timeout=aiohttp.ClientTimeout(
                    total=request.total, sock_connect=request.connect, sock_read=request.read
                ),
            ) as response:
                status = response.status
                body = await _head(response)
                content_type = response.headers.get("Content-Type", "")
                return Attempt(status, judge_status(status), content_type, body)
        except Exception as error:
            failure = next((failure for kind, failure in FAILURES if isinstance(error, kind)), None)
            if failure is None:
                raise
            return Attempt(failure=failure if status is None else Failure.PARTIAL)


async def _head(response: aiohttp.ClientResponse) -> bytes:
    """The body, cut off one byte after the most that Twilio reads."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(MAX_BYTES):
        body += chunk
        if len(body) > MAX_BYTES:
            break
    return bytes(body[: MAX_BYTES + 1])


@asynccontextmanager
async def hook_client(*, at_once: int, keep_alive: bool) -> AsyncIterator[AiohttpHookClient]:
    """`keep_alive=False`: a connection for each request, so that a killed receiver always shows as a failed connect."""
    connector = aiohttp.TCPConnector(limit=0, force_close=not keep_alive)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield AiohttpHookClient(session, at_once)
