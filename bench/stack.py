"""The stack under load: PostgreSQL with its durability on, and each service as one process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.twilio_sink import Sink
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_cli.stack.layout import Databases, Layout, service_processes
from parley_cli.stack.processes import ServiceProcess
from parley_cli.stack.schema import prepare_database
from parley_cli.stack.session_api import session_api

NUMBERS = [f"+1555{n:07d}" for n in range(100, 148)]
ACCOUNT_SID = "AC" + "b" * 32
TOKEN = "bench-token"
AGENTS = Path(__file__).parent / "agents"


@dataclass
class Stack:
    """What the windows need of it."""

    postgres: EmbeddedPostgres
    processes: list[ServiceProcess]
    sink: Sink
    public_url: str
    numbers: list[str]
    account_sid: str = ACCOUNT_SID
    token: str = TOKEN
    next_participant: int = 1

    @property
    def database_url(self) -> str:
        return self.postgres.url()

    def pids(self) -> dict[str, int]:
        assert self.postgres.pid is not None
        return {process.name: process.pid for process in self.processes} | {"postgresql": self.postgres.pid}


@asynccontextmanager
async def running() -> AsyncIterator[Stack]:
    async with AsyncExitStack() as stack:
        logs = Path(stack.enter_context(TemporaryDirectory(prefix="parley-bench-")))
        postgres = await stack.enter_async_context(embedded_postgres())
        await prepare_database(postgres)
        layout = Layout.on_loopback(Databases.of(postgres), ACCOUNT_SID, TOKEN, AGENTS)
        sink = Sink(ACCOUNT_SID, TOKEN, layout.gateway_url)
        layout = layout.with_twilio(await sink.start())
        stack.push_async_callback(sink.stop)
        processes = service_processes(layout, logs)
        for process in processes:
            stack.push_async_callback(process.stop)
            await process.start()
        async with session_api(layout.session, layout.api_key) as api:
            for number in NUMBERS:
                await api.update_number(number, "bench")
        yield Stack(postgres, processes, sink, layout.gateway_url, NUMBERS)
        # Callers before those they call, so that each can finish what it has begun.
        for process in reversed(processes):
            await process.stop()
        print_batches(processes)


def print_batches(processes: list[ServiceProcess]) -> None:
    """The mean size of each kind of batch over the whole run, as the services say when they stop."""
    for process in processes:
        for line in process.log.read_text(errors="replace").splitlines():
            if '"batches"' in line and (found := json.loads(line)).get("event") == "batches":
                sizes = {name: round(items / max(flushes, 1), 1) for name, (items, flushes) in found["batches"].items()}
                print(f"  {process.name}: mean batch sizes {sizes}")
