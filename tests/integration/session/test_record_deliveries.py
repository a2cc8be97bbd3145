"""What became of messages: the furthest report stays, whatever the order; a known outcome empties the outbox."""

from __future__ import annotations

import asyncio
import random
from uuid import uuid4

import pytest

from parley_session.ports import DeliveryRecord
from tests.databases import FreshDatabase
from tests.integration.session.collisions import deadlocks
from tests.integration.session.replica import Replica, Rows, answer, incoming

PENDING, UNKNOWN, ACCEPTED, SENT, DELIVERED, FAILED, HELD = 1, 2, 3, 4, 5, 6, 11

STATE = "SELECT delivery_state FROM session.messages WHERE direction = 2"
OUTBOX = "SELECT count(*) FROM session.outbox"

DELETE_AS_THEY_COME = """
WITH i AS MATERIALIZED (
  SELECT id, place
  FROM ROWS FROM (jsonb_to_recordset(%s::text::jsonb) AS (id uuid)) WITH ORDINALITY AS i(id, place)
), done AS MATERIALIZED (
  SELECT o.message_id FROM i JOIN session.outbox o ON o.message_id = i.id ORDER BY i.place FOR UPDATE OF o
)
DELETE FROM session.outbox o USING done WHERE o.message_id = done.message_id
"""


@pytest.fixture
async def message_id(replica: Replica) -> str:
    """An outbound message."""
    await replica.receive(incoming("S1"))
    await replica.commit(answer(replica.last, "hello"))
    return replica.handed_over[-1].message_id


async def record(replica: Replica, *records: DeliveryRecord) -> None:
    await replica.record(*records)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([ACCEPTED, SENT, DELIVERED], DELIVERED),
        ([DELIVERED, SENT, ACCEPTED], DELIVERED),
        ([UNKNOWN, ACCEPTED], ACCEPTED),
        ([ACCEPTED, UNKNOWN], ACCEPTED),
        ([DELIVERED, FAILED], DELIVERED),
        ([FAILED, DELIVERED], FAILED),
        ([HELD, ACCEPTED], HELD),
        ([SENT, SENT], SENT),
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_the_furthest_state_stays(
    replica: Replica, rows: Rows, message_id: str, states: list[int], expected: int, together: bool
) -> None:
    records = [DeliveryRecord(message_id, state) for state in states]
    if together:
        await record(replica, *records)
    else:
        for each in records:
            await record(replica, each)
    assert await rows.one(STATE) == expected


async def test_a_record_brings_the_providers_id_and_error(replica: Replica, rows: Rows, message_id: str) -> None:
    await record(replica, DeliveryRecord(message_id, ACCEPTED, "SM1"))
    await record(replica, DeliveryRecord(message_id, FAILED, error_code=30003))
    stored = await rows.all("SELECT source_id, delivery_error FROM session.messages WHERE direction = 2")
    assert stored == [("SM1", 30003)]


async def test_records_of_unknown_messages_are_dropped_and_spoil_nothing(
    replica: Replica, rows: Rows, message_id: str
) -> None:
    await record(replica, DeliveryRecord(str(uuid4()), SENT), DeliveryRecord(message_id, SENT))
    assert await rows.one(STATE) == SENT
    assert await rows.one("SELECT count(*) FROM session.messages") == 2


async def test_a_text_of_a_participant_has_no_delivery(replica: Replica, rows: Rows) -> None:
    (received,) = await replica.receive(incoming("S1"))
    await record(replica, DeliveryRecord(received.message_id, DELIVERED, "SM-of-another"))
    assert await rows.all("SELECT delivery_state, source_id FROM session.messages") == [(0, "S1")]


@pytest.mark.parametrize("state", [ACCEPTED, SENT, DELIVERED, FAILED, HELD])
async def test_a_known_outcome_empties_the_outbox(replica: Replica, rows: Rows, message_id: str, state: int) -> None:
    assert await rows.one(OUTBOX) == 1
    await record(replica, DeliveryRecord(message_id, state))
    assert await rows.one(OUTBOX) == 0


@pytest.mark.parametrize("state", [PENDING, UNKNOWN])
async def test_an_unknown_outcome_does_not(replica: Replica, rows: Rows, message_id: str, state: int) -> None:
    await record(replica, DeliveryRecord(message_id, state))
    assert await rows.one(OUTBOX) == 1


async def test_reports_that_come_at_once_from_two_sides_leave_the_furthest(
    replica: Replica, other: Replica, rows: Rows, message_id: str
) -> None:
    chance = random.Random(3)
    states = [ACCEPTED, SENT, DELIVERED] * 4
    chance.shuffle(states)
    await asyncio.gather(
        *(record(chance.choice([replica, other]), DeliveryRecord(message_id, state)) for state in states)
    )
    assert await rows.one(STATE) == DELIVERED


async def report_at_once(database: FreshDatabase, rows: Rows, replica: Replica, other: Replica) -> int:
    """Two batches of reports on three messages, in opposite orders; how many PostgreSQL ended for a deadlock."""
    await replica.receive(incoming("S1"))
    await replica.commit(answer(replica.last, "one", "two", "three"))
    ids = [submission.message_id for submission in replica.handed_over]
    first = [DeliveryRecord(message_id, ACCEPTED) for message_id in ids]
    second = [DeliveryRecord(message_id, DELIVERED) for message_id in reversed(ids)]
    middle = f"SELECT FROM session.outbox WHERE message_id = '{ids[1]}' FOR UPDATE"
    return await deadlocks(database, rows, middle, record(replica, *first), record(other, *second))


async def test_reports_in_opposite_orders_meet_without_harm(
    impatient: None, database: FreshDatabase, rows: Rows, replica: Replica, other: Replica
) -> None:
    assert await report_at_once(database, rows, replica, other) == 0
    assert await rows.all(STATE) == [(DELIVERED,)] * 3


async def test_they_would_deadlock_if_the_outbox_were_emptied_as_they_come(
    impatient: None, database: FreshDatabase, rows: Rows, replica: Replica, other: Replica
) -> None:
    """The negative control."""
    for each in (replica, other):
        each.store._queries = {**each.store._queries, "record": DELETE_AS_THEY_COME}
    assert await report_at_once(database, rows, replica, other) == 1
