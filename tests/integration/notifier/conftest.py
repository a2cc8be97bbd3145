"""A notifier on a real PostgreSQL, against the real simulator, with a session service that writes down."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import grpc
import psycopg
import pytest
from psycopg.rows import TupleRow

import parley_simulator.app
import parley_simulator.settings
from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley_chassis.settings import ProcessSettings
from parley_chassis.telemetry import Telemetry
from parley_notifier.app import NotifierService, running
from parley_notifier.settings import Settings
from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase
from tests.integration.notifier.peers import SessionPeer, TwilioPeer, session_peer, timestamp, twilio_peer

SENDER = "+15550001111"
TOKEN = "the-token-of-the-test-account"
Connection = psycopg.AsyncConnection[TupleRow]
PROCESS = ProcessSettings(insecure_dev=True)
# The protocol's durations, far shorter and in the same proportions.
FAST = {
    "connect_timeout": 0.4,
    "read_timeout": 0.6,
    "send_timeout": 0.7,
    "lease": 1.5,
    "margin": 0.75,
    "settle": 1.6,
    "list_gap": 0.3,
    "look_after": 0.1,
    "backoff": 0.05,
    "backoff_limit": 0.2,
    "pause": 0.3,
    "poll": 0.05,
    "number_poll": 0.05,
}


def simulator_settings(**fields: Any) -> parley_simulator.settings.Settings:
    usual: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "control_listen": "127.0.0.1:0",
        "auth_token": TOKEN,
        "numbers": (parley_simulator.settings.NumberSettings(phone_number=SENDER),),
        "sent_delay": 0.0,
        "delivered_delay": 0.0,
    }
    return parley_simulator.settings.Settings(**(usual | fields))


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with parley_simulator.app.running(simulator_settings()) as started:
        yield started


@pytest.fixture
async def session() -> AsyncIterator[SessionPeer]:
    async with session_peer(PROCESS) as peer:
        yield peer


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioPeer]:
    async with twilio_peer() as peer:
        yield peer


@dataclass
class Notifier:
    """A running notifier and a client of it."""

    service: NotifierService
    stub: notifier_service_pb2_grpc.NotifierServiceAsyncStub

    async def submit(self, *texts: Text, timeout: float = 30.0) -> None:
        await self.stub.Submit(
            notifier_pb2.SubmitRequest(submissions=[text.submission for text in texts]), timeout=timeout
        )

    async def opt_out(self, *opt_outs: notifier_pb2.OptOut, texts: Sequence[Text] = ()) -> None:
        await self.stub.Submit(
            notifier_pb2.SubmitRequest(submissions=[text.submission for text in texts], opt_outs=opt_outs), timeout=5.0
        )

    async def report(self, message_id: str, sid: str, *statuses: str, error_code: int = 0) -> None:
        reports = [
            notifier_pb2.DeliveryReport(delivery_id=message_id, message_sid=sid, status=status, error_code=error_code)
            for status in statuses
        ]
        await self.stub.ReportDeliveries(notifier_pb2.ReportDeliveriesRequest(reports=reports), timeout=30.0)


@dataclass
class Text:
    """One text of a thread, as the session service submits it."""

    thread_id: str
    participant: str
    seq: int
    text: str = "hello"
    canceled: bool = False
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sender: str = SENDER
    scope: str = ""
    at_most_once: bool = False
    expire_time: float | None = None

    @property
    def submission(self) -> notifier_pb2.Submission:
        return notifier_pb2.Submission(
            message_id=self.message_id,
            thread_id=self.thread_id,
            seq=self.seq,
            sender=self.sender,
            participant=self.participant,
            text=self.text,
            canceled=self.canceled,
            opt_out_scope=self.scope,
            at_most_once=self.at_most_once,
            expire_time=None if self.expire_time is None else timestamp(self.expire_time),
        )


@dataclass
class Thread:
    """A thread that writes texts in order."""

    participant: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    written: int = 0

    def said(self, event_time: float, opted_out: bool = True, scope: str = SENDER) -> notifier_pb2.OptOut:
        """A STOP or START of its participant."""
        return notifier_pb2.OptOut(
            scope=scope, participant=self.participant, opted_out=opted_out, event_time=timestamp(event_time)
        )

    def text(self, text: str = "", **fields: Any) -> Text:
        self.written += 1
        return Text(self.id, self.participant, self.written, text or f"text {self.written}", **fields)


@pytest.fixture
def new_thread() -> Callable[[], Thread]:
    participants = (f"+1555010{number:04d}" for number in range(10_000))
    return lambda: Thread(next(participants))


@pytest.fixture
def thread(new_thread: Callable[[], Thread]) -> Thread:
    return new_thread()


Start = Callable[..., AbstractAsyncContextManager[Notifier]]


@pytest.fixture
def start(database: FreshDatabase, simulator: Simulator, session: SessionPeer) -> Start:
    """Starts a notifier; `fields` change its settings."""
    usual: dict[str, Any] = {
        "process": PROCESS,
        "listen": "127.0.0.1:0",
        "database_url": database.notifier_url,
        "session_address": (session.address,),
        "callback_url": "http://127.0.0.1:9",
        "twilio_url": simulator.api_url,
        "twilio_account_sid": simulator.account_sid,
        "twilio_auth_token": TOKEN,
    }

    @asynccontextmanager
    async def started(telemetry: Telemetry | None = None, **fields: Any) -> AsyncIterator[Notifier]:
        async with AsyncExitStack() as stack:
            service = await stack.enter_async_context(running(Settings(**(usual | FAST | fields)), telemetry))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(service.address))
            yield Notifier(service, notifier_service_pb2_grpc.NotifierServiceStub(channel))

    return started


@pytest.fixture
async def notifier(start: Start) -> AsyncIterator[Notifier]:
    async with start() as started:
        yield started


class Rows:
    """The notifier's tables, read past it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def all(self, query: LiteralString, *parameters: object) -> list[TupleRow]:
        return await (await self.connection.execute(query, parameters)).fetchall()

    async def one(self, query: LiteralString, *parameters: object) -> Any:
        (row,) = await self.all(query, *parameters)
        return row[0]

    async def state(self, message_id: str) -> str:
        state = await self.one("SELECT state FROM notifier.deliveries WHERE id = %s", message_id)
        assert isinstance(state, str)
        return state

    async def outcomes(self, message_id: str) -> list[str]:
        """What its attempts found out, in order."""
        query = "SELECT outcome FROM notifier.attempts WHERE delivery_id = %s ORDER BY attempt"
        return [row[0] for row in await self.all(query, message_id)]

    async def opt_outs(self) -> list[TupleRow]:
        """Scope, whether opted out, and when that was said."""
        query = "SELECT scope, opted_out, date_part('epoch', event_time) FROM notifier.opt_outs ORDER BY scope"
        return await self.all(query)


@pytest.fixture
async def rows(database: FreshDatabase) -> AsyncIterator[Rows]:
    async with await psycopg.AsyncConnection.connect(database.notifier_url, autocommit=True) as connection:
        yield Rows(connection)


async def eventually(check: Callable[[], Awaitable[bool]], timeout: float = 60.0) -> None:
    """Returns once `check` is true."""
    async with asyncio.timeout(timeout):
        while not await check():
            await asyncio.sleep(0.01)
