"""Puts the notifier together and runs it: store, carrier, batches, loops, gRPC server."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from parley_chassis.batcher import Batcher, log_sizes
from parley_chassis.grpc_server import grpc_server
from parley_chassis.lifecycle import Wake, loop_running
from parley_chassis.postgres.migrations import check, migrate
from parley_chassis.postgres.pool import database
from parley_chassis.telemetry import Telemetry
from parley_notifier.adapters.postgres.gate import PostgresGate
from parley_notifier.adapters.postgres.polls import PostgresPolls
from parley_notifier.adapters.postgres.store import PostgresCoverage, PostgresSenders, PostgresStore
from parley_notifier.adapters.session_client import SessionClient
from parley_notifier.adapters.twilio.carrier import Account, Limits, TwilioCarrier, twilio_carrier
from parley_notifier.domain.coverage import Coverage
from parley_notifier.domain.facts import Claim, Fact
from parley_notifier.domain.reports import Record
from parley_notifier.domain.settlement import Look
from parley_notifier.gate_ports import GateStore
from parley_notifier.handlers.decide_lanes import DecideLanes, FollowUps, Recorded
from parley_notifier.handlers.fetch_missed import FetchMissed, Pace
from parley_notifier.handlers.follow_numbers import FollowNumbers
from parley_notifier.handlers.guard_gate import GuardGate
from parley_notifier.handlers.heed_errors import HeedErrors, PauseSenders
from parley_notifier.handlers.hold_claims import Claims
from parley_notifier.handlers.poll_statuses import ASKED_AT_ONCE, PAUSE, PollStatuses
from parley_notifier.handlers.record_deliveries import RecordDeliveries, RepeatRecords
from parley_notifier.handlers.send_message import SendMessage
from parley_notifier.handlers.settle_unknown import LOOKS_AT_ONCE, SettleUnknown
from parley_notifier.handlers.take_facts import Later, TakeFacts, taken
from parley_notifier.handlers.tend_lanes import TendLanes
from parley_notifier.handlers.time_out_sessions import TimeOutSessions
from parley_notifier.ports import (
    CoverageStore,
    Inbox,
    PollStore,
    Recorder,
    SenderStore,
    Sessions,
    StatusSource,
    Store,
)
from parley_notifier.servicer import add_to
from parley_notifier.servicer.gate import GateServicer
from parley_notifier.servicer.messages import NotifierServicer
from parley_notifier.settings import Settings

MIGRATIONS = "parley_notifier.adapters.postgres.migrations"
SCHEMA = "notifier"
REPEAT_RECORDS = 1.0
"""Seconds between two rounds of telling the session service what it could not be told."""
AWAITED_LIST, FAILED_LIST = 1.0, 5.0
"""Seconds between two lists of participants' texts, where a session waits for one or the last could not be read."""
GUARD = 1.0
"""Seconds between two looks whether the database is the one that it was."""
CUT = 1.0
"""Seconds that a job gets to finish which may be cut anywhere."""


@dataclass(frozen=True, slots=True)
class NotifierService:
    """A running notifier. `owner` is its name on the claims it makes."""

    address: str
    owner: str
    batchers: Mapping[str, Batcher[Any, Any]]

    def batches(self) -> dict[str, tuple[int, int]]:
        """(items, flushes) by name, for measurements."""
        return {name: (batcher.items, batcher.batches) for name, batcher in self.batchers.items()}


