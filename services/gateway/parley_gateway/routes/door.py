"""What holds for every request to the HTTP API, whatever its path: safe headers, and nothing told of a failure."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from parley_gateway.domain.tally import Tally

log = logging.getLogger(__name__)

POLICY = b"content-security-policy"
SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
NOTHING = (POLICY, b"default-src 'none'; frame-ancestors 'none'")


class Door:
    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self._app = app
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, self._with_headers(send))
        except Exception:
            # It has been answered.
            log.exception("api_failed")

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._tally.answers[message["status"]] += 1
                headers = [*message.get("headers", ()), *SAFE]
                if not any(name == POLICY for name, _ in headers):
                    headers.append(NOTHING)
                message = {**message, "headers": headers}
            await send(message)

        return sending
