"""Watchers among commits of several processes: nothing is missed, whoever commits, and whatever ends a stream."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar

import grpc
import psycopg
import pytest
from psycopg import sql

import parley_session.app
from parley.session.v1 import session_pb2, session_service_pb2
from parley_chassis.postgres.pool import Database, DatabaseUnavailable
from parley_session.adapters.postgres.watches import PostgresWatches
from parley_session.ports import Look, Seen, Sight
from tests.contract.session.scripted_agent import Request, Response, ScriptedAgent, agent_running
from tests.databases import DISCONNECT, FreshDatabase
from tests.integration.session.replica import Rows, eventually
from tests.integration.session.services import (
    Client,
    KeepingNotifier,
    Surroundings,
    notifier_running,
    service_running,
)
from tests.integration.session.watching import Watcher, watching

ANNA = "+15550111"
LONG = 30.0
Session = session_pb2.Session


@pytest.fixture
async def around(database: FreshDatabase, rows: Rows) -> AsyncIterator[Surroundings]:
    chance = random.Random(1)

    async def respond(request: Request) -> Response:
        """Says nothing, something or much, and hangs up now and then."""
        texts = [text.text for text in request.start.texts or request.message.texts]
        if texts == ["hello"]:
            return Response(replies=["echo hello"])
        replies = [f"{n} {texts}" for n in range(chance.choice((0, 1, 1, 2)))]
        return Response(replies=replies, hang_up=chance.random() < 0.1)

    agent = ScriptedAgent(respond)
    async with agent_running(agent) as address, notifier_running(KeepingNotifier()) as notifier:
        yield Surroundings(database.session_url, {"*": (address,)}, notifier)


async def greeted(client: Client, rows: Rows) -> str:
    """The id of a session with a text and its answer."""
    await client.send(ANNA, "hello")
    async with asyncio.timeout(LONG):
        while await rows.one("SELECT count(*) FROM session.messages") != 2:
            await asyncio.sleep(0.005)
    return str(await rows.one("SELECT id::text FROM session.sessions"))


async def test_commits_of_the_own_process_are_told_without_a_look_at_the_others(
    around: Surroundings, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parley_session.app, "POLL", 3600.0)
    async with service_running(around) as client:
        session_id = await greeted(client, rows)
        async with watching(client.sessions, session_id) as watcher:
            await watcher.until(lambda w: len(w.messages) == 2)
            await client.send(ANNA, "hello")
            await watcher.until(lambda w: w.texts == ["hello", "echo hello"] * 2)
            await record(client, watcher.transcript[1].message_id, session_pb2.DELIVERY_STATE_DELIVERED)
            await watcher.until(lambda w: w.states[1] == session_pb2.DELIVERY_STATE_DELIVERED)
            await end(client, session_id)
            await watcher.until(lambda w: w.session.state == Session.STATE_ENDED)


async def test_a_commit_between_the_first_look_and_the_watch_is_told(
    around: Surroundings, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, committed = asyncio.Event(), asyncio.Event()

    class InterruptedWatches(PostgresWatches):
        async def read(self, looks: Sequence[Look]) -> list[Sight | None]:
            sights = await super().read(looks)
            looked.set()
            await committed.wait()
            return sights

    monkeypatch.setattr(parley_session.app, "PostgresWatches", InterruptedWatches)
    monkeypatch.setattr(parley_session.app, "POLL", 3600.0)
    async with service_running(around) as client:
        session_id = await greeted(client, rows)
        async with watching(client.sessions, session_id) as watcher:
            await looked.wait()
            await end(client, session_id)
            committed.set()
            await watcher.until(lambda w: w.session.state == Session.STATE_ENDED)


class CountedWatches(PostgresWatches):
    """Notes how many sessions each statement asked about."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked.clear()

    asked: ClassVar[list[int]] = []

    async def find_changed(self, seen: Sequence[Seen]) -> list[int]:
        self.asked.append(len(seen))
        return await super().find_changed(seen)