class _Machinery:
    """The handlers, tied together: what is decided in one leads to the next."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        senders: SenderStore,
        carrier: TwilioCarrier,
        recorder: Recorder,
        gate: GateStore,
        telemetry: Telemetry,
    ) -> None:
        self.tend_wake = Wake()
        self.claims = Claims(settings.slots, secrets.token_hex(4), self.tend_wake, settings.pause)
        self.pauses: Batcher[str, None] = Batcher(PauseSenders(senders, settings.pause))
        heed = HeedErrors(self.claims, self.pauses.put)
        terms = settings.terms
        self.guard = GuardGate(gate, carrier, settings.settle, self.tend_wake.set)
        follow_ups = FollowUps(self._start_send, self._start_look, self._record, heed, heed.delivered, self.guard.saw)
        decide = DecideLanes(store, self.claims, terms, follow_ups)
        self.busy: Batcher[Fact, Later | None] = Batcher(TakeFacts(decide, store), flights=2)
        self.facts: Batcher[Fact, Later | None] = Batcher(TakeFacts(decide, store, self.busy.put))
        self.record: Batcher[Record, None] = Batcher(RecordDeliveries(recorder, store))
        self.tend = TendLanes(decide, self.claims)
        self.repeat = RepeatRecords(recorder, store)
        self.send = SendMessage(carrier, self.claims, terms, telemetry, self._take, heed.accepted, gate.adopt_orphan)
        self.settle = SettleUnknown(carrier, store, self._take)

    async def _take(self, fact: Fact) -> None:
        await taken(await self.facts.submit(fact))

    def _start_send(self, claim: Claim, claimed: float) -> None:
        self.send.start(claim, claimed)

    def _start_look(self, look: Look) -> None:
        self.settle.start(look)

    def _record(self, record: Record) -> Recorded:
        return self.record.put(record)

    def polls(self, source: StatusSource, store: PollStore, settings: Settings) -> PollStatuses:
        pause = min(PAUSE, settings.status_poll)
        return PollStatuses(source, store, self._take, self.claims.owner, settings.status_ages, pause)

    @asynccontextmanager
    async def running(self, poll: float) -> AsyncIterator[None]:
        """Runs the loops. Left: nothing new is claimed, sends under way end and are marked, and all is told."""
        async with AsyncExitStack() as stack:
            for batcher in (self.record, self.pauses, self.busy, self.facts):
                stack.push_async_callback(batcher.close)
            stack.push_async_callback(self.settle.close)
            stack.push_async_callback(self.send.drain)
            stack.callback(self.claims.close)
            await stack.enter_async_context(loop_running("repeat_records", self.repeat, interval=REPEAT_RECORDS))
            await stack.enter_async_context(loop_running("tend_lanes", self.tend, interval=poll, wake=self.tend_wake))
            yield


@asynccontextmanager
async def _jobs(
    settings: Settings,
    sessions: Sessions,
    inbox: Inbox,
    store: CoverageStore,
    owner: str,
    is_sure: Callable[[], bool],
) -> AsyncIterator[None]:
    """What is done for the session service without being asked: time-outs, and the texts that it missed."""
    coverage, wake = Coverage(settings.coverage_lag), Wake()
    usual = settings.list_interval
    pace = Pace(usual, min(AWAITED_LIST, usual), min(FAILED_LIST, usual))
    fetch_missed = FetchMissed(inbox, sessions, store, coverage, owner, pace)
    time_out = TimeOutSessions(sessions, coverage, settings.timeout_limit, wake.set, is_sure)
    async with (
        loop_running("fetch_missed", fetch_missed, interval=pace.awaited, wake=wake, grace=CUT),
        loop_running("time_out_sessions", time_out, interval=settings.timeout_poll, grace=CUT),
    ):
        yield


@asynccontextmanager
async def running(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[NotifierService]:
    """Runs the service until left; then lets calls and sends finish.

    Raises MigrationError when the database's schema is not the one that this code is written for.
    """
    async with AsyncExitStack() as stack:
        if telemetry is None:
            telemetry = Telemetry("notifier", settings.process)
            stack.callback(telemetry.close)
        await check(settings.database_url, MIGRATIONS, SCHEMA)
        pool = await stack.enter_async_context(
            database(settings.database_url, application="parley-notifier", size=settings.database_connections)
        )
        carrier = await stack.enter_async_context(twilio_carrier(_account(settings), _limits(settings)))
        sessions = SessionClient(settings.session_address, settings.process)
        stack.push_async_callback(sessions.close)
        senders = PostgresSenders(pool)
        gate = PostgresGate(pool)
        machinery = _Machinery(settings, PostgresStore(pool), senders, carrier, sessions, gate, telemetry)
        await stack.enter_async_context(loop_running("guard_gate", machinery.guard, interval=GUARD, grace=CUT))
        follow = FollowNumbers(sessions, senders)
        await stack.enter_async_context(machinery.running(settings.poll))
        polls = machinery.polls(carrier, PostgresPolls(pool), settings)
        await stack.enter_async_context(loop_running("poll_statuses", polls, interval=settings.status_poll, grace=CUT))
        await stack.enter_async_context(
            loop_running("follow_numbers", follow, interval=settings.number_poll, grace=CUT)
        )
        coverage = PostgresCoverage(pool, settings.twilio_account_sid)
        owner = machinery.claims.owner
        jobs = _jobs(settings, sessions, carrier, coverage, owner, lambda: machinery.guard.is_sure)
        await stack.enter_async_context(jobs)
        served = add_to(NotifierServicer(machinery.facts, machinery.busy), GateServicer(gate))
        address = await stack.enter_async_context(grpc_server(settings.listen, settings.process, served))
        batchers: dict[str, Batcher[Any, Any]] = {
            "facts": machinery.facts,
            "busy": machinery.busy,
            "record": machinery.record,
        }
        stack.callback(log_sizes, batchers)
        yield NotifierService(address, machinery.claims.owner, batchers)


async def migrate_database(settings: Settings) -> None:
    """Brings the schema `notifier` to the form that this code is written for."""
    await migrate(settings.database_url, MIGRATIONS, SCHEMA)


def _account(settings: Settings) -> Account:
    return Account(
        base_url=settings.twilio_url,
        account_sid=settings.twilio_account_sid,
        username=settings.twilio_api_key or settings.twilio_account_sid,
        password=settings.twilio_auth_token,
        callback_url=settings.callback_url,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        connect=settings.connect_timeout,
        read=settings.read_timeout,
        total=settings.send_timeout,
        requests=settings.slots + LOOKS_AT_ONCE + ASKED_AT_ONCE + 1,
    )
