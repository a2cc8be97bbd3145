"""Puts the session service together and runs it: stores, batches, loops, gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from parley_chassis.batcher import Batcher, Item, Result, log_sizes
from parley_chassis.grpc_server import grpc_server
from parley_chassis.lifecycle import loop_running
from parley_chassis.postgres.engine import engine
from parley_chassis.postgres.migrations import check, migrate
from parley_chassis.postgres.pool import database
from parley_chassis.telemetry import Telemetry
from parley_session.adapters.agent_client import ANY, GrpcAgents
from parley_session.adapters.ids import new_id
from parley_session.adapters.notifier_client import GrpcNotifier
from parley_session.adapters.postgres.clock import PostgresClock
from parley_session.adapters.postgres.dead_letters import PostgresDeadLetters
from parley_session.adapters.postgres.keys import PostgresKeyStore
from parley_session.adapters.postgres.numbers import PostgresNumberStore
from parley_session.adapters.postgres.store import PostgresThreadStore
from parley_session.adapters.postgres.transcripts import PostgresTranscripts
from parley_session.adapters.postgres.watches import PostgresWatches
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Context, Protocol
from parley_session.handlers.claim_turns import ClaimTurns
from parley_session.handlers.commit_turns import CommitTurns, TurnResult
from parley_session.handlers.describe_agents import DescribeAgents
from parley_session.handlers.find_changes import FindChanges
from parley_session.handlers.follow_up import FollowUp
from parley_session.handlers.hand_over import HandOverBatch
from parley_session.handlers.meet_agents import MeetAgents
from parley_session.handlers.receive_messages import Incoming, Received, ReceiveMessages
from parley_session.handlers.record_deliveries import RecordDeliveries
from parley_session.handlers.relay_outbox import RelayOutbox
from parley_session.handlers.retry_dead_letter import RetryDeadLetter
from parley_session.handlers.run_turns import RunTurns
from parley_session.handlers.start_sessions import Opening, StartSessions
from parley_session.handlers.take_requests import Asked, Taken, TakeRequests
from parley_session.handlers.time_out_sessions import TimeOutSessions
from parley_session.handlers.wake_watchers import Watchers
from parley_session.handlers.watch_backlog import WatchBacklog
from parley_session.handlers.watch_session import WatchSession
from parley_session.ports import (
    Agents,
    DeliveryRecord,
    Gathered,
    HandOver,
    HistoryItem,
    Look,
    Notifier,
    NumberStore,
    Sight,
    ThreadStore,
    Watches,
)
from parley_session.servicer import add_to
from parley_session.servicer.clock import ClockServicer
from parley_session.servicer.dead_letters import DeadLetterServicer
from parley_session.servicer.keys import KeyServicer
from parley_session.servicer.numbers import NumberServicer
from parley_session.servicer.sessions import Doors, SessionServicer
from parley_session.settings import Settings

MIGRATIONS = "parley_session.adapters.postgres.migrations"
SCHEMA = "session"
POLL = 0.25
"""Seconds between two looks for what a process that is gone has left."""
DESCRIBE_INTERVAL = 30.0
BACKLOG_INTERVAL = 5.0


@dataclass(frozen=True, slots=True)
class SessionService:
    """A running session service."""

    address: str
    batchers: Mapping[str, Batcher[Any, Any]]

    def batches(self) -> dict[str, tuple[int, int]]:
        """(items, flushes) by name, for measurements."""
        return {name: (batcher.items, batcher.batches) for name, batcher in self.batchers.items()}


class _Machinery:
    """The handlers, tied together: what is committed in one leads to the next."""

    def __init__(
        self,
        settings: Settings,
        store: ThreadStore,
        agents: Agents,
        notifier: Notifier,
        telemetry: Telemetry,
        tell: Callable[[Iterable[str]], object],
    ) -> None:
        lease = settings.turn_lease
        self._protocol = Protocol(lease=timedelta(seconds=lease))
        self.run = RunTurns(store, agents, telemetry, lease=lease, limit=settings.max_turns)
        follow_up = FollowUp(self._start_turn, self._hand_over, tell)
        receive, commit = ReceiveMessages(store, self._context, follow_up), CommitTurns(store, self._context, follow_up)
        traced_receive = _traced(telemetry, "session.receive_messages", receive, lambda item: item.event.traceparent)
        traced_commit = _traced(telemetry, "session.commit_turns", commit, lambda item: item.traceparent)
        self.receive: Batcher[Incoming, Received] = Batcher(traced_receive, flights=2)
        self.commit: Batcher[TurnResult, bool] = Batcher(traced_commit, flights=2)
        self.relay: Batcher[HandOver, None] = Batcher(HandOverBatch(notifier, store), flights=2)
        record = RecordDeliveries(store, self._context, follow_up)
        self.record: Batcher[DeliveryRecord, None] = Batcher(record, flights=2)
        self.backlog = WatchBacklog(store)
        requests = TakeRequests(store, self._context, follow_up, self.backlog.holds_up)
        self.ask: Batcher[Asked, Taken] = Batcher(requests, flights=2)
        self.start: Batcher[Opening, Awaitable[Taken] | Taken] = Batcher(StartSessions(store, self.ask.put), flights=2)
        self.time_out = TimeOutSessions(store, self._context, follow_up)
        self.claim = ClaimTurns(store, self._context, follow_up, lambda: self.run.free_slots)
        self.relay_outbox = RelayOutbox(store, self._hand_over, lambda: self.relay.waiting)
        self._lease, self._drain = lease, settings.drain

    def _context(self, gathered: Gathered) -> Context:
        assert gathered.now is not None
        return Context(gathered.now, new_id, self.run.free_slots > 0, self._protocol, gathered.people_now)

    def _start_turn(self, run: RunTurn, history: Sequence[HistoryItem]) -> None:
        self.run.start(run, history, self.commit.submit)

    def _hand_over(self, item: HandOver) -> None:
        # Nobody waits for it: a hand-over that fails is repeated from the outbox.
        self.relay.put(item)

    def doors(self, numbers: NumberStore, agents: Agents) -> Doors:
        chat = MeetAgents(self.receive.submit, numbers, agents)
        return Doors(self.receive, chat, self.record, self.start, self.ask, self.time_out)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the loops. Left: nothing new is claimed, turns end or are given back, and all is handed over."""
        async with AsyncExitStack() as stack:
            for batcher in (self.relay, self.record, self.commit):
                stack.push_async_callback(batcher.close)
            # Turns keep their leases to the last, and none is begun once they are being ended.
            await stack.enter_async_context(
                loop_running("renew_leases", self.run.renew_leases, interval=self._lease / 4)
            )
            stack.push_async_callback(self.run.stop, self._drain)
            for door in (self.ask, self.start, self.receive):
                stack.push_async_callback(door.close)
            await stack.enter_async_context(loop_running("watch_backlog", self.backlog, interval=BACKLOG_INTERVAL))
            await stack.enter_async_context(loop_running("claim_turns", self.claim, interval=POLL))
            await stack.enter_async_context(loop_running("relay_outbox", self.relay_outbox, interval=POLL))
            yield


