"""Whether the process lives and whether it is ready, over HTTP.

It lives as long as its watch tells of what happens: kopf's watchers can die while the process goes on.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from parley_operator.domain.sightings import Sightings


@asynccontextmanager
async def health_served(
    listen: str, sightings: Sightings, limit: float, is_ready: Callable[[], bool]
) -> AsyncIterator[str]:
    """Yields the address that it listens at. Not alive: the watch has been silent for `limit` seconds."""

    async def live(_: web.Request) -> web.Response:
        silence = sightings.silence(time.monotonic())
        if silence < limit:
            return web.json_response({"status": "ok"})
        return web.json_response({"status": "the watch is silent"}, status=503)

    async def ready(_: web.Request) -> web.Response:
        return web.json_response(
            {"status": "ok"} if is_ready() else {"status": "starting"}, status=200 if is_ready() else 503
        )

    app = web.Application()
    app.add_routes([web.get("/health/live", live), web.get("/healthz", live), web.get("/health/ready", ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        host, _, port = listen.rpartition(":")
        await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        bound = runner.addresses[0]
        yield f"{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()
