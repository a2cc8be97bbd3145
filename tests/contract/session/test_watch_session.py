"""WatchSession as its callers see it: what is told and when, how it is continued, how it ends, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import grpc
import pytest

from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc
from tests.contract.session.calls import never
from tests.contract.session.scripted_agent import ScriptedAgent, agent_running
from tests.databases import FreshDatabase
from tests.integration.session.replica import Rows
from tests.integration.session.services import (
    Client,
    KeepingNotifier,
    Surroundings,
    notifier_running,
    service_running,
)
from tests.integration.session.watching import Watcher, ended, status_of, watching

ANNA = "+15550111"
Session, Message = session_pb2.Session, session_pb2.Message
PENDING, ACCEPTED, DELIVERED, FAILED = (
    session_pb2.DELIVERY_STATE_PENDING,
    session_pb2.DELIVERY_STATE_ACCEPTED,
    session_pb2.DELIVERY_STATE_DELIVERED,
    session_pb2.DELIVERY_STATE_FAILED,
)


@pytest.fixture(autouse=True)
async def registered(rows: Rows) -> None:
    await rows.register()


@pytest.fixture
async def client(database: FreshDatabase, notifier: KeepingNotifier, agent: ScriptedAgent) -> AsyncIterator[Client]:
    """A service that lets in three watchers."""
    async with agent_running(agent) as address, notifier_running(notifier) as notifier_address:
        around = Surroundings(database.session_url, {"*": (address,)}, notifier_address)
        async with service_running(around, max_watchers=3, drain=0.0) as client:
            yield client


async def open_session(client: Client, rows: Rows, *texts: str) -> str:
    """A session that took `texts`, each answered; its id."""
    for count, text in enumerate(texts or ("hello",), start=1):
        await client.send(ANNA, text)
        await answered(rows, count)
    return str(await rows.one("SELECT id::text FROM session.sessions WHERE end_time IS NULL"))


async def answered(rows: Rows, replies: int) -> None:
    async with asyncio.timeout(30):
        while await rows.one("SELECT count(*) FROM session.messages WHERE direction = 2") != replies:
            await asyncio.sleep(0.005)


async def record(client: Client, message: session_pb2.Message, state: session_pb2.DeliveryState.ValueType) -> None:
    records = [session_pb2.DeliveryRecord(message_id=message.message_id, state=state)]
    await client.sessions.RecordDeliveries(session_service_pb2.RecordDeliveriesRequest(records=records))


async def end(client: Client, session_id: str) -> None:
    await client.sessions.EndSession(session_service_pb2.EndSessionRequest(session_id=session_id))


def watch(client: Client, session_id: str, cursor: str = "") -> Any:
    request = session_service_pb2.WatchSessionRequest(session_id=session_id, cursor=cursor)
    return client.sessions.WatchSession(request)


async def test_the_session_is_told_first_then_its_messages_oldest_first(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows, "one", "two")
    async with watching(client.sessions, session_id) as watcher:
        await watcher.until(lambda w: len(w.told) == 5)
    first, *rest = watcher.told
    assert first.session.session_id == session_id
    assert first.session.state == Session.STATE_OPEN
    assert first.session.participant == ANNA
    assert [told.message.text for told in rest] == ["one", "echo one", "two", "echo two"]
    assert [told.message.position for told in rest] == [1, 2, 3, 4]


async def test_a_message_comes_again_when_its_delivery_state_changes(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows)
    async with watching(client.sessions, session_id) as watcher:
        await watcher.until(lambda w: len(w.messages) == 2)
        reply = watcher.transcript[-1]
        assert reply.delivery_state == PENDING
        for state in (ACCEPTED, DELIVERED):
            await record(client, reply, state)
            await watcher.until(lambda w, state=state: w.transcript[-1].delivery_state == state)  # type: ignore[misc]
    assert [told.message.delivery_state for told in watcher.told[2:]] == [PENDING, ACCEPTED, DELIVERED]


async def test_new_messages_are_told_as_they_come(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows)
    async with watching(client.sessions, session_id) as watcher:
        await watcher.until(lambda w: len(w.messages) == 2)
        for n in range(5):
            await client.send(ANNA, f"{n}")
            await watcher.until(lambda w, n=n: f"echo {n}" in w.texts)  # type: ignore[misc]
    assert watcher.texts == ["hello", "echo hello", *(text for n in range(5) for text in (f"{n}", f"echo {n}"))]


async def test_a_session_is_told_again_when_its_state_changes(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows)
    async with watching(client.sessions, session_id) as watcher:
        await watcher.until(lambda w: len(w.messages) == 2)
        hand_off = session_service_pb2.HandOffSessionRequest(session_id=session_id, destination="sales", reason="vip")
        await client.sessions.HandOffSession(hand_off)
        await watcher.until(lambda w: w.session.state == Session.STATE_HANDED_OFF)
        assert (watcher.session.hand_off_destination, watcher.session.hand_off_reason) == ("sales", "vip")
        await client.send(ANNA, "is anybody there?")
        await watcher.until(lambda w: w.transcript[-1].ignore_reason == "handed_off")
        await client.sessions.ResumeSession(session_service_pb2.ResumeSessionRequest(session_id=session_id))
        await watcher.until(lambda w: w.session.state == Session.STATE_OPEN)


async def test_the_stream_ends_when_the_session_has_ended_and_its_deliveries_are_final(
    client: Client, rows: Rows
) -> None:
    session_id = await open_session(client, rows, "one", "two")
    watcher = Watcher(client.sessions, session_id)
    stream = asyncio.create_task(watcher.watch())
    await watcher.until(lambda w: len(w.messages) == 4)
    _, first, _, second = watcher.transcript
    await end(client, session_id)
    await watcher.until(lambda w: w.session.state == Session.STATE_ENDED)
    assert watcher.session.end_reason == Session.END_REASON_ENDED_BY_REQUEST
    await record(client, first, DELIVERED)
    await record(client, second, ACCEPTED)
    await watcher.until(lambda w: w.states == [0, DELIVERED, 0, ACCEPTED])
    assert not stream.done(), "a delivery may still change"
    await record(client, second, FAILED)
    await asyncio.wait_for(stream, 30)
    assert watcher.states == [0, DELIVERED, 0, FAILED]


async def test_a_session_that_is_over_is_told_whole_and_the_stream_ends(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows)
    await rows.all("UPDATE session.messages SET delivery_state = 5 WHERE direction = 2")
    await end(client, session_id)
    watcher = await ended(client.sessions, session_id)
    assert watcher.texts == ["hello", "echo hello"]
    assert watcher.session.state == Session.STATE_ENDED
    again = await ended(client.sessions, session_id, watcher.cursor)
    assert again.told == [], "all of it was told"


async def test_a_watch_is_continued_behind_any_cursor_and_misses_nothing(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows, "one", "two", "three")
    async with watching(client.sessions, session_id) as watcher:
        await watcher.until(lambda w: len(w.messages) == 6)
        for message in watcher.transcript[3::-2]:
            await record(client, message, DELIVERED)
        await watcher.until(lambda w: w.states == [0, DELIVERED, 0, DELIVERED, 0, PENDING])
        early = list(watcher.told)
    await record(client, watcher.transcript[5], DELIVERED)
    await end(client, session_id)
    final = await ended(client.sessions, session_id)
    for count in range(len(early) + 1):
        continued = Watcher(client.sessions, session_id)
        for told in early[:count]:
            continued.take(told)
        await asyncio.wait_for(continued.watch(), 5)
        assert continued.transcript == final.transcript, count
        assert continued.session == final.session, count


async def test_a_session_of_many_messages_is_told_whole(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows)
    await add_messages(rows, 170)
    async with watching(client.sessions, session_id) as watcher:
        await watcher.until(lambda w: len(w.messages) == 172)
        assert [message.position for message in watcher.transcript] == list(range(1, 173))
        await record(client, watcher.transcript[100], DELIVERED)
        await watcher.until(lambda w: w.transcript[100].delivery_state == DELIVERED)
    assert len(watcher.told) == 174


async def add_messages(rows: Rows, count: int) -> None:
    """Behind what is there: messages of ours that are under way."""
    await rows.all(
        "INSERT INTO session.messages (id, thread_id, session_id, position, direction, text, seq, delivery_state, "
        "traceparent, kind) SELECT gen_random_uuid(), t.id, t.session_id, t.last_position + n, 2, 'text ' || n, "
        "t.last_seq + n, 1, '', 6 FROM session.threads t, generate_series(1, %s) n",
        count,
    )
    await rows.all(
        "UPDATE session.threads SET last_position = last_position + %s, last_seq = last_seq + %s", count, count
    )


async def test_what_another_process_commits_is_found(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows)
    async with watching(client.sessions, session_id) as watcher:
        await watcher.until(lambda w: len(w.messages) == 2)
        for state in (2, 3, 4):
            await rows.all("UPDATE session.messages SET delivery_state = %s WHERE direction = 2", state)
            await watcher.until(lambda w, state=state: w.states == [0, state])  # type: ignore[misc]
        await add_messages(rows, 1)
        await watcher.until(lambda w: len(w.messages) == 3)
        await rows.all("UPDATE session.sessions SET handed_off = true, hand_off_reason = 'asked'")
        await watcher.until(lambda w: w.session.hand_off_reason == "asked")
    assert len(watcher.told) == 8, "nothing is told twice"


async def test_a_text_that_moves_on_to_the_next_session_is_told_with_it(
    client: Client, rows: Rows, agent: ScriptedAgent
) -> None:
    agent.respond = never
    await client.send(ANNA, "one")
    await client.send(ANNA, "two")
    session_id = str(await rows.one("SELECT id::text FROM session.sessions"))
    async with watching(client.sessions, session_id) as watcher:
        await watcher.until(lambda w: w.texts == ["one", "two"])
        await end(client, session_id)
        await watcher.until(lambda w: w.session.state == Session.STATE_ENDED)
    assert watcher.texts == []
    newer = str(await rows.one("SELECT id::text FROM session.sessions WHERE end_time IS NULL"))
    assert {message.session_id for message in watcher.messages.values()} == {newer}


async def test_a_bad_cursor_is_refused_by_its_name(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows)
    end = session_id[-8:]
    for bad in (
        "nonsense",
        "1",
        f"-1-00000001-{end}",
        f"1-0000000g-{end}",
        f"1-00000001-{end}\n",
        f"{'9' * 19}-00000001-{end}",
        "1-00000001-0badf00d",
    ):
        code, details = await status_of(watch(client, session_id, bad))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert details.startswith("cursor: ")


async def test_a_session_that_is_not_there_and_an_id_that_is_none_are_refused(client: Client) -> None:
    code, _ = await status_of(watch(client, str(uuid4())))
    assert code is grpc.StatusCode.NOT_FOUND
    code, details = await status_of(watch(client, "not an id"))
    assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, "session_id: write a UUID")


async def test_too_many_watchers_are_refused_and_places_become_free(client: Client, rows: Rows) -> None:
    session_id = await open_session(client, rows)
    async with watching(client.sessions, session_id) as one, watching(client.sessions, session_id) as two:
        async with watching(client.sessions, session_id) as three:
            for watcher in (one, two, three):
                await watcher.until(lambda w: len(w.told) == 3)
            code, _ = await status_of(watch(client, session_id))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        await free_again(client, session_id)


async def free_again(client: Client, session_id: str) -> None:
    """Returns once another watcher is let in: the server hears of a caller's leaving a moment later."""
    async with asyncio.timeout(30):
        while True:
            stream = watch(client, session_id)
            try:
                await anext(aiter(stream))
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.01)
            else:
                stream.cancel()
                return


