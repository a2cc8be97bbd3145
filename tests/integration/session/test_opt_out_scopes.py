"""Numbers that share opt-outs: what is said to one holds at all, whoever writes it down first; numbers that move."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from parley_chassis.postgres.engine import engine
from parley_session.adapters.ids import new_id
from parley_session.adapters.postgres.numbers import PostgresNumberStore
from parley_session.domain.decide import decide
from parley_session.domain.events import Context, Receive
from parley_session.domain.thread import EndReason
from parley_session.handlers.receive_messages import Incoming, Outcome
from parley_session.ports import NumberChange, OptOutNotice
from tests.databases import FreshDatabase
from tests.integration.session.asking import ANNA, opening, refused, talk
from tests.integration.session.collisions import deadlocks
from tests.integration.session.replica import OURS, Replica, Rows, answer, incoming, key

SECOND, POOL = "+15550101", "MG1"
NOON = datetime.now(UTC) - timedelta(hours=1)
PEOPLE = [f"+1666{number:07d}" for number in range(20)]
SAID = "SELECT stop_time, stop_source, start_time, start_source FROM session.opt_outs WHERE scope = %s"


@pytest.fixture(autouse=True)
async def pool(rows: Rows) -> None:
    """Two numbers of one scope."""
    await rows.register(SECOND)
    await rows.all("UPDATE session.numbers SET opt_out_scope = %s", POOL)


@pytest.fixture
async def numbers(database: FreshDatabase, rows: Rows) -> AsyncIterator[PostgresNumberStore]:
    async with engine(database.session_url, application="test") as created:
        yield PostgresNumberStore(created)


def said(text: str, minutes: float, endpoint: str = OURS, participant: str = ANNA, source: str = "") -> Incoming:
    source = source or f"{text} {minutes} {endpoint} {participant}"
    return Incoming(key(participant, endpoint), Receive(source, text, receive_time=NOON + timedelta(minutes=minutes)))


async def outcome(replica: Replica, endpoint: str, source: str = "probe") -> Outcome:
    (received,) = await replica.receive(incoming(source, "hello?", endpoint=endpoint))
    return received.outcome


async def test_a_stop_to_one_number_holds_at_the_other(replica: Replica, rows: Rows) -> None:
    await replica.receive(said("STOP", 1))
    assert replica.opt_outs == [OptOutNotice(POOL, ANNA, True, NOON + timedelta(minutes=1))]
    assert await outcome(replica, SECOND, "S2") is Outcome.IGNORED
    assert refused((await replica.start(opening(endpoint=SECOND)))[0]) == "OPTED_OUT"
    await replica.receive(said("START", 2, SECOND))
    assert await outcome(replica, OURS, "S3") is Outcome.ACCEPTED
    assert await rows.one("SELECT count(*) FROM session.opt_outs") == 1


async def test_a_session_at_the_other_number_ends_when_it_is_next_looked_at(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows, key(endpoint=SECOND))
    await replica.receive(said("STOP", 1))
    assert await rows.one("SELECT end_reason FROM session.sessions") is None
    assert await outcome(replica, SECOND, "S2") is Outcome.IGNORED
    assert await rows.one("SELECT end_reason FROM session.sessions") == EndReason.OPTED_OUT


async def test_a_turn_at_the_other_number_says_nothing_any_more(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1", endpoint=SECOND))
    run = replica.last
    await replica.receive(said("STOP", 1))
    await replica.commit(answer(run, "too late"))
    assert await rows.one("SELECT count(*) FROM session.messages WHERE seq > 0") == 0
    assert await rows.one("SELECT end_reason FROM session.sessions") == EndReason.OPTED_OUT


async def test_messages_carry_the_scope_that_the_notifier_is_to_look_at(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows)
    assert [submission.opt_out_scope for submission in replica.handed_over] == [POOL]
    await rows.all("UPDATE session.outbox SET next_submit_time = clock_timestamp()")
    assert [submission.opt_out_scope for submission in await replica.store.take_unsubmitted(10)] == [POOL]


async def test_stops_to_both_numbers_in_one_batch_are_one(replica: Replica, rows: Rows) -> None:
    received = await replica.receive(said("STOP", 2), said("STOP", 1, SECOND), said("START", 3, SECOND, PEOPLE[0]))
    assert {one.outcome for one in received} == {Outcome.IGNORED}
    stop = said("STOP", 2)
    assert await rows.all(SAID + " AND participant = %s", POOL, ANNA) == [
        (stop.event.receive_time, stop.event.source_id, None, "")
    ]


@pytest.mark.parametrize("turned", [False, True])
async def test_a_stop_and_a_start_to_two_numbers_in_one_batch_both_count(
    replica: Replica, rows: Rows, turned: bool
) -> None:
    texts = [said("STOP", 1), said("START", 2, SECOND)]
    await replica.receive(*(reversed(texts) if turned else texts))
    stop, start = texts
    assert await rows.all(SAID, POOL) == [
        (stop.event.receive_time, stop.event.source_id, start.event.receive_time, start.event.source_id)
    ]
    assert await outcome(replica, OURS) is Outcome.ACCEPTED


@pytest.mark.parametrize("first", ["STOP", "START"])
async def test_what_is_decided_on_an_old_view_of_the_scope_takes_nothing_back(
    replica: Replica, other: Replica, rows: Rows, first: str
) -> None:
    """No lock is common to the threads of two numbers."""
    second = "START" if first == "STOP" else "STOP"
    await replica.receive(incoming("S1"), incoming("S2", endpoint=SECOND))
    async with replica.store.batch() as batch:
        gathered = await batch.gather([key(endpoint=SECOND)])
        await other.receive(said(first, 1))
        assert gathered.now is not None
        context = Context(gathered.now, new_id)
        await batch.commit([decide(gathered.threads[key(endpoint=SECOND)], [said(second, 2, SECOND).event], context)])
    ((stop_time, _, start_time, _),) = await rows.all(SAID, POOL)
    assert {stop_time, start_time} == {NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)}
    assert await outcome(replica, OURS) is (Outcome.IGNORED if second == "STOP" else Outcome.ACCEPTED)


async def test_an_older_stop_does_not_replace_a_later_one_of_another_thread(
    replica: Replica, other: Replica, rows: Rows
) -> None:
    await replica.receive(incoming("S1"), incoming("S2", endpoint=SECOND))
    async with replica.store.batch() as batch:
        gathered = await batch.gather([key(endpoint=SECOND)])
        await other.receive(said("STOP", 5))
        assert gathered.now is not None
        context = Context(gathered.now, new_id)
        await batch.commit([decide(gathered.threads[key(endpoint=SECOND)], [said("STOP", 1, SECOND).event], context)])
    assert await rows.one("SELECT stop_time FROM session.opt_outs") == NOON + timedelta(minutes=5)


async def test_what_two_replicas_hear_at_once_is_all_kept(replica: Replica, other: Replica, rows: Rows) -> None:
    """Whatever meets whatever: of each kind the latest stays."""
    chance = random.Random(5)
    for participant in PEOPLE:
        heard = [(word, chance.random() * 50, endpoint) for word in ("STOP", "START") for endpoint in (OURS, SECOND)]
        await asyncio.gather(
            *(
                chance.choice([replica, other]).receive(said(word, minutes, endpoint, participant))
                for word, minutes, endpoint in heard
            )
        )
        latest = [
            NOON + timedelta(minutes=max(minutes for word, minutes, _ in heard if word == kind))
            for kind in ("STOP", "START")
        ]
        (found,) = await rows.all(
            "SELECT stop_time, start_time FROM session.opt_outs WHERE participant = %s", participant
        )
        assert list(found) == latest


FINISH_AND_WAIT = """
WITH told AS MATERIALIZED (
  SELECT o.scope, o.participant
  FROM ROWS FROM (jsonb_to_recordset(%s::text::jsonb) AS (scope text, participant text))
    WITH ORDINALITY AS i(scope, participant, place)
  JOIN session.opt_outs o ON (o.scope, o.participant) = (i.scope, i.participant)
  ORDER BY i.place FOR UPDATE OF o
)
UPDATE session.opt_outs o SET next_submit_time = NULL
FROM told WHERE (o.scope, o.participant) = (told.scope, told.participant)
"""


async def write_and_tell(database: FreshDatabase, rows: Rows, replica: Replica, other: Replica) -> int:
    """A batch of STOPs, and word that the notifier has the earlier ones; how many PostgreSQL ended for a deadlock."""
    people = PEOPLE[:3]
    await replica.receive(*(said("STOP", 1, participant=person) for person in people))
    told = list(reversed(replica.opt_outs))
    middle = f"SELECT FROM session.opt_outs WHERE participant = '{people[1]}' FOR UPDATE"
    again = replica.receive(*(said("STOP", 2, SECOND, person) for person in people))
    return await deadlocks(database, rows, middle, again, other.store.finish_opt_outs(told))


async def test_writing_and_telling_in_opposite_orders_meet_without_harm(
    impatient: None, database: FreshDatabase, rows: Rows, replica: Replica, other: Replica
) -> None:
    assert await write_and_tell(database, rows, replica, other) == 0


async def test_they_would_deadlock_if_the_telling_waited(
    impatient: None, database: FreshDatabase, rows: Rows, replica: Replica, other: Replica
) -> None:
    """The negative control."""
    other.store._queries = {**other.store._queries, "finish_opt_outs": FINISH_AND_WAIT}
    assert await write_and_tell(database, rows, replica, other) == 1


# ---- numbers that move


async def test_a_number_takes_what_was_said_to_it_into_its_scope(
    replica: Replica, rows: Rows, numbers: PostgresNumberStore
) -> None:
    alone = "+15550102"
    await rows.register(alone)
    await replica.receive(said("STOP", 1, alone), said("STOP", 1, alone, PEOPLE[0]))
    await replica.receive(said("START", 2, alone, PEOPLE[0]), said("STOP", 3, OURS, PEOPLE[0]))
    assert await outcome(replica, OURS, "S1") is Outcome.ACCEPTED

    await numbers.update_number(alone, NumberChange(opt_out_scope=POOL), allow_missing=False)
    assert await outcome(replica, OURS, "S2") is Outcome.IGNORED
    assert await outcome(replica, alone, "S3") is Outcome.IGNORED
    assert await rows.all(SAID + " AND participant = %s", POOL, PEOPLE[0]) == [
        (
            NOON + timedelta(minutes=3),
            said("STOP", 3, OURS, PEOPLE[0]).event.source_id,
            NOON + timedelta(minutes=2),
            said("START", 2, alone, PEOPLE[0]).event.source_id,
        )
    ]


async def test_the_notifier_is_told_what_moved(replica: Replica, rows: Rows, numbers: PostgresNumberStore) -> None:
    alone = "+15550102"
    await rows.register(alone)
    await replica.receive(said("STOP", 1, alone))
    await replica.store.finish_opt_outs(replica.opt_outs)
    await numbers.update_number(alone, NumberChange(opt_out_scope=POOL), allow_missing=False)
    moved = OptOutNotice(POOL, ANNA, True, NOON + timedelta(minutes=1))
    assert await replica.store.take_unsubmitted_opt_outs(10) == [moved]


@pytest.mark.parametrize("scope", ["MG2", ""])
async def test_a_number_that_leaves_its_scope_keeps_what_was_said_there(
    replica: Replica, numbers: PostgresNumberStore, scope: str
) -> None:
    await replica.receive(said("STOP", 1, SECOND))
    await numbers.update_number(SECOND, NumberChange(opt_out_scope=scope), allow_missing=False)
    assert await outcome(replica, SECOND, "S1") is Outcome.IGNORED
    await replica.receive(said("START", 2, SECOND))
    assert await outcome(replica, SECOND, "S2") is Outcome.ACCEPTED
    assert await outcome(replica, OURS, "S3") is Outcome.IGNORED, "it was not said there"


async def test_a_number_that_is_registered_anew_finds_what_was_said_to_it(
    replica: Replica, numbers: PostgresNumberStore
) -> None:
    await numbers.update_number(OURS, NumberChange(opt_out_scope=""), allow_missing=False)
    await replica.receive(said("STOP", 1))
    await numbers.delete_number(OURS)
    await numbers.update_number(OURS, NumberChange(agent="echo", opt_out_scope="MG3"), allow_missing=True)
    assert await outcome(replica, OURS, "S1") is Outcome.IGNORED
