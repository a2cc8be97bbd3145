"""Serves the phone page: /phone?from=+1555...&to=+1555..., both with defaults."""

from __future__ import annotations

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

# The page needs nothing but itself, and runs nothing that it did not bring.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}


async def phone(_: Request) -> Response:
    page = files("parley_simulator.phone").joinpath("index.html").read_text("utf-8")
    return HTMLResponse(page, headers=HEADERS)


PHONE = Route("/phone", phone, methods=["GET"])
