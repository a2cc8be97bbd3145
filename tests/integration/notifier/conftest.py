"""A notifier on a real PostgreSQL, against the real simulator, with a session service that writes down."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

import parley_simulator.app
import parley_simulator.settings
from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_chassis.postgres.migrations import migrate
from parley_chassis.settings import ProcessSettings
from parley_notifier.app import MIGRATIONS, NotifierService, running
from parley_notifier.settings import Settings
from parley_simulator.simulator import Simulator
from tests.integration.notifier.peers import SessionPeer, session_peer

SENDER = "+15550001111"
TOKEN = "the-token-of-the-test-account"
TEMPLATE = "notifier_template"
PROCESS = ProcessSettings(insecure_dev=True)
# The protocol's durations, far shorter and in the same proportions.
FAST = {
    "connect_timeout": 0.3,
    "read_timeout": 0.5,
    "send_timeout": 0.6,
    "lease": 2.0,
    "margin": 0.8,
    "settle": 3.0,
    "list_gap": 0.3,
    "look_after": 0.1,
    "backoff": 0.05,
    "backoff_limit": 0.2,
    "pause": 0.3,
    "poll": 0.05,
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[EmbeddedPostgres]:
    async with embedded_postgres(settings={"fsync": "off", "max_connections": "300"}) as postgres:
        await _create_database(postgres, TEMPLATE)
        await migrate(postgres.url(database=TEMPLATE), MIGRATIONS, "notifier")
        yield postgres


async def _create_database(postgres: EmbeddedPostgres, name: str, template: str = "template1") -> None:
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    async with await psycopg.AsyncConnection.connect(postgres.url(), autocommit=True) as connection:
        await connection.execute(create)


@pytest.fixture
async def database_url(server: EmbeddedPostgres) -> str:
    """A database with the schema, that no other test sees."""
    name = f"test_{uuid.uuid4().hex}"
    await _create_database(server, name, TEMPLATE)
    return server.url(database=name)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    settings = parley_simulator.settings.Settings(
        listen="127.0.0.1:0",
        control_listen="127.0.0.1:0",
        auth_token=TOKEN,
        numbers=(parley_simulator.settings.NumberSettings(phone_number=SENDER),),
        sent_delay=0.0,
        delivered_delay=0.0,
    )
    async with parley_simulator.app.running(settings) as started:
        yield started


@pytest.fixture
async def session() -> AsyncIterator[SessionPeer]:
    async with session_peer(PROCESS) as peer:
        yield peer


@dataclass
class Notifier:
    """A running notifier and a client of it."""

    service: NotifierService
    stub: notifier_service_pb2_grpc.NotifierServiceAsyncStub

    async def submit(self, *texts: Text, timeout: float = 5.0) -> None:
        await self.stub.Submit(
            notifier_pb2.SubmitRequest(submissions=[text.submission for text in texts]), timeout=timeout
        )

    async def report(self, message_id: str, sid: str, *statuses: str, error_code: int = 0) -> None:
        reports = [
            notifier_pb2.DeliveryReport(delivery_id=message_id, message_sid=sid, status=status, error_code=error_code)
            for status in statuses
        ]
        await self.stub.ReportDeliveries(notifier_pb2.ReportDeliveriesRequest(reports=reports), timeout=5.0)


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
        )


@dataclass
class Thread:
    """A thread that writes texts in order."""

    participant: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    written: int = 0

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
def start(database_url: str, simulator: Simulator, session: SessionPeer) -> Start:
    """Starts a notifier; `fields` change its settings."""

    def settings(**fields: Any) -> Settings:
        usual: dict[str, Any] = {
            "process": PROCESS,
            "listen": "127.0.0.1:0",
            "database_url": database_url,
            "session_address": (session.address,),
            "callback_url": "http://127.0.0.1:9",
            "twilio_url": simulator.api_url,
            "twilio_account_sid": simulator.account_sid,
            "twilio_auth_token": TOKEN,
        }
        return Settings(**(usual | FAST | fields))

    @asynccontextmanager
    async def started(**fields: Any) -> AsyncIterator[Notifier]:
        async with AsyncExitStack() as stack:
            service = await stack.enter_async_context(running(settings(**fields)))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(service.address))
            yield Notifier(service, notifier_service_pb2_grpc.NotifierServiceStub(channel))

    return started


@pytest.fixture
async def notifier(start: Start) -> AsyncIterator[Notifier]:
    async with start() as started:
        yield started


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection
