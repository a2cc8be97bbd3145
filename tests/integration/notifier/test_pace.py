"""The pace of a sender: segments in a second, shared by all processes; and the pause of a refused account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest

from parley_notifier.adapters.postgres.store import PostgresSenders
from parley_notifier.domain.outcomes import Answer
from parley_notifier.ports import Registered
from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import FAST, SENDER, Rows, Start, Thread, eventually
from tests.integration.notifier.peers import SessionPeer
from tests.integration.notifier.processes import Process, accepted, process_on

OTHER_SENDER = "+15550002222"
SLOW = 0.001
"""So slow that after the burst nobody's turn comes during a test."""


@pytest.fixture
async def one(database: FreshDatabase) -> AsyncIterator[Process]:
    async with process_on(database.notifier_url) as process:
        yield process


@pytest.fixture
async def other(database: FreshDatabase) -> AsyncIterator[Process]:
    async with process_on(database.notifier_url) as process:
        yield process


async def set_pace(process: Process, rate: float, at: float = 1.0) -> None:
    await PostgresSenders(process.store._database).store_senders([Registered(SENDER, False, rate, at)])


async def test_processes_share_a_senders_pace(
    one: Process, other: Process, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    await set_pace(one, SLOW)
    for process in (one, other, one, other):
        await process.submit(*(new_thread().text() for _ in range(3)))
    assert len(one.claimed) + len(other.claimed) == 1
    assert await rows.one("SELECT count(*) FROM notifier.deliveries WHERE due_time > now() + interval '50 s'") == 11


async def test_two_batches_at_once_do_not_take_the_same_turn(
    one: Process, other: Process, new_thread: Callable[[], Thread]
) -> None:
    await set_pace(one, SLOW)
    async with one.store.paused():
        first = asyncio.create_task(one.submit(new_thread().text()))
        await one.store.decided.wait()
        await other.submit(new_thread().text())
        assert other.claimed == []
    await first
    await other.tend()
    assert (len(one.claimed), len(other.claimed)) == (1, 0)


async def test_other_senders_are_not_held_back(one: Process, new_thread: Callable[[], Thread]) -> None:
    await set_pace(one, SLOW)
    await one.submit(*(new_thread().text() for _ in range(3)), *(new_thread().text(sender=OTHER_SENDER) for _ in "abc"))
    assert len(one.claimed) == 1 + 3


async def test_a_pace_that_another_batch_takes_from_holds_up_nothing_but_its_sender(
    one: Process, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    await set_pace(one, 1000.0)
    paced, free = new_thread().text(), new_thread().text(sender=OTHER_SENDER)
    async with rows.connection.transaction():
        await rows.connection.execute("SELECT FROM notifier.senders FOR UPDATE")
        await one.submit(paced, free)
        assert [claim.delivery_id for claim in one.claimed] == [free.message_id]
    await one.tend()
    assert [claim.delivery_id for claim in one.claimed] == [free.message_id, paced.message_id]


async def test_a_text_that_waits_for_its_turn_is_sent_when_it_comes(
    start: Start, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    rate, burst, texts = 20, 21, 40
    session.register.set(SENDER, segments_per_second=rate)
    async with start() as notifier, start() as second:
        await session.register.wait_for_looks(4)
        all_texts = [new_thread().text() for _ in range(texts)]
        await notifier.submit(*all_texts[::2])
        await second.submit(*all_texts[1::2])
        await session.wait_for("ACCEPTED", *(text.message_id for text in all_texts), timeout=30)
    starts = [row[0].timestamp() for row in await rows.all("SELECT started_time FROM notifier.deliveries ORDER BY 1")]
    for number in range(burst, texts):
        assert starts[number] - starts[0] >= (number - burst) / rate
    assert len(simulator.messages()) == texts


async def test_each_attempt_takes_its_turn(one: Process, thread: Thread, rows: Rows) -> None:
    await set_pace(one, 1000.0)
    await one.submit(thread.text())
    await one.found(one.claimed[0], Answer(429, 20429))
    before = await rows.one("SELECT next_time FROM notifier.senders")

    async def is_claimed_again() -> bool:
        await one.tend()
        return len(one.claimed) == 2

    await eventually(is_claimed_again)
    assert await rows.one("SELECT next_time FROM notifier.senders") > before
    await one.found(one.claimed[1], accepted("SM1"))


# ---- an account that is refused


async def test_a_refused_account_is_tried_with_one_text_at_a_time(
    start: Start, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    fault = simulator.add_fault("error", status=401, code=20003, count=None)
    first, *others = (new_thread().text() for _ in range(12))
    async with start() as notifier:
        await notifier.submit(first)
        await eventually(lambda: rows.one("SELECT count(*) = 1 FROM notifier.attempts"))
        await notifier.submit(*others)
        await simulator.wait_until(lambda: fault.strikes >= 4 or None, timeout=30)
        simulator.clear_faults(fault.id)
        await session.wait_for("ACCEPTED", *(text.message_id for text in (first, *others)), timeout=30)
    refused = await rows.all(
        "SELECT date_part('epoch', started_time), date_part('epoch', finished_time) FROM notifier.attempts "
        "WHERE outcome = 'account_refused' ORDER BY 1"
    )
    assert len(refused) == fault.strikes
    for (_, ended), (began, _) in pairwise(refused):
        assert began - ended >= FAST["pause"] * 0.9
    assert len(simulator.messages()) == 12


async def test_while_the_account_is_refused_nobody_looks_at_what_waits(
    one: Process, thread: Thread, rows: Rows
) -> None:
    one.claims.refuse_account(20003)
    await one.submit(thread.text())
    assert one.claimed == []
    assert await rows.one("SELECT count(*) = 1 FROM notifier.lanes WHERE wake_time > now() + interval '40 s'")
