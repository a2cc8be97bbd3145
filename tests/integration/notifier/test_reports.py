"""Status callbacks: stored once, told by rank, and never answered before their effect is safe."""

import asyncio

import grpc
import pytest

from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import PROCESS, Notifier, Rows, Start, Thread, eventually
from tests.integration.notifier.peers import SessionPeer, session_peer
from tests.integration.notifier.processes import process_on

SID = "SM" + "1" * 32


async def sent(notifier: Notifier, session: SessionPeer, thread: Thread) -> tuple[str, str]:
    """A text that Twilio has: its id and sid."""
    text = thread.text()
    await notifier.submit(text)
    await session.wait_for("ACCEPTED", text.message_id)
    return text.message_id, session.last(text.message_id).source_id


async def test_reports_are_told_by_rank(notifier: Notifier, session: SessionPeer, thread: Thread, rows: Rows) -> None:
    message_id, sid = await sent(notifier, session, thread)
    await notifier.report(message_id, sid, "queued")
    await notifier.report(message_id, sid, "delivered")
    await notifier.report(message_id, sid, "sent")
    assert session.states(message_id) == ["ACCEPTED", "DELIVERED"]
    statuses = await rows.all("SELECT status FROM notifier.reports ORDER BY receive_time, status")
    assert {row[0] for row in statuses} == {"queued", "delivered", "sent"}


async def test_a_failure_is_told_with_its_code(notifier: Notifier, session: SessionPeer, thread: Thread) -> None:
    message_id, sid = await sent(notifier, session, thread)
    await notifier.report(message_id, sid, "undelivered", error_code=30003)
    assert session.states(message_id)[-1] == "UNDELIVERED"
    assert session.last(message_id).error_code == 30003


async def test_a_report_is_stored_once(notifier: Notifier, session: SessionPeer, thread: Thread, rows: Rows) -> None:
    message_id, sid = await sent(notifier, session, thread)
    await asyncio.gather(*(notifier.report(message_id, sid, "sent", "sent", "delivered") for _ in range(5)))
    assert await rows.one("SELECT count(*) FROM notifier.reports") == 2
    assert session.states(message_id)[-1] == "DELIVERED"


async def test_a_report_for_an_unknown_delivery_is_dropped(notifier: Notifier, rows: Rows, thread: Thread) -> None:
    await notifier.report(thread.text().message_id, SID, "sent")
    assert await rows.one("SELECT count(*) FROM notifier.reports") == 0


async def test_a_second_message_for_one_text_is_noticed(
    notifier: Notifier, session: SessionPeer, thread: Thread, caplog: pytest.LogCaptureFixture
) -> None:
    message_id, sid = await sent(notifier, session, thread)
    await notifier.report(message_id, SID, "delivered")
    assert "duplicate_suspected" in caplog.messages
    assert session.last(message_id).source_id == sid
    assert session.states(message_id) == ["ACCEPTED"]


async def test_a_report_is_answered_when_it_will_be_told_for_certain(
    notifier: Notifier, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    message_id, sid = await sent(notifier, session, thread)
    session.refusal = grpc.StatusCode.UNAVAILABLE
    await notifier.report(message_id, sid, "delivered")
    assert session.states(message_id) == ["ACCEPTED"]
    assert await rows.one("SELECT delivery_id::text FROM notifier.unrecorded") == message_id
    session.refusal = None
    await session.wait_for("DELIVERED", message_id)
    await eventually(lambda: rows.one("SELECT count(*) = 0 FROM notifier.unrecorded"))


async def test_what_the_session_service_missed_is_told_when_it_is_back(
    start: Start, simulator: Simulator, thread: Thread, rows: Rows
) -> None:
    texts = [thread.text() for _ in range(3)]
    async with session_peer(PROCESS) as gone:
        address = gone.address
    async with start(session_address=(address,)) as notifier:
        await notifier.submit(*texts)
        await simulator.wait_for_outbound(thread.participant, 3)
        await eventually(lambda: rows.one("SELECT count(*) = 3 FROM notifier.unrecorded"))
        async with session_peer(PROCESS, address) as session:
            await session.wait_for("ACCEPTED", *(text.message_id for text in texts))
    assert await rows.one("SELECT count(*) FROM notifier.unrecorded") == 0


async def test_a_record_that_is_refused_holds_up_no_other(
    notifier: Notifier, session: SessionPeer, thread: Thread, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    texts = [thread.text() for _ in range(3)]
    session.refused_messages.add(texts[1].message_id)
    await notifier.submit(*texts)
    await session.wait_for("ACCEPTED", texts[0].message_id, texts[2].message_id)
    assert "record_refused" in caplog.messages
    assert await rows.one("SELECT count(*) FROM notifier.unrecorded") == 0


async def test_what_changes_while_it_is_told_is_told_again(database: FreshDatabase, thread: Thread, rows: Rows) -> None:
    text = thread.text()
    async with process_on(database.notifier_url) as process:
        await process.submit(text)
        await process.store.remember_unrecorded([text.message_id])
        waiting = await process.store.read_unrecorded(10)
        await process.store.remember_unrecorded([text.message_id])
        await process.store.forget_unrecorded(waiting)
        assert await rows.one("SELECT count(*) FROM notifier.unrecorded") == 1
        await process.store.forget_unrecorded(await process.store.read_unrecorded(10))
        assert await rows.one("SELECT count(*) FROM notifier.unrecorded") == 0
