"""The kill switch: what a number that is switched off has to send waits asleep, and goes on by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import grpc
import pytest

from parley_notifier.adapters.postgres.store import PostgresSenders
from parley_notifier.ports import Registered
from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import SENDER, Notifier, Rows, Start, Text, Thread, eventually
from tests.integration.notifier.peers import SessionPeer
from tests.integration.notifier.processes import Process, process_on

OTHER_SENDER = "+15550002222"
ASLEEP = "SELECT count(*) FROM notifier.lanes WHERE wake_time = 'infinity'"
UNTIL_EXPIRY = 0.5


@pytest.fixture
async def process(database: FreshDatabase) -> AsyncIterator[Process]:
    async with process_on(database.notifier_url) as started:
        yield started


@pytest.fixture
def senders(process: Process) -> PostgresSenders:
    return PostgresSenders(process.store._database)


def switched(number: str = SENDER, *, off: bool, at: float = 1.0) -> list[Registered]:
    return [Registered(number, off, 0.0, at)]


async def switch(session: SessionPeer, *, off: bool) -> None:
    """Returns once it is in force for a running notifier."""
    session.register.set(SENDER, sending_paused=off)
    await session.register.wait_for_looks(2)


# ---- in a running notifier


async def test_what_is_switched_off_waits_and_goes_on_in_order_when_it_is_switched_on(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    await switch(session, off=True)
    threads = [new_thread() for _ in range(5)]
    texts = [thread.text() for thread in threads for _ in range(3)]
    await notifier.submit(*texts)
    await session.register.wait_for_looks(3)
    assert simulator.messages() == []
    assert await rows.one(ASLEEP) == len(threads)
    await switch(session, off=False)
    await session.wait_for("ACCEPTED", *(text.message_id for text in texts), timeout=30)
    for thread in threads:
        assert [message.body for message in simulator.outbox(thread.participant)] == ["text 1", "text 2", "text 3"]


async def test_every_replica_obeys_whoever_reads_the_switch(
    start: Start, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    session.register.set(SENDER, sending_paused=True)
    async with start(), start(number_poll=3600.0) as deaf:
        await session.register.wait_for_looks(3)
        text = new_thread().text()
        await deaf.submit(text)
        assert await rows.one(ASLEEP) == 1
        session.register.set(SENDER, sending_paused=False)
        await session.wait_for("ACCEPTED", text.message_id, timeout=30)
    assert len(simulator.messages()) == 1


async def test_a_text_under_way_is_finished_and_the_next_one_waits(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    first, second = thread.text(), thread.text()
    hold = simulator.place_hold()
    await notifier.submit(first, second)
    await hold.wait()
    await switch(session, off=True)
    hold.release()
    await session.wait_for("ACCEPTED", first.message_id)
    await eventually(lambda: rows.one("SELECT count(*) = 1 FROM notifier.lanes WHERE wake_time = 'infinity'"))
    assert len(simulator.outbox(thread.participant)) == 1


async def test_what_expired_while_it_waited_is_told_when_it_is_switched_on(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    await switch(session, off=True)
    stale = thread.text(expire_time=time.time() + UNTIL_EXPIRY)
    fresh = thread.text(expire_time=time.time() + 3600)
    await notifier.submit(stale, fresh)

    async def is_stale() -> bool:
        return time.time() > (stale.expire_time or 0.0)

    await eventually(is_stale)
    await switch(session, off=False)
    await session.wait_for("ACCEPTED", fresh.message_id, timeout=30)
    assert session.states(stale.message_id) == ["EXPIRED"]
    assert [message.body for message in simulator.outbox(thread.participant)] == [fresh.text]


async def test_while_the_register_does_not_answer_the_last_word_counts(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    await switch(session, off=True)
    session.register.refusal = grpc.StatusCode.UNAVAILABLE
    await session.register.wait_for_looks(2)
    text = thread.text()
    await notifier.submit(text)
    assert await rows.one(ASLEEP) == 1
    session.register.refusal = None
    await switch(session, off=False)
    await session.wait_for("ACCEPTED", text.message_id, timeout=30)
    assert len(simulator.outbox(thread.participant)) == 1


async def test_the_whole_register_is_read_once_and_then_what_has_changed(
    start: Start, session: SessionPeer, rows: Rows
) -> None:
    now = time.time()
    for number in range(5):
        session.register.set(f"+1555000100{number}", at=now - 100 + number, segments_per_second=number)
    async with start():
        await session.register.wait_for_looks(5)
    assert await rows.all("SELECT sender, segments_per_second FROM notifier.senders ORDER BY sender") == [
        (f"+1555000100{number}", number) for number in range(5)
    ]
    pages = [request.page_token for request in session.register.asked[:4]]
    assert pages == ["", "+15550001001", "+15550001003", ""]
    first, *_, later = session.register.asked
    assert not first.HasField("updated_since")
    assert later.HasField("updated_since")


# ---- the claim, and sleep


async def test_the_claim_itself_sees_the_switch(process: Process, senders: PostgresSenders, thread: Thread) -> None:
    """No loop runs here: nothing but the statement that reads the lanes can tell."""
    await senders.store_senders(switched(off=True))
    text = thread.text()
    await process.submit(text)
    await process.tend()
    assert process.claimed == []


async def test_other_senders_go_on(
    process: Process, senders: PostgresSenders, new_thread: Callable[[], Thread]
) -> None:
    await senders.store_senders(switched(off=True))
    off, on = new_thread().text(), new_thread().text(sender=OTHER_SENDER)
    await process.submit(off, on)
    assert [claim.delivery_id for claim in process.claimed] == [on.message_id]


async def test_a_lane_that_sleeps_is_not_looked_at(
    process: Process, senders: PostgresSenders, new_thread: Callable[[], Thread]
) -> None:
    await senders.store_senders(switched(off=True))
    await process.submit(*(new_thread().text() for _ in range(5)))
    async with process.store.batch() as batch:
        assert (await batch.gather_due(100, ())).lanes == {}


async def test_lanes_are_woken_in_portions_and_only_those_of_senders_that_are_on(
    process: Process, senders: PostgresSenders, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    await senders.store_senders(switched(off=True) + switched(OTHER_SENDER, off=True))
    await process.submit(*(new_thread().text() for _ in range(5)))
    await process.submit(*(new_thread().text(sender=OTHER_SENDER) for _ in range(2)))
    await senders.store_senders(switched(off=False, at=2.0))
    assert [await senders.wake_senders(3) for _ in range(3)] == [3, 2, 0]
    assert await rows.one(ASLEEP) == 2
    await process.tend()
    assert len(process.claimed) == 5


async def test_a_lane_that_falls_asleep_too_late_is_woken_by_the_next_look(
    process: Process, senders: PostgresSenders, thread: Thread, rows: Rows
) -> None:
    """A batch that has read the switch as off commits after it was switched on and all that slept was woken."""
    text = thread.text()
    await senders.store_senders(switched(off=True))
    async with process.store.paused():
        late = asyncio.create_task(process.submit(text))
        await process.store.decided.wait()
        await senders.store_senders(switched(off=False, at=2.0))
        assert await senders.wake_senders(10) == 0
    await late
    assert await rows.one(ASLEEP) == 1
    assert await senders.wake_senders(10) == 1
    await process.tend()
    assert [claim.delivery_id for claim in process.claimed] == [text.message_id]


async def test_an_older_answer_of_the_register_does_not_undo_a_newer_one(senders: PostgresSenders, rows: Rows) -> None:
    await senders.store_senders(switched(off=True, at=5.0))
    await senders.store_senders(switched(off=False, at=4.0))
    assert await rows.one("SELECT sending_paused FROM notifier.senders")


# ---- a sender whose queue is full


async def test_a_full_queue_stops_its_sender_and_no_other(
    start: Start, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    simulator.add_number(OTHER_SENDER)
    fault = simulator.add_fault("error", status=400, code=21611, number=SENDER)
    full, waiting = new_thread().text(), new_thread().text()
    other = new_thread().text(sender=OTHER_SENDER)
    async with start(pause=4.0) as notifier:
        await notifier.submit(full)
        await eventually(lambda: rows.one("SELECT count(*) = 1 FROM notifier.senders WHERE paused_until > now()"))
        await notifier.submit(waiting, other)
        await session.wait_for("ACCEPTED", other.message_id)
        await session.wait_for("ACCEPTED", full.message_id, waiting.message_id, timeout=30)
    assert fault.strikes == 1
    first = "SELECT min(started_time) FROM notifier.attempts WHERE delivery_id = %s"
    refused = await rows.one("SELECT finished_time FROM notifier.attempts WHERE outcome = 'queue_full'")
    for text in (full, waiting):
        sent = "SELECT started_time FROM notifier.attempts WHERE outcome = 'accepted' AND delivery_id = %s"
        assert (await rows.one(sent, text.message_id) - refused).total_seconds() >= 3.9
    assert (await rows.one(first, other.message_id) - refused).total_seconds() < 3.9


async def test_a_queue_that_overflows_later_stops_its_sender_too(
    notifier: Notifier, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    text: Text = thread.text()
    await notifier.submit(text)
    await session.wait_for("ACCEPTED", text.message_id)
    await notifier.report(text.message_id, session.last(text.message_id).source_id, "failed", error_code=30001)
    await eventually(lambda: rows.one("SELECT count(*) = 1 FROM notifier.senders WHERE paused_until IS NOT NULL"))
    assert session.states(text.message_id) == ["ACCEPTED", "FAILED"]