class _Watching:
    """The watchers of sessions, and what finds news for them."""

    def __init__(self, limit: int, watches: Watches) -> None:
        self.watchers = Watchers(limit)
        self._look: Batcher[Look, Sight | None] = Batcher(watches.read, limit=50, flights=2)
        self._find_changes = FindChanges(self.watchers, watches)
        self.watch_session = WatchSession(self.watchers, self._look.submit)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._look.close)
            await stack.enter_async_context(loop_running("find_changes", self._find_changes, interval=POLL))
            yield


def _traced(
    telemetry: Telemetry,
    name: str,
    handler: Callable[[list[Item]], Awaitable[Sequence[Result]]],
    traceparent_of: Callable[[Item], str],
) -> Callable[[list[Item]], Awaitable[Sequence[Result]]]:
    """`handler` with a span called `name` for each sampled item of its batch."""

    async def traced(items: list[Item]) -> Sequence[Result]:
        with telemetry.spans(name, map(traceparent_of, items)):
            return await handler(items)

    return traced


@asynccontextmanager
async def running(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[SessionService]:
    """Runs the service until left; then lets calls and turns finish, and gives unfinished turns back.

    Raises MigrationError when the database's schema is not the one that this code is written for.
    """
    async with AsyncExitStack() as stack:
        if telemetry is None:
            telemetry = Telemetry("session", settings.process)
            stack.callback(telemetry.close)
        url, size = settings.database_url, settings.database_connections
        await check(url, MIGRATIONS, SCHEMA)
        pool = await stack.enter_async_context(database(url, application="parley-session", size=size))
        slow = await stack.enter_async_context(engine(url, application="parley-session"))
        agents = GrpcAgents(settings.agents, settings.process, settings.turn_timeout)
        stack.push_async_callback(agents.close)
        notifier = GrpcNotifier(settings.notifier_address, settings.process)
        stack.push_async_callback(notifier.close)

        store = PostgresThreadStore(pool)
        watching = _Watching(settings.max_watchers, PostgresWatches(pool))
        await stack.enter_async_context(watching.running())
        machinery = _Machinery(settings, store, agents, notifier, telemetry, watching.watchers.wake)
        await stack.enter_async_context(machinery.running())
        numbers = PostgresNumberStore(slow)
        describe = DescribeAgents(numbers, agents, [name for name in settings.agents if name != ANY])
        await stack.enter_async_context(loop_running("describe_agents", describe, interval=DESCRIBE_INTERVAL))
        doors = machinery.doors(numbers, agents)
        sessions = SessionServicer(doors, store, PostgresTranscripts(slow), watching.watch_session)
        clock = ClockServicer(PostgresClock(slow) if settings.process.test_clock else None)
        letters = PostgresDeadLetters(slow)
        servicers = add_to(
            sessions,
            DeadLetterServicer(letters, RetryDeadLetter(letters, machinery.ask.submit)),
            NumberServicer(numbers, describe.describe),
            KeyServicer(PostgresKeyStore(slow)),
            clock,
        )
        address = await stack.enter_async_context(grpc_server(settings.listen, settings.process, servicers))
        # Watches last as long as their sessions: a stop does not wait for them.
        stack.callback(watching.watchers.close)
        batchers: dict[str, Batcher[Any, Any]] = {
            "receive": machinery.receive,
            "commit": machinery.commit,
            "relay": machinery.relay,
            "record": machinery.record,
            "ask": machinery.ask,
        }
        stack.callback(log_sizes, batchers)
        yield SessionService(address, batchers)


async def migrate_database(settings: Settings) -> None:
    """Brings the schema `session` to the form that this code is written for."""
    await migrate(settings.database_url, MIGRATIONS, SCHEMA)
