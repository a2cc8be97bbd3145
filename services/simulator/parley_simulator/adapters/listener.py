"""An embedded uvicorn listener that handles no signals, stops at once, and lets an application cut a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

GRACE = 1.0


class Connection(HttpToolsProtocol):
    """Gives the requests of a connection the means to cut it: `scope["state"]["abort"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {"abort": transport.abort}


@asynccontextmanager
async def listening(app: ASGIApp, listen: str) -> AsyncIterator[str]:
    """Serves `app` on `host:port` (port 0: the system chooses) and yields its URL."""
    host, _, port = listen.rpartition(":")
    config = Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        # Longer than any client keeps an idle connection: the client closes first, no request is lost to the race.
        timeout_keep_alive=120,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(config, state, app_state={}), host.strip("[]"), int(port), backlog=2048
    )
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await _end(state)


async def _end(state: ServerState) -> None:
    for connection in list(state.connections):
        connection.shutdown()
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=GRACE)
    left: list[asyncio.Task[Any]] = list(state.tasks)
    for task in left:
        task.cancel()
    for connection in list(state.connections):
        if (transport := connection.transport) is not None:
            transport.abort()
    await asyncio.gather(*left, return_exceptions=True)
