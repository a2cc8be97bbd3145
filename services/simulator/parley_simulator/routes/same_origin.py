"""Keeps pages of other sites from the control plane: a browser here would let any of them press its buttons."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

OWN = frozenset({b"same-origin", b"none"})
SAFE = frozenset({"GET", "HEAD"})


class SameOrigin:
    """Programs that are no browser say nothing of where they come from, and pass."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE:
            site = dict(scope["headers"]).get(b"sec-fetch-site")
            if site is not None and site not in OWN:
                refusal = JSONResponse({"detail": "this is for the phone page, and for programs"}, 403)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