async def test_nothing_is_asked_while_nobody_watches_and_one_statement_serves_all_who_do(
    around: Surroundings, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parley_session.app, "PostgresWatches", CountedWatches)
    monkeypatch.setattr(parley_session.app, "POLL", 0.02)
    asked = CountedWatches.asked
    async with service_running(around) as client:
        session_id = await greeted(client, rows)
        await asyncio.sleep(0.1)
        assert asked == []
        watchers = [Watcher(client.sessions, session_id) for _ in range(20)]
        streams = [asyncio.create_task(watcher.watch()) for watcher in watchers]
        for watcher in watchers:
            await watcher.until(lambda w: len(w.messages) == 2)
        await eventually(lambda: asked[-2:] == [20, 20])
        await rows.all("UPDATE session.messages SET delivery_state = 5 WHERE direction = 2")
        for watcher in watchers:
            await watcher.until(lambda w: w.states == [0, 5])
        await end(client, session_id)
        await asyncio.gather(*streams)
        count = len(asked)
        await asyncio.sleep(0.1)
        assert len(asked) <= count + 1, "the last one has left"


async def test_a_watch_goes_on_when_the_database_is_back(
    around: Surroundings, rows: Rows, database: FreshDatabase
) -> None:
    async with service_running(around) as client:
        session_id = await greeted(client, rows)
        async with watching(client.sessions, session_id) as watcher:
            await watcher.until(lambda w: len(w.messages) == 2)
            async with await psycopg.AsyncConnection.connect(
                database.postgres.url(database="postgres"), autocommit=True
            ) as server:
                allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
                name = sql.Identifier(database.name)
                await server.execute(allow.format(name, sql.SQL("false")))
                await server.execute(DISCONNECT, [database.name])
                with pytest.raises(grpc.aio.AioRpcError) as away:
                    await client.send(ANNA, "lost")
                assert away.value.code() is grpc.StatusCode.UNAVAILABLE
                await server.execute(allow.format(name, sql.SQL("true")))
            async with await psycopg.AsyncConnection.connect(database.session_url, autocommit=True) as again:
                await again.execute("UPDATE session.messages SET delivery_state = 5 WHERE direction = 2")
            await watcher.until(lambda w: w.states == [0, 5], LONG)
        assert sum(told.HasField("session") for told in watcher.told) == 1, "the stream was never cut"


class FailingWatches(PostgresWatches):
    """Whose second look finds the database away."""

    reads = 0

    async def read(self, looks: Sequence[Look]) -> list[Sight | None]:
        self.reads += 1
        if self.reads == 2:
            raise DatabaseUnavailable("away for a moment")
        return await super().read(looks)


async def test_a_watch_goes_on_where_it_was_when_the_database_was_away(
    around: Surroundings, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parley_session.app, "PostgresWatches", FailingWatches)
    async with service_running(around) as client:
        session_id = await greeted(client, rows)
        await rows.all(
            "INSERT INTO session.messages (id, thread_id, session_id, position, direction, text, seq, traceparent) "
            "SELECT gen_random_uuid(), t.id, t.session_id, 2 + n, 2, 'more', 1 + n, '' "
            "FROM session.threads t, generate_series(1, 80) n"
        )
        await rows.all("UPDATE session.threads SET last_position = 82")
        async with watching(client.sessions, session_id) as watcher:
            await watcher.until(lambda w: len(w.messages) == 82)


