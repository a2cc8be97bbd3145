"""The answers to webhooks, put together once. No text of a request is ever in one."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Send


class Answer:
    """A whole response. Never a `200` with `text/plain`: Twilio would text its body to the participant."""

    def __init__(
        self, status: int, body: str = "", media_type: str = "text/plain", headers: Mapping[str, str] | None = None
    ) -> None:
        content = body.encode()
        named = {"content-type": media_type, "content-length": str(len(content))} if status != 204 else {}
        raw = [(name.encode(), value.encode()) for name, value in {**named, **(headers or {})}.items()]
        self.status = status
        self._start = {"type": "http.response.start", "status": status, "headers": raw}
        self._body = {"type": "http.response.body", "body": content}

    async def send(self, send: Send) -> None:
        await send(self._start)
        await send(self._body)


STORED = Answer(200, "<Response/>", "text/xml")
REPORTED = Answer(204)
FORBIDDEN = Answer(403, "forbidden")
NOT_FOUND = Answer(404, "not found")
NOT_NOW = Answer(503, "not stored; try again", headers={"retry-after": "1"})


def malformed(detail: str) -> Answer:
    return Answer(400, detail)


def too_large(detail: str) -> Answer:
    # What is left of the request is not worth reading.
    return Answer(413, detail, headers={"connection": "close"})


def unsupported_type(detail: str) -> Answer:
    return Answer(415, detail)
