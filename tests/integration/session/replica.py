"""One session process without its gRPC: the handlers on a real store; what follows a commit is kept to be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import TupleRow

from parley_chassis.postgres.pool import database
from parley_session.adapters.ids import new_id
from parley_session.adapters.postgres.store import PostgresThreadStore
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Absence, Answer, Context, Failure, Protocol, Receive
from parley_session.handlers.claim_turns import ClaimTurns
from parley_session.handlers.commit_turns import CommitTurns, TurnResult
from parley_session.handlers.follow_up import FollowUp
from parley_session.handlers.receive_messages import Incoming, Received, ReceiveMessages
from parley_session.handlers.record_deliveries import RecordDeliveries
from parley_session.handlers.start_sessions import Opening, StartSessions
from parley_session.handlers.take_requests import Asked, Taken, TakeRequests
from parley_session.handlers.time_out_sessions import TimedOut, TimeOutSessions
from parley_session.ports import DeliveryRecord, Gathered, HandOver, HistoryItem, OptOutNotice, Submission, ThreadKey

OURS = "+15550100"
NO_LIMITS = '{"text_limit": 0, "repeat_limit": 0, "turn_limit": 0}'
"""What a number wants whose participants text faster than people do."""


def key(participant: str = "+15550111", endpoint: str = OURS) -> ThreadKey:
    return ThreadKey(1, endpoint, participant)


def incoming(source_id: str, text: str = "hello", participant: str = "+15550111", endpoint: str = OURS) -> Incoming:
    return Incoming(key(participant, endpoint), Receive(source_id, text))


def answer(run: RunTurn, *replies: str, state: str = "", hang_up: bool = False) -> TurnResult:
    return TurnResult(ThreadKey.of(run.thread), Answer(run.turn.id, run.turn.fence, replies, state, hang_up))


def failure(run: RunTurn) -> TurnResult:
    return TurnResult(ThreadKey.of(run.thread), Failure(run.turn.id, run.turn.fence))


def absence(run: RunTurn) -> TurnResult:
    return TurnResult(ThreadKey.of(run.thread), Absence(run.turn.id, run.turn.fence))


@dataclass
class Replica:
    """`started` and `handed_over` are what this process was told to do after its commits."""

    store: PostgresThreadStore
    lease: float = 20.0
    free_slots: int = 100
    started: list[tuple[RunTurn, Sequence[HistoryItem]]] = field(default_factory=list)
    handed_over: list[Submission] = field(default_factory=list)
    opt_outs: list[OptOutNotice] = field(default_factory=list)

    def __post_init__(self) -> None:
        follow_up = FollowUp(lambda run, history: self.started.append((run, history)), self._hand_over)
        self._receive = ReceiveMessages(self.store, self._context, follow_up)
        self._commit = CommitTurns(self.store, self._context, follow_up)
        self._claim = ClaimTurns(self.store, self._context, follow_up, lambda: self.free_slots)
        self._record = RecordDeliveries(self.store, self._context, follow_up)
        self._ask = TakeRequests(self.store, self._context, follow_up)
        self._start = StartSessions(self.store, self._ask_one)
        self._time_out = TimeOutSessions(self.store, self._context, follow_up)

    def _hand_over(self, item: HandOver) -> None:
        if isinstance(item, OptOutNotice):
            self.opt_outs.append(item)
        else:
            self.handed_over.append(item)

    async def _ask_one(self, asked: Asked) -> Taken:
        return (await self._ask([asked]))[0]

    def _context(self, gathered: Gathered) -> Context:
        assert gathered.now is not None
        protocol = Protocol(lease=timedelta(seconds=self.lease))
        return Context(gathered.now, new_id, self.free_slots > 0, protocol, gathered.people_now)

    async def receive(self, *items: Incoming) -> list[Received]:
        return await self._receive(items)

    async def commit(self, *results: TurnResult) -> list[bool]:
        return await self._commit(results)

    async def record(self, *records: DeliveryRecord) -> None:
        await self._record(records)

    async def ask(self, *asked: Asked) -> list[Taken]:
        return await self._ask(asked)

    async def start(self, *openings: Opening) -> list[Taken]:
        return [await taken if isinstance(taken, Awaitable) else taken for taken in await self._start(openings)]

    async def time_out(self, limit: int = 100, covered: datetime | None = None) -> TimedOut:
        return await self._time_out(limit, covered)

    async def claim(self) -> bool:
        return await self._claim()

    async def claim_one(self, timeout: float = 30.0) -> RunTurn:
        """Looks until there is a turn to claim."""
        before = len(self.started)

        async def has_claimed() -> bool:
            await self.claim()
            return len(self.started) > before

        await eventually_async(has_claimed, timeout)
        return self.last

    @property
    def last(self) -> RunTurn:
        return self.started[-1][0]

    @property
    def last_history(self) -> list[tuple[int, str]]:
        return [(item.direction, item.text) for item in self.started[-1][1]]

    @property
    def last_texts(self) -> list[str]:
        return [text.text for text in self.last.texts]


@asynccontextmanager
async def replica_running(url: str, *, lease: float = 20.0, size: int = 4) -> AsyncIterator[Replica]:
    async with database(url, application="test", size=size) as connections:
        yield Replica(PostgresThreadStore(connections), lease)


@dataclass(frozen=True)
class Rows:
    """What the database holds, for looking and for preparing, past all of the product's code."""

    connection: psycopg.AsyncConnection[TupleRow]

    async def all(self, statement: str, *parameters: object) -> list[TupleRow]:
        cursor = await self.connection.execute(statement.encode(), parameters)
        return await cursor.fetchall() if cursor.description else []

    async def one(self, statement: str, *parameters: object) -> object:
        """The one value of the one row."""
        ((value,),) = await self.all(statement, *parameters)
        return value

    async def register(self, number: str = OURS, agent: str = "echo", settings: str = NO_LIMITS) -> None:
        statement = "INSERT INTO session.numbers (number, agent, settings) VALUES (%s, %s, %s::text::jsonb)"
        await self.all(statement, number, agent, settings)


async def eventually(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


async def eventually_async(condition: Callable[[], Awaitable[bool]], timeout: float = 30.0) -> None:
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.01)
