"""A client of NotifierService servers, servers that can be frozen, and a DNS that says what a test wants."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc

from parley.notifier.v1 import notifier_service_pb2_grpc
from parley_chassis.names import look_up
from parley_chassis.replicas import Replicas
from parley_chassis.settings import ProcessSettings
from tests.integration.chassis.notifier_service import DEADLINE, DEVELOPMENT, REQUEST, Notifier, serving

ROOT = Path(__file__).parents[3]
LIMIT = 20.0
NAME = "notifier.parley.test:50053"
SERVER = """
import asyncio
from tests.integration.chassis.notifier_service import serving

async def main():
    async with serving() as address:
        print(address, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


class Directory:
    """Resolves every name to `addresses`, and to nothing while there are none."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: Sequence[str] = addresses
        self.asked = 0

    async def __call__(self, name: str) -> Sequence[str]:
        self.asked += 1
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.addresses

    async def is_asked_again(self) -> None:
        # The first of the two may be under way already.
        asked = self.asked + 2
        await until(lambda: self.asked >= asked)


async def until(met: Callable[[], bool]) -> None:
    """Waits for what other tasks bring about."""
    async with asyncio.timeout(LIMIT):
        while not met():
            await asyncio.sleep(0.01)


class Client:
    """Replicas of NotifierService that a test calls."""

    def __init__(
        self,
        *addresses: str,
        suspension: float = 60.0,
        process: ProcessSettings = DEVELOPMENT,
        directory: Directory | None = None,
        interval: float = 0.02,
    ) -> None:
        stub: Callable[[grpc.aio.Channel], Any] = notifier_service_pb2_grpc.NotifierServiceStub
        self.replicas = Replicas(
            addresses,
            stub,
            process,
            suspension=suspension,
            resolve=directory or look_up,
            interval=interval,
        )

    async def call(self, timeout: float = DEADLINE, **options: Any) -> None:
        await self.replicas.call(lambda stub: stub.Submit, REQUEST, timeout=timeout, **options)

    @property
    def all(self) -> Sequence[Any]:
        return self.replicas._peers.all

    async def reaches(self, *addresses: str) -> None:
        await until(lambda: {link.address for link in self.replicas._peers._links} == set(addresses))


@asynccontextmanager
async def client_of(*addresses: str, **options: Any) -> AsyncIterator[Client]:
    client = Client(*addresses, **options)
    try:
        yield client
    finally:
        await client.replicas.close()


@asynccontextmanager
async def client_of_servers(*notifiers: Notifier, suspension: float = 60.0) -> AsyncIterator[Client]:
    async with AsyncExitStack() as stack:
        addresses = [await stack.enter_async_context(serving(notifier)) for notifier in notifiers]
        yield await stack.enter_async_context(client_of(*addresses, suspension=suspension))


@contextmanager
def server_process() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server that can be frozen, and its address."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()
