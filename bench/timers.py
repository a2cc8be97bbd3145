"""A million armed sessions on one session service process: how late those are that fall due, and what they cost."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import psycopg

from bench.armed import arm
from bench.machine import Reading, describe, percentiles
from bench.stack import ACCOUNT_SID, AGENTS, NUMBERS, TOKEN
from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_cli.stack.layout import Databases, Layout, service_processes
from parley_cli.stack.processes import ServiceProcess
from parley_cli.stack.schema import prepare_database
from parley_cli.stack.session_api import session_api

LEAD = 10.0
"""Seconds between the arming of the last session and the first that is due."""
POLL, LIMIT = 0.2, 200
"""As the notifier has sessions decided."""
PATIENCE = 60.0
DECIDED = """
SELECT count(*), count(DISTINCT m.thread_id), min(m.create_time - t.active_time - interval '24 hours') >= '0'
FROM session.messages m JOIN session.threads t ON t.id = m.thread_id
"""


@dataclass
class Listener(notifier_service_pb2_grpc.NotifierServiceServicer):
    """Takes what the session service hands over after its commits, and notes when. Sends nothing, and says it did."""

    heard: dict[int, float] = field(default_factory=dict)
    """By the number of the armed session."""
    again: int = 0
    unreported: list[str] = field(default_factory=list)

    async def Submit(  # noqa: N802
        self, request: notifier_pb2.SubmitRequest, context: Any
    ) -> notifier_pb2.SubmitResponse:
        now = time.time()
        for submission in request.submissions:
            number = int(submission.participant[-7:])
            self.again += number in self.heard
            self.heard.setdefault(number, now)
            self.unreported.append(submission.message_id)
        return notifier_pb2.SubmitResponse()

    async def ReportDeliveries(  # noqa: N802
        self, request: notifier_pb2.ReportDeliveriesRequest, context: Any
    ) -> notifier_pb2.ReportDeliveriesResponse:
        raise AssertionError("the session service reports nothing")


@dataclass(frozen=True)
class Rig:
    postgres: EmbeddedPostgres
    process: ServiceProcess
    sessions: session_service_pb2_grpc.SessionServiceAsyncStub
    metadata: tuple[tuple[str, str], ...] = field(repr=False)
    listener: Listener

    def reading(self) -> Reading:
        assert self.postgres.pid is not None
        return Reading.take({"session": self.process.pid, "postgresql": self.postgres.pid}, self.postgres.url())


@asynccontextmanager
async def _running() -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        logs = Path(stack.enter_context(TemporaryDirectory(prefix="parley-bench-")))
        postgres = await stack.enter_async_context(embedded_postgres())
        await prepare_database(postgres)
        layout = Layout.on_loopback(Databases.of(postgres), ACCOUNT_SID, TOKEN, AGENTS)
        (process,) = (one for one in service_processes(layout, logs) if one.name == "session")
        stack.push_async_callback(process.stop)
        await process.start()
        # Behind the process: gRPC does not like to be forked.
        listener = Listener()
        server = grpc.aio.server()
        notifier_service_pb2_grpc.add_NotifierServiceServicer_to_server(listener, server)
        server.add_insecure_port(layout.notifier)
        await server.start()
        stack.push_async_callback(server.stop, 0)
        async with session_api(layout.session, layout.api_key) as api:
            await api.update_number(NUMBERS[0], "bench")
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(layout.session))
        sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        yield Rig(postgres, process, sessions, (("authorization", f"Bearer {layout.api_key}"),), listener)


async def main(options: argparse.Namespace) -> None:
    print(f"machine: {describe()}")
    due = int(options.due * options.seconds)
    async with _running() as rig, await psycopg.AsyncConnection.connect(rig.postgres.url(), autocommit=True) as admin:
        began = time.monotonic()
        first = await arm(admin, options.sessions, due, options.seconds, lead=LEAD, ours=NUMBERS[0])
        print(f"armed {options.sessions:,} sessions in {time.monotonic() - began:.0f} s")
        await admin.execute("CHECKPOINT")
        await asyncio.sleep(max(first.timestamp() - time.time() - 0.5, 0))
        before = rig.reading()
        elapsed = await _decide(rig, due, first.timestamp())
        after = rig.reading()
        cursor = await admin.execute(DECIDED)
        warned, sessions, none_early = await cursor.fetchone() or (0, 0, None)
    late = [moment - first.timestamp() - n * options.seconds / due for n, moment in rig.listener.heard.items()]
    figures = {
        "due": due,
        "warned": warned,
        "each_once": warned == sessions == due,
        "none_early": none_early,
        "decisions_per_second": round(len(late) / elapsed),
        "due_to_handed_over_ms": percentiles(late),
        "handed_over_again": rig.listener.again,
        **after.per_turn(before, len(late)),
    }
    print(f"timers, {options.due:.0f}/s for {options.seconds:.0f} s:")
    for name, value in figures.items():
        print(f"  {name.replace('per_turn', 'per_decision')}: {value}")


async def _decide(rig: Rig, due: int, first: float) -> float:
    """Has due sessions decided until all are; the seconds from the first that was due to the last that was heard of."""
    request = session_service_pb2.TimeOutSessionsRequest(limit=LIMIT)
    end = time.monotonic() + PATIENCE + (due / 1000)
    reporting = asyncio.create_task(_report(rig))
    while len(rig.listener.heard) < due and time.monotonic() < end:
        answer = await rig.sessions.TimeOutSessions(request, metadata=rig.metadata, timeout=10)
        if answer.decided < LIMIT:
            await asyncio.sleep(POLL)
    reporting.cancel()
    await asyncio.gather(reporting, return_exceptions=True)
    return max(rig.listener.heard.values(), default=time.time()) - first


async def _report(rig: Rig) -> None:
    """Says of all that was handed over that the provider has taken it, which is what its grace begins with."""
    while True:
        ids, rig.listener.unreported = rig.listener.unreported, []
        records = [session_pb2.DeliveryRecord(message_id=one, state=session_pb2.DELIVERY_STATE_ACCEPTED) for one in ids]
        if records:
            request = session_service_pb2.RecordDeliveriesRequest(records=records)
            await rig.sessions.RecordDeliveries(request, metadata=rig.metadata, timeout=10)
        await asyncio.sleep(POLL / 4)
