"""Texts on their way: sent once, in their thread's order, and told of."""

import asyncio
import random
from collections.abc import Callable

from parley_simulator.handlers.hold_requests import Then
from parley_simulator.simulator import Simulator
from tests.integration.notifier.conftest import Notifier, Rows, Start, Text, Thread, eventually
from tests.integration.notifier.peers import SessionPeer


async def test_a_text_is_sent_and_told_of(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    text = thread.text("Hello there")
    await notifier.submit(text)
    (message,) = await simulator.wait_for_outbound(thread.participant)
    assert message.body == "Hello there"
    await session.wait_for("ACCEPTED", text.message_id)
    assert session.last(text.message_id).source_id == message.sid


async def test_texts_are_sent_in_their_order_whatever_order_they_come_in(
    notifier: Notifier, simulator: Simulator, thread: Thread
) -> None:
    texts = [thread.text() for _ in range(6)]
    for text in reversed(texts):
        await notifier.submit(text)
    messages = await simulator.wait_for_outbound(thread.participant, 6)
    assert [message.body for message in messages] == [text.text for text in texts]


async def test_no_text_overtakes_one_that_is_being_sent(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    hold = simulator.place_hold()
    first, second = thread.text(), thread.text()
    await notifier.submit(first, second)
    await hold.wait()
    assert simulator.outbox(thread.participant) == []
    hold.release()
    await session.wait_for("ACCEPTED", first.message_id, second.message_id)
    assert [message.body for message in simulator.outbox(thread.participant)] == [first.text, second.text]


async def test_what_is_submitted_twice_is_sent_once_and_told_again(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    text = thread.text()
    await notifier.submit(text, text)
    await session.wait_for("ACCEPTED", text.message_id)
    session.records.clear()
    await notifier.submit(text)
    await session.wait_for("ACCEPTED", text.message_id)
    assert len(simulator.outbox(thread.participant)) == 1


async def test_a_text_that_was_taken_back_is_not_sent(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    hold = simulator.place_hold()
    first, second, third = thread.text(), thread.text(), thread.text()
    await notifier.submit(first, second)
    await hold.wait()
    second.canceled = True
    await notifier.submit(second, third)
    hold.release()
    await session.wait_for("ACCEPTED", first.message_id, third.message_id)
    assert session.states(second.message_id) == ["CANCELED"]
    assert [message.body for message in simulator.outbox(thread.participant)] == [first.text, third.text]


async def test_a_text_taken_back_while_it_is_sent_is_settled_first(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("cut", accepted=False)
    hold = simulator.place_hold()
    text, after = thread.text(), thread.text()
    await notifier.submit(text, after)
    await hold.wait()
    text.canceled = True
    await notifier.submit(text)
    assert await rows.state(text.message_id) == "claimed"
    hold.release(Then.CUT)
    await session.wait_for("CANCELED", text.message_id)
    await session.wait_for("ACCEPTED", after.message_id)
    assert [message.body for message in simulator.outbox(thread.participant)] == [after.text]


async def test_a_text_is_sent_in_plain_characters(
    notifier: Notifier, simulator: Simulator, thread: Thread, rows: Rows
) -> None:
    text = thread.text("It’s “fine” – really…" + "!" * 60)
    await notifier.submit(text)
    (message,) = await simulator.wait_for_outbound(thread.participant)
    assert message.body == 'It\'s "fine" - really...' + "!" * 60
    assert await rows.one("SELECT segments FROM notifier.deliveries") == 1


async def test_a_refused_text_fails_and_the_lane_moves_on(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    too_long, after = thread.text("x" * 1601), thread.text()
    await notifier.submit(too_long, after)
    await session.wait_for("ACCEPTED", after.message_id)
    assert session.states(too_long.message_id) == ["FAILED"]
    assert session.last(too_long.message_id).error_code == 21617


async def test_a_text_to_somebody_who_opted_out_is_suppressed(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    simulator.add_fault("error", status=400, code=21610)
    text = thread.text()
    await notifier.submit(text)
    await session.wait_for("SUPPRESSED", text.message_id)
    assert session.last(text.message_id).error_code == 21610


async def test_a_text_that_cannot_have_its_place_is_not_sent_and_its_neighbours_are(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    one, other = new_thread(), new_thread()
    first = one.text()
    await notifier.submit(first)
    in_its_place = Text(one.id, one.participant, 1, "in its place")
    second_lane = Text(Thread("x").id, one.participant, 1, "another thread for the same pair")
    neighbour = other.text()
    await notifier.submit(in_its_place, second_lane, neighbour)
    await session.wait_for("ACCEPTED", first.message_id, neighbour.message_id)
    assert await rows.one("SELECT count(*) FROM notifier.deliveries") == 2
    assert [message.body for message in simulator.outbox(one.participant)] == [first.text]


async def test_no_more_is_under_way_than_there_are_slots(
    start: Start, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    texts = [new_thread().text() for _ in range(9)]
    async with start(slots=2) as notifier:
        hold = simulator.place_hold(count=None)
        await notifier.submit(*texts)
        await hold.wait(2)
        states = await rows.all("SELECT state, count(*) FROM notifier.deliveries GROUP BY state ORDER BY state")
        assert states == [("claimed", 2), ("pending", 7)]
        hold.count = 0
        hold.release()
        await session.wait_for("ACCEPTED", *(text.message_id for text in texts))
    assert len(simulator.messages()) == 9


async def test_two_replicas_share_the_work_and_keep_the_order(
    start: Start, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    """Each text goes to either of them, and every text of a thread at the same time."""
    chance = random.Random(3)
    threads = [new_thread() for _ in range(20)]
    texts = [thread.text() for thread in threads for _ in range(8)]
    chance.shuffle(texts)
    async with start() as one, start() as other:
        await asyncio.gather(*(chance.choice((one, other)).submit(text) for text in texts))
        await session.wait_for("ACCEPTED", *(text.message_id for text in texts), timeout=30)
        owners: dict[str, int] = dict(await rows.all("SELECT owner, count(*) FROM notifier.deliveries GROUP BY owner"))
    for thread in threads:
        assert [message.body for message in simulator.outbox(thread.participant)] == [f"text {n}" for n in range(1, 9)]
    assert set(owners) == {one.service.owner, other.service.owner}
    assert min(owners.values()) > len(texts) / 10


async def test_a_lane_that_somebody_holds_holds_up_no_other(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    """As a process does that stands still in the middle of a transaction."""
    held, free = new_thread(), new_thread()
    opening = held.text()
    await notifier.submit(opening)
    await session.wait_for("ACCEPTED", opening.message_id)
    blocked, passing = held.text(), free.text()
    async with rows.connection.transaction():
        await rows.connection.execute("SELECT FROM notifier.lanes FOR UPDATE")
        submitted = asyncio.create_task(notifier.submit(blocked))
        await notifier.submit(passing)
        await session.wait_for("ACCEPTED", passing.message_id)
        assert not submitted.done()
    await submitted
    await session.wait_for("ACCEPTED", blocked.message_id)


async def test_idle_lanes_are_forgotten_by_the_poll(
    notifier: Notifier, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    text = thread.text()
    await notifier.submit(text)
    await session.wait_for("ACCEPTED", text.message_id)
    await eventually(
        lambda: rows.one("SELECT wake_time IS NULL AND in_flight IS NULL AND next_seq = 2 FROM notifier.lanes")
    )
