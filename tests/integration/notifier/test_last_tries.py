"""Texts that are sent once at the most, and texts that are of no use after a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.simulator import Simulator
from tests.integration.notifier.conftest import SENDER, Notifier, Rows, Start, Thread
from tests.integration.notifier.peers import SessionPeer


async def test_a_text_that_is_sent_once_at_the_most_is_held_where_nobody_knows(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("cut", accepted=False)
    once, after = thread.text(at_most_once=True), thread.text()
    await notifier.submit(once, after)
    await session.wait_for("HELD", once.message_id, timeout=30)
    await session.wait_for("ACCEPTED", after.message_id, timeout=30)
    assert session.states(once.message_id) == ["UNKNOWN", "HELD"]
    assert await rows.outcomes(once.message_id) == ["unknown"]
    assert [message.body for message in simulator.outbox(thread.participant)] == [after.text]


async def test_a_text_that_is_sent_once_at_the_most_is_found_and_tried_again_like_any_other(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread]
) -> None:
    cut, throttled = new_thread(), new_thread()
    simulator.add_fault("cut", accepted=True, participant=cut.participant)
    simulator.add_fault("rate_limit", participant=throttled.participant)
    texts = [thread.text(at_most_once=True) for thread in (cut, throttled)]
    await notifier.submit(*texts)
    await session.wait_for("ACCEPTED", *(text.message_id for text in texts), timeout=30)
    assert [len(simulator.outbox(thread.participant)) for thread in (cut, throttled)] == [1, 1]


async def test_a_proof_that_comes_late_is_told_of_a_held_text(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("cut", accepted=False)
    once = thread.text(at_most_once=True)
    await notifier.submit(once)
    await session.wait_for("HELD", once.message_id, timeout=30)
    await notifier.report(once.message_id, "SM" + "9" * 32, "sent")
    await session.wait_for("SENT", once.message_id)
    assert await rows.state(once.message_id) == "accepted"


async def test_a_text_whose_time_is_over_is_not_sent_and_the_next_one_is(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    stale, fresh = thread.text(expire_time=time.time() - 1), thread.text(expire_time=time.time() + 3600)
    await notifier.submit(stale, fresh)
    await session.wait_for("EXPIRED", stale.message_id)
    await session.wait_for("ACCEPTED", fresh.message_id)
    assert [message.body for message in simulator.outbox(thread.participant)] == [fresh.text]


async def test_a_text_whose_time_runs_out_while_its_outcome_is_unknown_is_not_sent_again(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("cut", accepted=False)
    text = thread.text(expire_time=time.time() + 1.5)
    await notifier.submit(text)
    await session.wait_for("UNKNOWN", text.message_id, timeout=30)
    await session.wait_for("EXPIRED", text.message_id, timeout=30)
    assert simulator.outbox(thread.participant) == []


async def test_what_a_messaging_service_took_without_an_answer_is_found_in_the_list(
    start: Start, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    service = simulator.set_service(ServiceChange(numbers=(SENDER,)))
    simulator.add_fault("cut", accepted=True)
    text = thread.text(scope=service.sid)
    async with start() as notifier:
        await notifier.submit(text)
        await session.wait_for("ACCEPTED", text.message_id, timeout=30)
    (message,) = simulator.outbox(thread.participant)
    assert (message.number, message.service_sid) == (SENDER, service.sid)
    assert session.states(text.message_id) == ["UNKNOWN", "ACCEPTED"]
