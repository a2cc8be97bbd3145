"""A commit whose outcome nobody heard of may be repeated: nothing is lost by it and nothing happens twice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from parley_chassis.postgres.pool import DatabaseUnavailable
from parley_session.handlers.receive_messages import Outcome
from parley_session.ports import DeliveryRecord
from tests.databases import FreshDatabase
from tests.integration.session.replica import Replica, Rows, answer, incoming, replica_running
from tests.integration.session.wire import Wire, wire_to

BRIEF = 0.05


@pytest.fixture
async def wire(database: FreshDatabase, rows: Rows) -> AsyncIterator[Wire]:
    async with wire_to(database.session_url) as wire:
        yield wire


@pytest.fixture
async def cut_off(wire: Wire) -> AsyncIterator[Replica]:
    """A replica whose wire to the database can be cut."""
    async with replica_running(wire.url, lease=BRIEF) as replica:
        yield replica


async def test_a_repeated_receive_finds_its_texts_stored(cut_off: Replica, wire: Wire, rows: Rows) -> None:
    await cut_off.receive(incoming("S0"))
    await cut_off.commit(answer(cut_off.last))
    wire.swallow_commits()
    batch = [incoming("S1", "one"), incoming("S2", "two", "+15550112")]
    with pytest.raises(DatabaseUnavailable):
        await cut_off.receive(*batch)
    assert wire.swallowed == 1
    assert await rows.one("SELECT count(*) FROM session.messages") == 3, "the commit was done"
    assert len(cut_off.started) == 1, "and nobody here knows"

    received = await cut_off.receive(*batch)
    assert [result.outcome for result in received] == [Outcome.DUPLICATE] * 2
    assert await rows.one("SELECT count(*) FROM session.messages") == 3


async def test_a_turn_that_was_claimed_unheard_is_run_all_the_same(
    cut_off: Replica, wire: Wire, other: Replica
) -> None:
    wire.swallow_commits(2)  # of the thread's creation there is no COMMIT to hear of; of the batch there is
    with pytest.raises(DatabaseUnavailable):
        await cut_off.receive(incoming("S1", "one"))
    taken_over = await other.claim_one()
    assert [text.text for text in taken_over.texts] == ["one"]
    assert taken_over.turn.fence == 2


async def test_a_repeated_answer_is_sent_once(cut_off: Replica, wire: Wire, other: Replica, rows: Rows) -> None:
    cut_off.lease = 20.0
    await cut_off.receive(incoming("S1", "one"))
    result = answer(cut_off.last, "1", state='{"n": 1}')
    wire.swallow_commits()
    with pytest.raises(DatabaseUnavailable):
        await cut_off.commit(result)
    assert wire.swallowed == 1
    assert cut_off.handed_over == []

    assert await cut_off.commit(result) == [False]
    assert await rows.all("SELECT text, seq FROM session.messages WHERE direction = 2") == [("1", 1)]
    assert await rows.one("SELECT state FROM session.sessions") == '{"n": 1}'
    await rows.all("UPDATE session.outbox SET next_submit_time = clock_timestamp()")
    assert [(s.seq, s.text) for s in await other.store.take_unsubmitted(10)] == [(1, "1")], "others hand it over"


async def test_a_repeated_answer_does_not_touch_the_turn_that_followed(
    cut_off: Replica, wire: Wire, other: Replica, rows: Rows
) -> None:
    await cut_off.receive(incoming("S1", "one"))
    await cut_off.receive(incoming("S2", "two"))
    result = answer(cut_off.last, "1", hang_up=True)
    wire.swallow_commits()
    with pytest.raises(DatabaseUnavailable):
        await cut_off.commit(result)
    assert await cut_off.commit(result) == [False]
    end = await other.claim_one()
    await other.commit(answer(end))
    assert other.last_texts == ["two"]
    assert await rows.one("SELECT count(*) FROM session.messages WHERE direction = 2") == 1


async def test_records_may_be_repeated(cut_off: Replica, wire: Wire, rows: Rows) -> None:
    await cut_off.receive(incoming("S1"))
    await cut_off.commit(answer(cut_off.last, "hello"))
    for state in (5, 3, 5):
        await cut_off.store.record_deliveries([DeliveryRecord(cut_off.handed_over[0].message_id, state)])
    assert await rows.all("SELECT delivery_state FROM session.messages WHERE direction = 2") == [(5,)]


async def test_a_backend_that_is_ended_in_a_batch_leaves_nothing_of_it(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1"))
    busy = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test' AND state <> 'idle'"

    async def be_ended() -> None:
        async with replica.store.batch() as batch:
            await batch.gather([incoming("S1").key])
            assert await rows.all(busy) == [(True,)]
            await batch.gather([incoming("S1").key])

    with pytest.raises(DatabaseUnavailable):
        await be_ended()
    assert await replica.commit(answer(replica.last, "hello")) == [True], "the next batch has another connection"
