"""A webhook receiver for tests: keeps every request as it came, and answers as told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import web
from twilio.request_validator import RequestValidator


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    """With the query, as it came over the wire."""
    headers: Mapping[str, str]
    fields: dict[str, str]

    def is_signed(self, token: str, url: str) -> bool:
        """Whether Twilio's own validator takes the signature for this URL."""
        params = self.fields if self.method == "POST" else {}
        return bool(RequestValidator(token).validate(url, params, self.headers["X-Twilio-Signature"]))


@dataclass(frozen=True)
class Answer:
    status: int = 200
    content_type: str | None = "text/xml"
    body: str = "<Response/>"
    headers: Mapping[str, str] = field(default_factory=dict)


class Hang(Answer):
    """No answer until the receiver stops."""


class Cut(Answer):
    """The connection is closed without an answer."""


class Stop(Answer):
    """The connection is closed in the middle of the answer."""


class Receiver:
    """Answers with `answers`, the first first; when they are used up, with an empty `<Response/>`."""

    def __init__(self) -> None:
        self.base = ""
        self.requests: list[Received] = []
        self.answers: list[Answer] = []
        self._changed = asyncio.Condition()
        self._closing = asyncio.Event()

    def url(self, path: str = "/sms", fragment: str = "") -> str:
        return f"{self.base}{path}{'#' if fragment else ''}{fragment}"

    async def wait(self, count: int, timeout: float = 30.0) -> list[Received]:
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.text() if request.method == "POST" else request.query_string
        fields = dict(parse_qsl(raw, keep_blank_values=True, strict_parsing=True))
        async with self._changed:
            self.requests.append(Received(request.method, request.raw_path, request.headers, fields))
            answer = self.answers.pop(0) if self.answers else Answer()
            self._changed.notify_all()
        return await self._answer(request, answer)

    async def _answer(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        headers = {**answer.headers, **({"Content-Type": answer.content_type} if answer.content_type else {})}
        response = web.Response(status=answer.status, body=answer.body.encode(), headers=headers)
        if answer.content_type is None:
            response.headers["Content-Type"] = ""
        if isinstance(answer, Hang):
            await self._closing.wait()
        if isinstance(answer, Stop):
            response.headers["Content-Length"] = "1000"
            stream = web.StreamResponse(status=200, headers={"Content-Length": "1000"})
            await stream.prepare(request)
            await stream.write(b"<Resp")
        if isinstance(answer, Cut | Stop | Hang):
            assert request.transport is not None
            request.transport.abort()
        return response

    def close(self) -> None:
        self._closing.set()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        receiver.close()
        await runner.cleanup()
