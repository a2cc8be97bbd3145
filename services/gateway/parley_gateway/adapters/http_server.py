"""Runs an ASGI app on uvicorn inside a process that is not uvicorn's: no signals, no logs, no headers of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from parley_chassis.settings import SettingsError
from parley_gateway.adapters.http_protocol import BoundedProtocol, RequestLimits

BACKLOG = 2048
DATE_INTERVAL = 1.0
"""Seconds after which the Date header is written anew."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # They belong to the process, which stops its services in order.
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        # uvicorn's own looks ten times a second whether to stop.
        while not self.stop.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), DATE_INTERVAL)


def bind(listen: str) -> socket.socket:
    """A socket bound to `host:port` (port 0 for a free one). Raises SettingsError if it cannot be had."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if not host or int(port) not in range(65536):
            raise ValueError("no host, or no port")
        return socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    except (OSError, ValueError) as error:
        raise SettingsError([f"cannot listen on {listen}: write host:port, of this machine and not in use"]) from error


@asynccontextmanager
async def serving(app: ASGIApp, bound: socket.socket, limits: RequestLimits, drain: float) -> AsyncIterator[None]:
    """Serves `app`; on exit accepts no more connections and gives requests under way `drain` seconds."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=cast("type[asyncio.Protocol]", partial(BoundedProtocol, limits=limits)),
        ws="none",
        lifespan="off",
        log_config=None,
        # It tells of every request that does not parse.
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=cast("int", limits.idle),
        timeout_graceful_shutdown=cast("int", drain),
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]), name="http_server")
    started = asyncio.create_task(server.listening.wait())
    await asyncio.wait([task, started], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        started.cancel()
        await task
    try:
        yield
    finally:
        server.stop.set()
        await task
