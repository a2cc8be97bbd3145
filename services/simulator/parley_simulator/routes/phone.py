"""Serves the phone page, with what it is made of under a name that changes when any of it does.

/phone?from=+1555...&to=+1555... begins with that participant's handset; both have defaults.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from parley_simulator.routes.control_input import Fields
from parley_simulator.routes.stream import Stream
from parley_simulator.simulator import Simulator

# The page needs nothing but itself, and runs nothing that it did not bring.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src 'self'; script-src 'self'; "
    "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PART_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
TYPES = {".js": "text/javascript", ".css": "text/css", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}


def phone_routes(simulator: Simulator) -> list[Route]:
    phone = _Phone(simulator, _parts())
    return [
        Route("/phone", phone.page, methods=["GET"]),
        Route("/phone/parts/{version}/{name}", phone.part, methods=["GET"]),
        Route("/phone/pictures/{name}", phone.picture, methods=["GET"]),
        Route("/phone/stream", Stream(simulator).open, methods=["GET"]),
        Route("/skip", phone.skip, methods=["POST"]),
        Route("/end-agent", phone.end_agent, methods=["POST"]),
    ]


class _Phone:
    def __init__(self, simulator: Simulator, parts: Mapping[str, bytes]) -> None:
        self._simulator = simulator
        self._parts = parts
        digest = hashlib.sha256()
        for name, content in sorted(parts.items()):
            digest.update(f"{name} {len(content)} ".encode() + content)
        self._version = digest.hexdigest()[:12]
        page = files("parley_simulator.phone").joinpath("index.html").read_text("utf-8")
        self._page = page.replace("{parts}", f"phone/parts/{self._version}")

    async def page(self, _: Request) -> Response:
        return HTMLResponse(self._page, headers=PAGE_HEADERS)

    async def part(self, request: Request) -> Response:
        if request.path_params["version"] != self._version:
            return Response("this is another version's: load /phone again", 404, media_type="text/plain")
        return self._served(request.path_params["name"], (".js", ".css", ".svg"))

    async def picture(self, request: Request) -> Response:
        """What a participant attaches: the address stays the same, as that of any picture."""
        return self._served(request.path_params["name"], (".jpg",))

    async def skip(self, request: Request) -> Response:
        """{seconds}: moves the time by which people are waited for."""
        fields = await Fields.of_body(request)
        seconds = fields.number("seconds")
        fields.nothing_else()
        try:
            await self._simulator.skip_time(seconds or 0.0)
        except OSError as error:
            return JSONResponse({"detail": str(error)}, 502)
        return JSONResponse({"skipped": sum(done.seconds for done in self._simulator.skip_time.skips)})

    async def end_agent(self, request: Request) -> Response:
        """{armed: true|false}: the agent's process dies in its next turn."""
        fields = await Fields.of_body(request)
        armed = fields.flag("armed")
        fields.nothing_else()
        self._simulator.end_agent.arm(armed is not False)
        return JSONResponse({"armed": self._simulator.end_agent.armed})

    def _served(self, name: str, kinds: tuple[str, ...]) -> Response:
        content, kind = self._parts.get(name), PurePosixPath(name).suffix
        if content is None or kind not in kinds:
            return Response("there is no such part of the phone page", 404, media_type="text/plain")
        return Response(content, media_type=TYPES[kind], headers=PART_HEADERS)


def _parts() -> dict[str, bytes]:
    """Everything beside the page itself, by name; pictures are in a folder of their own."""
    folder = files("parley_simulator.phone")
    found = [*folder.iterdir(), *folder.joinpath("pictures").iterdir()]
    return {part.name: part.read_bytes() for part in found if PurePosixPath(part.name).suffix in TYPES}
