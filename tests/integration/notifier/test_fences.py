"""Several processes on one lane: a late one changes nothing, but what it proves counts."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from parley_notifier.domain.delivery import State
from parley_notifier.domain.outcomes import Answer
from parley_notifier.domain.reports import Told
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import Rows, Thread
from tests.integration.notifier.processes import Process, accepted, process_on, reported

SID, OTHER_SID = "SM" + "1" * 32, "SM" + "2" * 32


@pytest.fixture
async def one(database: FreshDatabase) -> AsyncIterator[Process]:
    async with process_on(database.notifier_url) as process:
        yield process


@pytest.fixture
async def other(database: FreshDatabase) -> AsyncIterator[Process]:
    async with process_on(database.notifier_url) as process:
        yield process


async def taken_over(one: Process, other: Process, thread: Thread, rows: Rows) -> str:
    """A text that `one` claimed first and `other` claims now; its id."""
    text = thread.text()
    await one.submit(text)
    await one.found(one.claimed[0], Answer(429, 20429))
    await rows.connection.execute("UPDATE notifier.deliveries SET due_time = clock_timestamp()")
    await other.submit(text)
    assert [claim.attempt for claim in other.claimed] == [2]
    return text.message_id


@pytest.mark.parametrize("answer", [Answer(), Answer(400, 21211), Answer(400, 21610), Answer(429), Answer(left=False)])
async def test_a_late_mark_changes_nothing(
    answer: Answer, one: Process, other: Process, thread: Thread, rows: Rows
) -> None:
    message_id = await taken_over(one, other, thread, rows)
    before = await rows.all("SELECT * FROM notifier.deliveries")
    await one.found(one.claimed[0], answer)
    assert await rows.all("SELECT * FROM notifier.deliveries") == before
    assert await rows.state(message_id) == "claimed"


async def test_a_late_acceptance_is_proof(one: Process, other: Process, thread: Thread, rows: Rows) -> None:
    message_id = await taken_over(one, other, thread, rows)
    await one.found(one.claimed[0], accepted(SID))
    assert await rows.state(message_id) == "accepted"
    await other.found(other.claimed[0], accepted(OTHER_SID))
    assert await rows.one("SELECT sid FROM notifier.deliveries") == SID


async def test_a_mark_that_is_repeated_is_marked_once(one: Process, thread: Thread, rows: Rows) -> None:
    first, second = thread.text(), thread.text()
    await one.submit(first, second)
    claim = one.claimed[0]
    await one.found(claim, accepted(SID))
    await one.found(claim, accepted(SID))
    assert [made.delivery_id for made in one.claimed] == [first.message_id, second.message_id]
    assert await rows.outcomes(first.message_id) == ["accepted"]


async def test_a_lane_is_claimed_by_one_of_many(database: FreshDatabase, thread: Thread, rows: Rows) -> None:
    text = thread.text()
    async with process_on(database.notifier_url) as a, process_on(database.notifier_url) as b:
        await asyncio.gather(a.submit(text), b.submit(text), a.submit(text), b.submit(text))
        assert len(a.claimed + b.claimed) == 1
    assert await rows.one("SELECT attempt FROM notifier.deliveries") == 1


async def test_a_callback_counts_for_whoever_claimed(one: Process, other: Process, thread: Thread, rows: Rows) -> None:
    first, second = thread.text(), thread.text()
    await one.submit(first, second)
    await other.facts(reported(one.claimed[0], SID, "sent"))
    assert await rows.state(first.message_id) == "accepted"
    assert [claim.delivery_id for claim in other.claimed] == [second.message_id]
    assert other.records[0].told is Told.SENT


async def test_the_database_refuses_a_claim_that_is_not_the_heads(one: Process, thread: Thread, rows: Rows) -> None:
    await one.submit(thread.text(), thread.text())
    with pytest.raises(Exception, match="lanes_only_head_in_flight"):
        await rows.connection.execute("UPDATE notifier.lanes SET in_flight = 2")
    with pytest.raises(Exception, match="lanes_only_head_in_flight"):
        await rows.connection.execute("UPDATE notifier.lanes SET next_seq = 2")


async def test_a_window_of_a_lane_is_enough_however_much_waits(one: Process, thread: Thread, rows: Rows) -> None:
    texts = [thread.text(canceled=10 <= number < 40) for number in range(50)]
    for text in reversed(texts):
        await one.submit(text)
    while len(one.claimed) < 20:
        sends = len(one.claimed)
        await one.found(one.claimed[-1], accepted(SID))
        while len(one.claimed) == sends:
            assert await rows.one("SELECT wake_time <= clock_timestamp() FROM notifier.lanes")
            await one.tend()
    ids = [text.message_id for text in texts if not text.canceled]
    assert [claim.delivery_id for claim in one.claimed] == ids
    states = "SELECT count(*) FROM notifier.deliveries WHERE state = %s"
    assert await rows.one(states, State.CANCELED) == 30
