"""Notifier processes that stop at an exact point: the same handlers on the same database, without what comes after."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from parley_chassis.lifecycle import Wake
from parley_chassis.postgres.pool import Database, database
from parley_notifier.adapters.postgres.store import PostgresBatch, PostgresStore
from parley_notifier.domain.decision import Decision
from parley_notifier.domain.facts import Claim, Fact, Finding, Notice, Report, Submission
from parley_notifier.domain.opt_out import OptOut
from parley_notifier.domain.outcomes import Answer, outcome_of
from parley_notifier.domain.reports import Record
from parley_notifier.domain.settlement import Look
from parley_notifier.domain.terms import Terms
from parley_notifier.handlers.decide_lanes import DecideLanes, FollowUps
from parley_notifier.handlers.hold_claims import Claims
from parley_notifier.handlers.take_facts import TakeFacts
from parley_notifier.handlers.tend_lanes import TendLanes
from parley_notifier.ports import Gathered
from tests.integration.notifier.conftest import FAST, SENDER, Text, Thread

TERMS = Terms(
    lease=FAST["lease"],
    margin=FAST["margin"],
    settle=FAST["settle"],
    gap=FAST["list_gap"],
    look_after=FAST["look_after"],
    backoff=FAST["backoff"],
    backoff_limit=FAST["backoff_limit"],
    pause=FAST["pause"],
)

LONG_AGO = 1_700_000_000.0


class PausingStore(PostgresStore):
    """Batches stop before they commit while it is paused."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.decided = asyncio.Event()
        """A batch has come to its commit."""
        self._open = asyncio.Event()
        self._open.set()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        self._open.clear()
        self.decided.clear()
        try:
            yield
        finally:
            self._open.set()

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[PostgresBatch]:
        async with super().batch() as batch:
            commit = batch.commit

            async def commit_when_open(decision: Decision) -> None:
                self.decided.set()
                await self._open.wait()
                await commit(decision)

            batch.commit = commit_when_open  # type: ignore[method-assign]
            yield batch


class Process:
    """Claims and decides, and writes down what it would do next instead of doing it."""

    def __init__(self, store: PausingStore, slots: int = 1000, terms: Terms = TERMS) -> None:
        self.store = store
        self.claimed: list[Claim] = []
        self.looks: list[Look] = []
        self.records: list[Record] = []
        self.on_claim: Callable[[Claim], None] = lambda claim: None
        self.claims = Claims(slots, secrets.token_hex(4), Wake())
        self.notices: list[Notice] = []
        follow_ups = FollowUps(self._send, self.looks.append, self._record, self.notices.append)
        self._decide = DecideLanes(store, self.claims, terms, follow_ups)
        self.take = TakeFacts(self._decide, store)
        self.tend = TendLanes(self._decide, self.claims)

    def _send(self, claim: Claim, claimed: float) -> None:
        self.claimed.append(claim)
        self.on_claim(claim)

    def _record(self, record: Record) -> asyncio.Future[None]:
        self.records.append(record)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def submit(self, *texts: Text) -> None:
        await self.take([submission(text) for text in texts])

    async def found(self, claim: Claim, answer: Answer) -> None:
        """Marks what became of a claim."""
        now = asyncio.get_running_loop().time()
        await self.take([Finding(claim, outcome_of(answer), answer, now, now)])
        self.claims.let_go(claim)

    async def facts(self, *facts: Fact) -> None:
        await self.take(facts)

    async def decide(self, apply: Callable[[Decision, Gathered], None], *thread_ids: str) -> None:
        await self._decide(lambda batch: batch.gather_due(0, thread_ids), apply)


def submission(text: Text) -> Submission:
    return Submission(
        text.message_id,
        text.thread_id,
        text.seq,
        text.sender,
        text.participant,
        text.text,
        text.canceled,
        opt_out_scope=text.scope,
        at_most_once=text.at_most_once,
        expire_time=text.expire_time,
    )


def wish(thread: Thread, event_time: float = LONG_AGO, opted_out: bool = True, scope: str = SENDER) -> OptOut:
    return OptOut(scope, thread.participant, opted_out, event_time)


def accepted(sid: str) -> Answer:
    return Answer(201, 0, sid, "RQ1")


def reported(claim: Claim, sid: str, status: str) -> Report:
    return Report(claim.delivery_id, sid, status)


@asynccontextmanager
async def process_on(url: str, **fields: Any) -> AsyncIterator[Process]:
    async with database(url, application="parley-notifier-test", size=4) as pool:
        yield Process(PausingStore(pool), **fields)
