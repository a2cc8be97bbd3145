"""Messages that did not reach their participants: which they are, and what a person does about them over gRPC."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import grpc
import pytest

from parley.agent.v1 import agent_pb2
from parley.session.v1 import (
    dead_letter_service_pb2,
    number_pb2,
    number_service_pb2,
    session_pb2,
    session_service_pb2,
)
from tests.contract.session.test_session_requests import end, refusal, start, transcript
from tests.integration.session.replica import OURS, Rows, eventually
from tests.integration.session.services import Client, KeepingNotifier

ANNA, BEN = "+15550111", "+15550112"
Code, Message, Session = grpc.StatusCode, session_pb2.Message, session_pb2.Session
FAILED, HELD = session_pb2.DELIVERY_STATE_FAILED, session_pb2.DELIVERY_STATE_HELD
DEAD = [FAILED, session_pb2.DELIVERY_STATE_UNDELIVERED, session_pb2.DELIVERY_STATE_EXPIRED, HELD]
NOT_DEAD = [
    session_pb2.DELIVERY_STATE_ACCEPTED,
    session_pb2.DELIVERY_STATE_SENT,
    session_pb2.DELIVERY_STATE_DELIVERED,
    session_pb2.DELIVERY_STATE_SUPPRESSED,
    session_pb2.DELIVERY_STATE_CANCELED,
]


@pytest.fixture(autouse=True)
async def registered(rows: Rows) -> None:
    await rows.register()


async def record(client: Client, message_id: str, state: int, error_code: int = 0) -> None:
    outcome = session_pb2.DeliveryRecord(message_id=message_id, state=state, error_code=error_code)  # type: ignore[arg-type]
    await client.sessions.RecordDeliveries(session_service_pb2.RecordDeliveriesRequest(records=[outcome]))


async def letters(client: Client, **fields: Any) -> list[dead_letter_service_pb2.DeadLetter]:
    request = dead_letter_service_pb2.ListDeadLettersRequest(**fields)
    return list((await client.dead_letters.ListDeadLetters(request)).dead_letters)


async def retry(client: Client, message_id: str) -> str:
    request = dead_letter_service_pb2.RetryDeadLetterRequest(message_id=message_id)
    return (await client.dead_letters.RetryDeadLetter(request)).message_id


async def drop(client: Client, message_id: str) -> None:
    await client.dead_letters.DropDeadLetter(dead_letter_service_pb2.DropDeadLetterRequest(message_id=message_id))


async def test_what_did_not_reach_its_participant_is_listed_the_latest_first(client: Client) -> None:
    started = [
        await start(client, request_id=f"R{n}", participant=f"+1555020{n:04d}", text=f"Text {n}")
        for n in range(len(DEAD + NOT_DEAD))
    ]
    for one, state in zip(started, DEAD + NOT_DEAD, strict=True):
        await record(client, one.message_id, state, error_code=30003)
        await record(client, one.message_id, state, error_code=30003)
    found = await letters(client)
    assert [letter.message.message_id for letter in found] == [one.message_id for one in started[3::-1]]
    assert [letter.message.delivery_state for letter in found] == DEAD[::-1]
    first = found[-1]
    assert (first.endpoint, first.participant, first.agent) == (OURS, "+15550200000", "echo")
    assert (first.message.text, first.message.delivery_error) == ("Text 0", 30003)


async def test_dead_letters_come_page_by_page_and_by_agent(client: Client, rows: Rows) -> None:
    await rows.register("+15550109", agent="desk")
    for n in range(3):
        await record(client, (await start(client, request_id=f"R{n}")).message_id, FAILED)
    other = await start(client, request_id="other", agent="desk")
    await record(client, other.message_id, FAILED)
    request = dead_letter_service_pb2.ListDeadLettersRequest(page_size=2)
    first = await client.dead_letters.ListDeadLetters(request)
    request.page_token = first.next_page_token
    second = await client.dead_letters.ListDeadLetters(request)
    assert second.next_page_token == ""
    ids = [letter.message.message_id for page in (first, second) for letter in page.dead_letters]
    assert (len(ids), ids) == (4, sorted(ids, reverse=True))
    assert [letter.message.message_id for letter in await letters(client, agent="desk")] == [other.message_id]
    since = first.dead_letters[0].message.create_time
    assert [letter.message.message_id for letter in await letters(client, created_since=since)] == ids[:1]


async def test_a_retry_is_a_new_message_in_the_open_session(client: Client, notifier: KeepingNotifier) -> None:
    started = await start(client)
    await record(client, started.message_id, FAILED)
    again = {await retry(client, started.message_id) for _ in range(2)}
    again |= set(await asyncio.gather(*(retry(client, started.message_id) for _ in range(4))))
    (message_id,) = again
    await eventually(lambda: notifier.threads[ANNA] == {1: "We are here", 2: "We are here"})
    first, second = await transcript(client, started.session_id)
    assert (second.message_id, second.kind, second.seq) == (message_id, Message.KIND_PERSON, 2)
    assert first.delivery_state == FAILED
    assert await letters(client) == []


async def test_a_retry_opens_a_session_where_none_is_open(client: Client, notifier: KeepingNotifier) -> None:
    started = await start(client)
    await end(client, started.session_id)
    await record(client, started.message_id, FAILED)
    message_id = await retry(client, started.message_id)
    sessions = (await client.sessions.ListSessions(session_service_pb2.ListSessionsRequest())).sessions
    opened = next(session for session in sessions if session.session_id != started.session_id)
    assert (opened.state, opened.outbound, opened.engaged) == (Session.STATE_OPEN, True, False)
    (message,) = await transcript(client, opened.session_id)
    assert (message.message_id, message.kind) == (message_id, Message.KIND_OPENING)


async def test_a_retry_of_what_was_to_be_sent_once_at_most_is_too(client: Client, notifier: KeepingNotifier) -> None:
    started = await start(client, at_most_once=True)
    await eventually(lambda: len(notifier.submissions) == 1)
    await record(client, started.message_id, HELD)
    await retry(client, started.message_id)
    await eventually(lambda: len(notifier.submissions) == 2)
    assert [submission.at_most_once for submission in notifier.submissions] == [True, True]


async def test_nothing_is_retried_against_the_participants_wish(client: Client, notifier: KeepingNotifier) -> None:
    started = await start(client)
    await record(client, started.message_id, FAILED)
    await client.send(ANNA, "STOP")
    assert (await refusal(retry(client, started.message_id)))[:2] == (Code.FAILED_PRECONDITION, "OPTED_OUT")
    assert len(await letters(client)) == 1
    await client.send(ANNA, "START")
    await retry(client, started.message_id)
    assert await letters(client) == []


async def test_a_dropped_letter_is_gone_and_dropped_again_without_harm(
    client: Client, notifier: KeepingNotifier
) -> None:
    started = await start(client)
    await eventually(lambda: len(notifier.submissions) == 1)
    await record(client, started.message_id, FAILED)
    await drop(client, started.message_id)
    await drop(client, started.message_id)
    assert await letters(client) == []
    assert len(notifier.submissions) == 1


async def test_what_is_no_dead_letter_is_not_found(client: Client) -> None:
    alive = (await start(client)).message_id
    for message_id in (alive, str(uuid4())):
        for call in (retry(client, message_id), drop(client, message_id)):
            assert await refusal(call) == (Code.NOT_FOUND, "DEAD_LETTER_NOT_FOUND", "message_id")


async def test_a_text_is_handed_over_with_the_time_it_is_of_use(client: Client, notifier: KeepingNotifier) -> None:
    settings = agent_pb2.AgentSettings()
    settings.validity.FromSeconds(600)
    number = number_pb2.Number(number=OURS, settings=settings)
    request = number_service_pb2.UpdateNumberRequest(number=number)
    request.update_mask.paths.append("settings")
    await client.numbers.UpdateNumber(request)
    started = await start(client)
    await eventually(lambda: len(notifier.submissions) == 1)
    (message,) = await transcript(client, started.session_id)
    (submission,) = notifier.submissions
    valid = submission.expire_time.ToDatetime() - message.create_time.ToDatetime()
    assert 595 < valid.total_seconds() < 605
    assert not submission.at_most_once


async def test_what_was_not_handed_over_is_with_all_that_belongs_to_it(
    client: Client, notifier: KeepingNotifier, rows: Rows
) -> None:
    notifier.away = True
    await start(client, at_most_once=True)
    await rows.all("UPDATE session.outbox SET next_submit_time = clock_timestamp()")
    notifier.away = False
    await eventually(lambda: len(notifier.submissions) >= 1)
    assert all(submission.at_most_once and submission.HasField("expire_time") for submission in notifier.submissions)
    assert await refusal(start(client)) == (Code.ALREADY_EXISTS, "REQUEST_CONFLICT", "request_id")


async def test_only_the_numbers_that_have_changed_are_listed_where_that_is_asked(client: Client, rows: Rows) -> None:
    await rows.register("+15550109")
    number = number_pb2.Number(number=OURS, sending_paused=True, segments_per_second=2.5)
    request = number_service_pb2.UpdateNumberRequest(number=number)
    request.update_mask.paths.extend(["sending_paused", "segments_per_second"])
    changed = (await client.numbers.UpdateNumber(request)).number
    assert (changed.sending_paused, changed.segments_per_second) == (True, 2.5)
    since = number_service_pb2.ListNumbersRequest(updated_since=changed.update_time)
    assert list((await client.numbers.ListNumbers(since)).numbers) == [changed]
    assert len((await client.numbers.ListNumbers(number_service_pb2.ListNumbersRequest())).numbers) == 2
    request.number.segments_per_second = -1
    assert (await refusal(client.numbers.UpdateNumber(request)))[2] == "number.segments_per_second"