@dataclass
class Storm:
    """What callers do to some threads, through whichever process, and those who watch."""

    clients: Sequence[Client]
    rows: Rows
    chance: random.Random
    watchers: dict[tuple[str, int], asyncio.Task[Watcher]] = field(default_factory=dict)
    reconnects: int = 0

    @property
    def client(self) -> Client:
        return self.chance.choice(self.clients)

    async def rage(self, steps: int) -> None:
        people = [f"+1666{n:07d}" for n in range(6)]
        for step in range(steps):
            match self.chance.randrange(8):
                case 0 | 1 | 2:
                    await self.client.send(self.chance.choice(people), f"text {step}")
                case 3 | 4:
                    await self._record()
                case 5:
                    await self._change()
                case _:
                    await asyncio.sleep(self.chance.random() / 50)
            await self._watch_all()

    async def calm(self) -> None:
        """Ends all sessions and settles all deliveries, until nothing is left to happen."""
        async with asyncio.timeout(LONG):
            while True:
                for (session_id,) in await self.rows.all(
                    "SELECT id::text FROM session.sessions WHERE end_time IS NULL"
                ):
                    await end(self.client, session_id)
                for (message_id,) in await self.rows.all(
                    "SELECT id::text FROM session.messages WHERE delivery_state BETWEEN 1 AND 4"
                ):
                    await record(self.client, message_id, session_pb2.DELIVERY_STATE_DELIVERED)
                if await self.rows.one(OPEN) == 0:
                    break
                await asyncio.sleep(0.01)
            await self._watch_all()
            await asyncio.wait(self.watchers.values())

    async def _record(self) -> None:
        found = await self.rows.all("SELECT id::text FROM session.messages WHERE direction = 2 ORDER BY id")
        if found:
            await record(self.client, self.chance.choice(found)[0], self.chance.choice((2, 3, 4, 5, 6)))

    async def _change(self) -> None:
        found = await self.rows.all("SELECT id::text FROM session.sessions WHERE end_time IS NULL ORDER BY id")
        if not found:
            return
        session_id, sessions = self.chance.choice(found)[0], self.client.sessions
        with suppress(grpc.aio.AioRpcError):
            match self.chance.randrange(4):
                case 0:
                    await end(self.client, session_id)
                case 1:
                    await sessions.HandOffSession(session_service_pb2.HandOffSessionRequest(session_id=session_id))
                case 2:
                    await sessions.ResumeSession(session_service_pb2.ResumeSessionRequest(session_id=session_id))
                case 3:
                    text = session_service_pb2.SendMessageRequest(
                        request_id=str(self.chance.random()), session_id=session_id, text="a person"
                    )
                    await sessions.SendMessage(text)

    async def _watch_all(self) -> None:
        for (session_id,) in await self.rows.all("SELECT id::text FROM session.sessions"):
            for n in range(2):
                if (session_id, n) not in self.watchers:
                    task = asyncio.create_task(self._watch(session_id))
                    self.watchers[session_id, n] = task

    async def _watch(self, session_id: str) -> Watcher:
        """Watches to the end, now here, now there, behind the last cursor or one from before."""
        watcher = Watcher(self.client.sessions, session_id)
        while True:
            watcher.sessions = self.client.sessions
            stream = asyncio.create_task(watcher.watch())
            patience = self.chance.choice((0.01, 0.05, 0.2, 1.0))
            done, _ = await asyncio.wait({stream}, timeout=patience)
            if done:
                await stream
                return watcher
            stream.cancel()
            await asyncio.wait({stream})
            self.reconnects += 1
            if watcher.told and self.chance.random() < 0.2:
                watcher.cursor = self.chance.choice(watcher.told).cursor


OPEN = """
SELECT (SELECT count(*) FROM session.turns WHERE open) + (SELECT count(*) FROM session.sessions WHERE end_time IS NULL)
  + (SELECT count(*) FROM session.messages WHERE delivery_state BETWEEN 1 AND 4)
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_is_told_in_a_storm_is_the_transcript_in_the_end(
    around: Surroundings, rows: Rows, seed: int
) -> None:
    async with service_running(around) as one, service_running(around) as two:
        storm = Storm([one, two], rows, random.Random(seed))
        await storm.rage(150)
        await storm.calm()
        assert storm.reconnects > 20
        for (session_id, _), task in storm.watchers.items():
            watcher = await task
            request = session_service_pb2.GetSessionRequest(session_id=session_id)
            assert watcher.session == (await one.sessions.GetSession(request)).session
            final = await transcript(one, session_id)
            moved = [message for message in watcher.transcript if message not in final]
            assert [message for message in watcher.transcript if message in final] == final
            for message in moved:
                now = await rows.one("SELECT session_id::text FROM session.messages WHERE id = %s", message.message_id)
                assert now != session_id, "only a text that went to the next session is not in this one"


async def transcript(client: Client, session_id: str) -> list[session_pb2.Message]:
    request = session_service_pb2.ListMessagesRequest(session_id=session_id, page_size=500)
    return list((await client.sessions.ListMessages(request)).messages)


async def record(client: Client, message_id: str, state: int) -> None:
    records = [session_pb2.DeliveryRecord(message_id=message_id, state=state)]  # type: ignore[arg-type]
    await client.sessions.RecordDeliveries(session_service_pb2.RecordDeliveriesRequest(records=records))


async def end(client: Client, session_id: str) -> None:
    await client.sessions.EndSession(session_service_pb2.EndSessionRequest(session_id=session_id))
