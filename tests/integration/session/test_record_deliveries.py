"""What became of messages: the furthest report stays, whatever the order; a known outcome empties the outbox."""

from __future__ import annotations

import asyncio
import random
from uuid import uuid4

import psycopg
import pytest

from parley_chassis.postgres.pool import DatabaseUnavailable
from parley_session.handlers.record_deliveries import RecordDeliveries
from parley_session.ports import DeliveryRecord
from tests.databases import FreshDatabase
from tests.integration.session.replica import Replica, Rows, answer, incoming

PENDING, UNKNOWN, ACCEPTED, SENT, DELIVERED, FAILED, HELD = 1, 2, 3, 4, 5, 6, 11

STATE = "SELECT delivery_state FROM session.messages WHERE direction = 2"
OUTBOX = "SELECT count(*) FROM session.outbox"

DELETE_AS_THEY_COME = """
WITH i AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, state smallint, source_id text, error integer)
), locked AS MATERIALIZED (
  SELECT m.id, i.state, i.source_id, i.error FROM i JOIN session.messages m USING (id)
  WHERE least(i.state, 5) > least(m.delivery_state, 5) ORDER BY m.id FOR UPDATE OF m
), messages AS (
  UPDATE session.messages m SET delivery_state = l.state, delivery_error = l.error,
    source_id = coalesce(l.source_id, m.source_id)
  FROM locked l WHERE m.id = l.id
)
DELETE FROM session.outbox o USING i WHERE o.message_id = i.id AND i.state >= 3
"""


@pytest.fixture
async def message_id(replica: Replica) -> str:
    """An outbound message."""
    await replica.receive(incoming("S1"))
    await replica.commit(answer(replica.last, "hello"))
    return replica.handed_over[-1].message_id


async def record(replica: Replica, *records: DeliveryRecord) -> None:
    await RecordDeliveries(replica.store)(records)


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


async def _many(replica: Replica, count: int) -> list[str]:
    await replica.receive(*(incoming(str(uuid4()), participant=f"+1666{n:07d}") for n in range(count)))
    await replica.commit(*(answer(run, "hello") for run, _ in replica.started[-count:]))
    return [submission.message_id for submission in replica.handed_over[-count:]]


async def _deadlocks(replica: Replica, other: Replica, rounds: int) -> int:
    """Records the same messages on two replicas at once, in opposite orders; returns how many batches were ended."""
    deadlocks = 0
    for _ in range(rounds):
        ids = await _many(replica, 60)
        first = [DeliveryRecord(message_id, ACCEPTED) for message_id in ids]
        second = [DeliveryRecord(message_id, DELIVERED) for message_id in reversed(ids)]
        results = await asyncio.gather(record(replica, *first), record(other, *second), return_exceptions=True)
        for result in results:
            assert result is None or isinstance(result, DatabaseUnavailable)
            deadlocks += result is not None
        if deadlocks:
            break
    return deadlocks


@pytest.fixture
async def impatient(database: FreshDatabase) -> None:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute(b"ALTER DATABASE \"%s\" SET deadlock_timeout = '20ms'" % database.name.encode())


async def test_reports_in_opposite_orders_never_deadlock(impatient: None, replica: Replica, other: Replica) -> None:
    assert await _deadlocks(replica, other, 20) == 0


async def test_they_would_if_the_outbox_were_emptied_as_they_come(
    impatient: None, replica: Replica, other: Replica
) -> None:
    """The negative control."""
    for each in (replica, other):
        each.store._queries = {**each.store._queries, "record": DELETE_AS_THEY_COME}
    assert await _deadlocks(replica, other, 100) > 0
