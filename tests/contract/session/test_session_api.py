"""The session service as its callers see it: what is refused and how, what is idempotent, and how lists are paged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias
from uuid import uuid4

import grpc
import psycopg
import pytest
from psycopg import sql

from parley.channel.v1 import channel_pb2
from parley.session.v1 import number_pb2, number_service_pb2, session_pb2, session_service_pb2
from parley_chassis.errors import error_info
from tests.databases import FreshDatabase
from tests.integration.session.replica import Rows, eventually
from tests.integration.session.services import OURS, Client, KeepingNotifier

ANNA, BEN = "+15550111", "+15550112"

Result: TypeAlias = session_pb2.ReceiveResult
Message: TypeAlias = session_pb2.Message
Change: TypeAlias = Callable[[session_pb2.InboundMessage], None]


@pytest.fixture(autouse=True)
async def registered(rows: Rows) -> None:
    await rows.register()


def setting(field: str, value: object) -> Change:
    def change(message: session_pb2.InboundMessage) -> None:
        if isinstance(value, list):
            getattr(message, field).extend(value)
        else:
            setattr(message, field, value)

    return change


INVALID: dict[str, tuple[Change, str]] = {
    "no channel": (setting("channel", 0), "channel"),
    "a channel that is not served": (setting("channel", channel_pb2.CHANNEL_VOICE), "channel"),
    "a channel of the future": (setting("channel", 99), "channel"),
    "no endpoint": (setting("endpoint", ""), "endpoint"),
    "a local endpoint": (setting("endpoint", "5550100"), "endpoint"),
    "an endpoint with a space": (setting("endpoint", "+1 5550100"), "endpoint"),
    "an endpoint with a line end": (setting("endpoint", "+15550100\n"), "endpoint"),
    "an endpoint with foreign digits": (setting("endpoint", "+1٥550100"), "endpoint"),
    "no participant": (setting("participant", ""), "participant"),
    "a long participant": (setting("participant", "x" * 201), "participant"),
    "a participant that cannot be stored": (setting("participant", "+1\x00"), "participant"),
    "no source": (setting("source_id", ""), "source_id"),
    "a long source": (setting("source_id", "x" * 201), "source_id"),
    "a source that cannot be stored": (setting("source_id", "SM\x00"), "source_id"),
    "a long text": (setting("text", "x" * 16_385), "text"),
    "much media": (setting("media_urls", ["https://media.example/" + "x" * 4096] * 64), "message"),
}


async def test_each_bad_message_is_answered_with_its_field_and_spoils_nothing(client: Client, rows: Rows) -> None:
    messages = [client.message(ANNA, "first")]
    for change, _ in INVALID.values():
        message = client.message(ANNA, "bad")
        change(message)
        messages.append(message)
    first, *bad, last = await client.receive(*messages, client.message(ANNA, "last"))

    assert {result.outcome for result in bad} == {Result.OUTCOME_INVALID}
    for (name, (_, field)), result in zip(INVALID.items(), bad, strict=True):
        assert result.detail.startswith(f"{field}: "), name
        assert not result.message_id
    assert (first.outcome, last.outcome) == (Result.OUTCOME_ACCEPTED, Result.OUTCOME_ACCEPTED)
    assert await rows.one("SELECT count(*) FROM session.messages WHERE direction = 1") == 2


async def test_results_stand_in_the_order_of_their_messages(client: Client) -> None:
    unknown = client.message(ANNA, "to nobody")
    unknown.endpoint = "+15550199"
    twice = client.message(BEN, "twice")
    results = await client.receive(twice, unknown, client.message(ANNA, "hello"), twice)
    assert [result.outcome for result in results] == [
        Result.OUTCOME_ACCEPTED,
        Result.OUTCOME_UNKNOWN_NUMBER,
        Result.OUTCOME_ACCEPTED,
        Result.OUTCOME_DUPLICATE,
    ]
    assert results[0].message_id == results[3].message_id != results[2].message_id
    assert not results[1].message_id


async def test_what_cannot_be_stored_of_a_text_is_replaced(client: Client, rows: Rows) -> None:
    message = client.message(ANNA, "a\x00b")
    message.media_urls.append("https://media/\x00")
    message.traceparent = "00-\x00" + "x" * 100_000
    (result,) = await client.receive(message)
    assert result.outcome == Result.OUTCOME_ACCEPTED
    stored = await rows.all("SELECT text, media_urls, traceparent FROM session.messages WHERE direction = 1")
    assert stored == [("a\ufffdb", ["https://media/\ufffd"], "")]


async def test_a_message_that_the_database_refuses_spoils_nothing(client: Client, rows: Rows) -> None:
    await rows.all("ALTER TABLE session.messages ADD CONSTRAINT no_poison CHECK (text <> 'poison') NOT VALID")
    try:
        people = [f"+1666{n:07d}" for n in range(9)]
        messages = [client.message(person, "poison" if n == 4 else "hello") for n, person in enumerate(people)]
        results = await client.receive(*messages)
    finally:
        await rows.all("ALTER TABLE session.messages DROP CONSTRAINT no_poison")
    outcomes = [result.outcome for result in results]
    assert outcomes.pop(4) == Result.OUTCOME_FAILED
    assert set(outcomes) == {Result.OUTCOME_ACCEPTED}
    assert (await client.receive(messages[4]))[0].outcome == Result.OUTCOME_ACCEPTED, "it may be repeated"


async def test_too_many_messages_at_once_are_refused_as_a_whole(client: Client, rows: Rows) -> None:
    messages = [client.message(ANNA, "hello")] * 501
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.receive(*messages)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason(caught.value) == "BATCH_TOO_LARGE"
    assert await rows.one("SELECT count(*) FROM session.messages") == 0
    assert len(await client.receive(*messages[:500])) == 500


async def test_texts_of_one_call_keep_their_order_however_many(client: Client, rows: Rows) -> None:
    for _ in range(4):
        await client.send(ANNA, *(str(number) for number in range(500)))
    stored = await rows.all("SELECT text::int FROM session.messages WHERE direction = 1 ORDER BY position")
    assert stored == [(number,) for _ in range(4) for number in range(500)]


async def test_no_messages_are_no_fault(client: Client) -> None:
    assert list(await client.receive()) == []


async def test_a_database_that_is_away_is_said_to_be(client: Client, rows: Rows, database: FreshDatabase) -> None:
    message = client.message(ANNA, "hello")
    async with away(database):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.receive(message)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert reason(caught.value) == "DATABASE_UNAVAILABLE"
    async with asyncio.timeout(10):
        while (await _outcome(client, message)) is None:
            await asyncio.sleep(0.05)
    assert await rows.one("SELECT count(*) FROM session.messages WHERE direction = 1") == 1


@asynccontextmanager
async def away(database: FreshDatabase) -> AsyncIterator[None]:
    """Nobody of the service is let in."""
    name = sql.Identifier(database.name)
    server = database.postgres.url(database="postgres")
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parley-session'"
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        try:
            await connection.execute(ended)
            yield
        finally:
            await connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


async def _outcome(client: Client, message: session_pb2.InboundMessage) -> int | None:
    try:
        return (await client.receive(message))[0].outcome
    except grpc.aio.AioRpcError:
        return None


async def test_a_session_is_found_by_its_id(client: Client, notifier: KeepingNotifier) -> None:
    await client.send(ANNA, "hello")
    await eventually(lambda: notifier.texts == ["echo hello"])
    (listed,) = (await client.sessions.ListSessions(session_service_pb2.ListSessionsRequest())).sessions
    request = session_service_pb2.GetSessionRequest(session_id=listed.session_id)
    session = (await client.sessions.GetSession(request)).session
    assert session == listed
    assert (session.endpoint, session.participant, session.agent) == (OURS, ANNA, "echo")
    assert (session.channel, session.state) == (channel_pb2.CHANNEL_SMS, session_pb2.Session.STATE_OPEN)
    assert session.open_time.ToDatetime().year > 2000
    assert not session.HasField("end_time")


async def test_a_session_that_ended_says_why_and_when(client: Client, rows: Rows) -> None:
    await _finished_session(client, rows)
    (session,) = (await client.sessions.ListSessions(session_service_pb2.ListSessionsRequest())).sessions
    assert session.state == session_pb2.Session.STATE_ENDED
    assert session.end_reason == session_pb2.Session.END_REASON_ENDED_BY_AGENT
    assert session.end_time.ToNanoseconds() >= session.open_time.ToNanoseconds()


@pytest.mark.parametrize("session_id", ["01a20000-0000-7000-8000-000000000001", "01a20000000070008000000000000001"])
async def test_an_unknown_session_is_not_found(client: Client, session_id: str) -> None:
    for call in (
        client.sessions.GetSession(session_service_pb2.GetSessionRequest(session_id=session_id)),
        client.sessions.ListMessages(session_service_pb2.ListMessagesRequest(session_id=session_id)),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert reason(caught.value) == "SESSION_NOT_FOUND"


def get_session(client: Client, value: str) -> object:
    return client.sessions.GetSession(session_service_pb2.GetSessionRequest(session_id=value))


def list_messages(client: Client, **fields: object) -> object:
    return client.sessions.ListMessages(session_service_pb2.ListMessagesRequest(**fields))  # type: ignore[arg-type]


def list_sessions(client: Client, **fields: object) -> object:
    return client.sessions.ListSessions(session_service_pb2.ListSessionsRequest(**fields))  # type: ignore[arg-type]


def list_numbers(client: Client, **fields: object) -> object:
    return client.numbers.ListNumbers(number_service_pb2.ListNumbersRequest(**fields))  # type: ignore[arg-type]


def record(client: Client, **fields: object) -> object:
    records = [session_pb2.DeliveryRecord(**fields)]  # type: ignore[arg-type]
    return client.sessions.RecordDeliveries(session_service_pb2.RecordDeliveriesRequest(records=records))


def update_number(client: Client, number: str, agent: str) -> object:
    changed = number_pb2.Number(number=number, agent=agent)
    return client.numbers.UpdateNumber(number_service_pb2.UpdateNumberRequest(number=changed, allow_missing=True))


ID = str(uuid4())
BAD_CALLS: dict[str, tuple[Callable[[Client], object], str]] = {
    "a session id that is none": (lambda c: get_session(c, "session-1"), "session_id"),
    "no session id": (lambda c: get_session(c, ""), "session_id"),
    "messages of no session": (lambda c: list_messages(c), "session_id"),
    "a page of minus one": (lambda c: list_messages(c, session_id=ID, page_size=-1), "page_size"),
    "a page of 501": (lambda c: list_messages(c, session_id=ID, page_size=501), "page_size"),
    "a message token that is none": (lambda c: list_messages(c, session_id=ID, page_token="x"), "page_token"),
    "a message token out of range": (lambda c: list_messages(c, session_id=ID, page_token="9" * 30), "page_token"),
    "a message token beyond all": (lambda c: list_messages(c, session_id=ID, page_token="9" * 5000), "page_token"),
    "a message token in foreign digits": (lambda c: list_messages(c, session_id=ID, page_token="٣"), "page_token"),
    "a session token that is none": (lambda c: list_sessions(c, page_token="x"), "page_token"),
    "sessions by the page of 501": (lambda c: list_sessions(c, page_size=501), "page_size"),
    "a participant that cannot be": (lambda c: list_sessions(c, participant="\x00"), "participant"),
    "an endpoint that cannot be": (lambda c: list_sessions(c, endpoint="\x00"), "endpoint"),
    "numbers by the page of 501": (lambda c: list_numbers(c, page_size=501), "page_size"),
    "a number token that is none": (lambda c: list_numbers(c, page_token="\x00"), "page_token"),
    "a record of no message": (lambda c: record(c, state=5), "records.message_id"),
    "a record without a state": (lambda c: record(c, message_id=ID), "records.state"),
    "a record of a state out of range": (lambda c: record(c, message_id=ID, state=70_000), "records.state"),
    "a record of a negative state": (lambda c: record(c, message_id=ID, state=-1), "records.state"),
    "a record with a source that cannot be": (
        lambda c: record(c, message_id=ID, state=5, source_id="\x00"),
        "records.source_id",
    ),
    "a number that is none": (lambda c: update_number(c, "5550100", "echo"), "number.number"),
    "no number": (lambda c: update_number(c, "", "echo"), "number.number"),
    "no agent": (lambda c: update_number(c, OURS, ""), "number.agent"),
    "an agent with capitals": (lambda c: update_number(c, OURS, "Echo"), "number.agent"),
    "any agent": (lambda c: update_number(c, OURS, "*"), "number.agent"),
}


async def test_each_bad_call_is_answered_with_its_field(client: Client) -> None:
    for name, (call, field) in BAD_CALLS.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(client)  # type: ignore[misc]
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, name
        info = error_info(caught.value)
        assert info is not None
        assert (info.reason, info.metadata["field"]) == ("INVALID_ARGUMENT", field), name
        assert str(caught.value.details()).startswith(f"{field}: "), name


async def test_sessions_are_listed_newest_first_and_page_by_page(client: Client) -> None:
    people = [f"+1666{n:07d}" for n in range(7)]
    for person in people:
        await client.send(person, "hello")
    found: list[str] = []
    token = ""
    for size in (3, 3, 1):
        page = await client.sessions.ListSessions(
            session_service_pb2.ListSessionsRequest(page_size=3, page_token=token)
        )
        found += [session.participant for session in page.sessions]
        token = page.next_page_token
        assert len(page.sessions) == size
    assert not token
    assert found == people[::-1]


async def test_sessions_are_listed_by_either_side(client: Client, rows: Rows) -> None:
    await rows.register("+15550177", "desk")
    elsewhere = client.message(ANNA, "hello")
    elsewhere.endpoint = "+15550177"
    await client.receive(client.message(ANNA, "hello"), client.message(BEN, "hello"), elsewhere)

    async def sides(participant: str = "", endpoint: str = "") -> set[tuple[str, str]]:
        request = session_service_pb2.ListSessionsRequest(participant=participant, endpoint=endpoint)
        found = (await client.sessions.ListSessions(request)).sessions
        return {(session.endpoint, session.participant) for session in found}

    assert await sides(participant=ANNA) == {(OURS, ANNA), ("+15550177", ANNA)}
    assert await sides(endpoint=OURS) == {(OURS, ANNA), (OURS, BEN)}
    assert await sides(endpoint=OURS, participant=BEN) == {(OURS, BEN)}
    assert await sides(participant="+15550000") == set()


async def test_a_transcript_shows_both_sides_in_order_and_page_by_page(
    client: Client, notifier: KeepingNotifier
) -> None:
    for number in range(3):
        await client.send(ANNA, f"text {number}")
        await eventually(lambda number=number: len(notifier.texts) == number + 1)  # type: ignore[misc]
    (session,) = (await client.sessions.ListSessions(session_service_pb2.ListSessionsRequest())).sessions
    found: list[Message] = []
    token = ""
    for _ in range(2):
        page = await client.sessions.ListMessages(
            session_service_pb2.ListMessagesRequest(session_id=session.session_id, page_size=4, page_token=token)
        )
        found += page.messages
        token = page.next_page_token
    assert not token
    assert [message.text for message in found] == [f"{echo}text {n}" for n in range(3) for echo in ("", "echo ")]
    assert [message.position for message in found] == [1, 2, 3, 4, 5, 6]
    assert [message.direction for message in found] == [Message.DIRECTION_INBOUND, Message.DIRECTION_OUTBOUND] * 3
    assert [message.seq for message in found] == [0, 1, 0, 2, 0, 3]
    assert {message.delivery_state for message in found if message.seq} == {session_pb2.DELIVERY_STATE_PENDING}
    assert {message.delivery_state for message in found if not message.seq} == {session_pb2.DELIVERY_STATE_UNSPECIFIED}
    assert {message.session_id for message in found} == {session.session_id}


async def test_a_delivery_shows_in_the_transcript(client: Client, notifier: KeepingNotifier) -> None:
    await client.send(ANNA, "hello")
    await eventually(lambda: len(notifier.texts) == 1)
    message_id = notifier.submissions[0].message_id
    for _ in range(2):
        await record(client, message_id=message_id, state=7, source_id="SM1", error_code=30003)  # type: ignore[misc]
        await record(client, message_id=message_id, state=3)  # type: ignore[misc]
    (session,) = (await client.sessions.ListSessions(session_service_pb2.ListSessionsRequest())).sessions
    request = session_service_pb2.ListMessagesRequest(session_id=session.session_id)
    message = (await client.sessions.ListMessages(request)).messages[1]
    assert message.delivery_state == session_pb2.DELIVERY_STATE_UNDELIVERED
    assert message.delivery_error == 30003


async def test_a_number_is_registered_once_and_may_change_its_agent(client: Client, rows: Rows) -> None:
    await update_number(client, "+15550177", "desk")  # type: ignore[misc]
    first = (await list_numbers(client)).numbers[1]  # type: ignore[misc]
    changed = await update_number(client, "+15550177", "other")  # type: ignore[misc]
    assert (changed.number.number, changed.number.agent) == ("+15550177", "other")
    assert changed.number.create_time == first.create_time
    assert changed.number.update_time.ToNanoseconds() > first.update_time.ToNanoseconds()

    message = client.message(ANNA, "hello")
    message.endpoint = "+15550177"
    await client.receive(message)
    assert await rows.one("SELECT agent FROM session.sessions") == "other"


async def test_a_number_that_is_not_registered_may_have_to_be(client: Client) -> None:
    number = number_pb2.Number(number="+15550199", agent="desk")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.numbers.UpdateNumber(number_service_pb2.UpdateNumberRequest(number=number))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert reason(caught.value) == "NUMBER_NOT_FOUND"
    known = number_service_pb2.UpdateNumberRequest(number=number_pb2.Number(number=OURS, agent="desk"))
    assert (await client.numbers.UpdateNumber(known)).number.agent == "desk"


async def test_numbers_are_listed_in_their_order_and_page_by_page(client: Client, rows: Rows) -> None:
    for number in ("+2", "+15", "+149"):
        await rows.register(number + "000000", "desk")
    found: list[str] = []
    token = ""
    for _ in range(2):
        page = await list_numbers(client, page_size=2, page_token=token)  # type: ignore[misc]
        found += [number.number for number in page.numbers]
        token = page.next_page_token
    assert not token
    assert found == ["+149000000", "+15000000", OURS, "+2000000"]


def reason(error: grpc.aio.AioRpcError) -> str:
    info = error_info(error)
    return info.reason if info else ""


async def _finished_session(client: Client, rows: Rows) -> None:
    await client.send(ANNA, "hello")
    await rows.all("UPDATE session.sessions SET end_reason = 1, end_time = clock_timestamp()")
