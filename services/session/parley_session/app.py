"""Puts the session service together and runs it: stores, batches, loops, gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from sqlalchemy.ext.asyncio import create_async_engine

from parley.session.v1 import (
    number_service_pb2,
    number_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
)
from parley_chassis.batcher import Batcher
from parley_chassis.grpc_server import grpc_server
from parley_chassis.lifecycle import Wake, loop_running
from parley_chassis.postgres.migrations import check, migrate
from parley_chassis.postgres.pool import database
from parley_chassis.telemetry import Telemetry
from parley_session.adapters.agent_client import GrpcAgents
from parley_session.adapters.ids import new_id
from parley_session.adapters.notifier_client import GrpcNotifier
from parley_session.adapters.postgres.numbers import PostgresNumberStore
from parley_session.adapters.postgres.store import PostgresThreadStore
from parley_session.adapters.postgres.transcripts import PostgresTranscripts
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Context, Protocol
from parley_session.handlers.claim_turns import ClaimTurns
from parley_session.handlers.commit_turns import CommitTurns, TurnResult
from parley_session.handlers.describe_agents import DescribeAgents
from parley_session.handlers.follow_up import FollowUp
from parley_session.handlers.receive_messages import Incoming, Received, ReceiveMessages
from parley_session.handlers.record_deliveries import RecordDeliveries
from parley_session.handlers.relay_outbox import RelayOutbox
from parley_session.handlers.run_turns import RunTurns
from parley_session.ports import DeliveryRecord, Gathered, HistoryItem, Notifier, Submission
from parley_session.servicer import NumberServicer, SessionServicer
from parley_session.settings import Settings

MIGRATIONS = "parley_session.adapters.postgres.migrations"
SCHEMA = "session"


@dataclass(frozen=True, slots=True)
class SessionService:
    """A running session service. `batches` are (items, flushes) by name, for measurements."""

    address: str
    batchers: Mapping[str, Batcher[Any, Any]]

    def batches(self) -> dict[str, tuple[int, int]]:
        return {name: (batcher.items, batcher.batches) for name, batcher in self.batchers.items()}


class _Turns:
    """The turn machinery: handlers that need each other, tied together once."""

    def __init__(self, settings: Settings, store: PostgresThreadStore, notifier: Notifier, run: RunTurns) -> None:
        self._run = run
        self._protocol = Protocol(lease=timedelta(seconds=settings.turn_lease))
        follow_up = FollowUp(self._start, self._hand_over)
        self.receive: Batcher[Incoming, Received] = Batcher(ReceiveMessages(store, self._context, follow_up), flights=2)
        self.commit: Batcher[TurnResult, bool] = Batcher(CommitTurns(store, self._context, follow_up), flights=2)
        self.relay: Batcher[Submission, None] = Batcher(notifier.submit, flights=2)
        self.claim = ClaimTurns(store, self._context, follow_up, lambda: run.free_slots)
        self.relay_outbox = RelayOutbox(store, self._hand_over)

    def _context(self, gathered: Gathered) -> Context:
        assert gathered.now is not None
        return Context(gathered.now, new_id, self._run.free_slots > 0, self._protocol)

    def _start(self, run: RunTurn, history: Sequence[HistoryItem]) -> None:
        self._run.start(run, history, self.commit.submit)

    def _hand_over(self, submission: Submission) -> None:
        # Nobody waits for it: a hand-over that fails is repeated from the outbox.
        self.relay.put(submission)


@asynccontextmanager
async def running(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[SessionService]:
    """Runs the service until left; then lets calls and turns finish, and gives unfinished turns back.

    Raises MigrationError when the database's schema is not the one that this code is written for.
    """
    async with AsyncExitStack() as stack:
        if telemetry is None:
            telemetry = Telemetry("session", settings.process)
            stack.callback(telemetry.close)
        await check(settings.database_url, MIGRATIONS, SCHEMA)
        store = PostgresThreadStore(
            await stack.enter_async_context(
                database(settings.database_url, application="parley-session", size=settings.database_connections)
            )
        )
        engine = create_async_engine(
            settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1), pool_size=4, pool_timeout=2
        )
        stack.push_async_callback(engine.dispose)
        numbers = PostgresNumberStore(engine)
        agents = GrpcAgents(settings.agents, settings.process, settings.turn_timeout)
        stack.push_async_callback(agents.close)
        notifier = GrpcNotifier(settings.notifier_address, settings.process)
        stack.push_async_callback(notifier.close)

        run = RunTurns(store, agents, telemetry, lease=settings.turn_lease, limit=settings.max_turns)
        turns = _Turns(settings, store, notifier, run)
        record: Batcher[DeliveryRecord, None] = Batcher(RecordDeliveries(store), flights=2)
        batchers: dict[str, Batcher[Any, Any]] = {
            "receive": turns.receive,
            "commit": turns.commit,
            "relay": turns.relay,
            "record": record,
        }
        # Left in the opposite order: first no new calls, then no new claims, then the turns and what they hand over.
        for batcher in (turns.relay, record, turns.commit, turns.receive):
            stack.push_async_callback(batcher.close)
        stack.push_async_callback(run.stop, settings.drain)
        wake = Wake()
        describe = DescribeAgents(numbers, agents)
        await stack.enter_async_context(loop_running("describe_agents", describe, interval=30.0, wake=wake))
        await stack.enter_async_context(loop_running("claim_turns", turns.claim, interval=0.25))
        await stack.enter_async_context(
            loop_running("renew_leases", run.renew_leases, interval=settings.turn_lease / 4)
        )
        await stack.enter_async_context(loop_running("relay_outbox", turns.relay_outbox, interval=0.25))
        servicers = (
            SessionServicer(turns.receive, record, PostgresTranscripts(engine)),
            NumberServicer(numbers, wake.set),
        )
        address = await stack.enter_async_context(
            grpc_server(settings.listen, settings.process, lambda server: _add(server, *servicers))
        )
        yield SessionService(address, batchers)


async def migrate_database(settings: Settings) -> None:
    """Brings the schema `session` to the form that this code is written for."""
    await migrate(settings.database_url, MIGRATIONS, SCHEMA)


def _add(server: grpc.aio.Server, sessions: SessionServicer, numbers: NumberServicer) -> list[str]:
    session_service_pb2_grpc.add_SessionServiceServicer_to_server(sessions, server)
    number_service_pb2_grpc.add_NumberServiceServicer_to_server(numbers, server)
    return [
        session_service_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name,
        number_service_pb2.DESCRIPTOR.services_by_name["NumberService"].full_name,
    ]