async def test_a_slow_reader_is_waited_for_by_nobody(client: Client, rows: Rows) -> None:
    """It reads nothing of megabytes; others are told, its call can be cancelled, and its place becomes free."""
    session_id = await open_session(client, rows)
    await add_messages(rows, 400)
    await rows.all("UPDATE session.messages SET text = repeat('x', 16000) WHERE direction = 2")
    slow = watch(client, session_id)
    async with watching(client.sessions, session_id) as watcher:
        await watcher.until(lambda w: len(w.messages) == 402)
        await client.send(ANNA, "still there?")
        await watcher.until(lambda w: "echo still there?" in w.texts)
        async with watching(client.sessions, session_id) as third:
            await third.until(lambda w: len(w.messages) == 404)
            slow.cancel()
            await free_again(client, session_id)


async def test_watches_end_with_unavailable_when_the_process_stops_and_go_on_elsewhere(
    database: FreshDatabase, notifier: KeepingNotifier, rows: Rows
) -> None:
    async with agent_running(ScriptedAgent()) as agent, notifier_running(notifier) as notifier_address:
        around = Surroundings(database.session_url, {"*": (agent,)}, notifier_address)
        async with service_running(around) as other:
            running = service_running(around)
            client = await running.__aenter__()
            session_id = await open_session(client, rows)
            async with grpc.aio.insecure_channel(client.service.address) as channel:
                watcher = Watcher(session_service_pb2_grpc.SessionServiceStub(channel), session_id)
                stream = asyncio.create_task(watcher.watch())
                await watcher.until(lambda w: len(w.messages) == 2)
                async with asyncio.timeout(30):
                    await running.__aexit__(None, None, None)
                with pytest.raises(grpc.aio.AioRpcError) as failure:
                    await stream
            assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
            assert "cursor" in (failure.value.details() or "")
            async with watching(other.sessions, session_id, watcher.cursor) as elsewhere:
                await other.send(ANNA, "more")
                await elsewhere.until(lambda w: "echo more" in w.texts)
            repeated = [told for told in elsewhere.told if told.HasField("session")]
            assert repeated == [], "the session is as it was"
