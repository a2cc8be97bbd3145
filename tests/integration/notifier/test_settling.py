"""Outcomes that nobody heard: settled by Twilio's callback, its list, or absence from it; never by sending again."""

import math
import socket

import grpc
import pytest

import parley_simulator.app
from parley_notifier.adapters.twilio.carrier import Account, Limits, twilio_carrier
from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import TOKEN, Notifier, Rows, Start, Thread, eventually, simulator_settings
from tests.integration.notifier.peers import SessionPeer
from tests.integration.notifier.processes import process_on
from tests.integration.session.wire import wire_to


async def test_a_throttled_text_waits_and_is_sent_once(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("rate_limit", count=2)
    text, after = thread.text(), thread.text()
    await notifier.submit(text, after)
    await session.wait_for("ACCEPTED", text.message_id, after.message_id)
    assert await rows.outcomes(text.message_id) == ["throttled", "throttled", "accepted"]
    assert [message.body for message in simulator.outbox(thread.participant)] == [text.text, after.text]
    assert session.states(text.message_id) == ["ACCEPTED"]


async def test_a_text_that_could_not_leave_waits_for_the_way_to_open(
    start: Start, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    text = thread.text()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        async def refused_twice() -> bool:
            return await rows.outcomes(text.message_id) >= ["unreachable", "unreachable"]

        async with start(twilio_url=f"http://{address}") as notifier:
            await notifier.submit(text)
            await eventually(refused_twice)
            assert await rows.state(text.message_id) != "unknown"
            taken.close()
            async with parley_simulator.app.running(simulator_settings(listen=address)) as simulator:
                await session.wait_for("ACCEPTED", text.message_id)
                assert len(simulator.outbox(thread.participant)) == 1
    assert session.states(text.message_id) == ["ACCEPTED"]


@pytest.mark.parametrize("fault", ["cut", "error"])
async def test_what_twilio_took_without_an_answer_is_found_in_its_list(
    fault: str, notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault(fault, accepted=True)
    text, after = thread.text("the same words"), thread.text("the same words")
    await notifier.submit(text, after)
    await session.wait_for("ACCEPTED", text.message_id, after.message_id)
    assert session.states(text.message_id) == ["UNKNOWN", "ACCEPTED"]
    assert await rows.outcomes(text.message_id) == ["unknown"]
    first, second = simulator.outbox(thread.participant)
    assert session.last(text.message_id).source_id == first.sid
    assert session.last(after.message_id).source_id == second.sid


async def test_what_twilio_took_too_slowly_is_sent_once(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("slow", accepted=True, seconds=0.9)
    text = thread.text()
    await notifier.submit(text)
    await session.wait_for("ACCEPTED", text.message_id)
    assert await rows.outcomes(text.message_id) == ["unknown"]
    assert len(simulator.outbox(thread.participant)) == 1


async def test_a_callback_settles_what_was_not_answered(
    start: Start, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    simulator.add_fault("cut", accepted=True)
    text, after = thread.text(), thread.text()
    async with start(look_after=60.0) as notifier:
        await notifier.submit(text, after)
        await session.wait_for("UNKNOWN", text.message_id)
        (message,) = simulator.outbox(thread.participant)
        await notifier.report(text.message_id, message.sid, "sent")
        await session.wait_for("ACCEPTED", after.message_id)
    assert session.states(text.message_id) == ["UNKNOWN", "SENT"]
    assert len(simulator.outbox(thread.participant)) == 2


async def test_a_callback_that_comes_before_the_answer_moves_the_lane(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    hold = simulator.place_hold(accepted=True)
    text, after = thread.text(), thread.text()
    await notifier.submit(text, after)
    (held,) = await hold.wait()
    await notifier.report(text.message_id, held.sid, "sent")
    await session.wait_for("ACCEPTED", after.message_id)
    hold.release()
    await eventually(lambda: rows.one("SELECT count(*) = 2 FROM notifier.attempts"))
    assert session.last(text.message_id).source_id == held.sid
    assert await rows.state(text.message_id) == "accepted"


async def test_what_twilio_never_took_is_sent_again_after_two_lists_without_it(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("cut", accepted=False)
    text, after = thread.text(), thread.text()
    await notifier.submit(text, after)
    await session.wait_for("ACCEPTED", text.message_id, after.message_id)
    assert await rows.outcomes(text.message_id) == ["unknown", "accepted"]
    assert [message.body for message in simulator.outbox(thread.participant)] == [text.text, after.text]
    waited = "SELECT started_time - (SELECT min(started_time) FROM notifier.attempts) FROM notifier.deliveries"
    assert (await rows.one(waited + " WHERE id = %s", text.message_id)).total_seconds() >= 1.6


async def test_a_list_that_cannot_be_read_proves_nothing(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("cut", accepted=True)
    faulty = simulator.add_fault("error", operation="messages.list", count=None)
    text = thread.text()
    await notifier.submit(text)
    await simulator.wait_until(lambda: faulty.strikes >= 4 or None)
    assert await rows.state(text.message_id) == "unknown"
    simulator.clear_faults(faulty.id)
    await session.wait_for("ACCEPTED", text.message_id)
    assert len(simulator.outbox(thread.participant)) == 1


async def test_a_claim_whose_process_died_before_it_sent_is_sent_by_another(
    start: Start, database: FreshDatabase, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    text, after = thread.text(), thread.text()
    async with process_on(database.notifier_url) as dead:
        await dead.submit(text, after)
        assert [claim.delivery_id for claim in dead.claimed] == [text.message_id]
    async with start():
        await session.wait_for("ACCEPTED", text.message_id, after.message_id, timeout=15)
    assert session.states(text.message_id) == ["UNKNOWN", "ACCEPTED"]
    assert [message.body for message in simulator.outbox(thread.participant)] == [text.text, after.text]


async def test_a_text_whose_process_died_before_it_marked_is_not_sent_again(
    start: Start, database: FreshDatabase, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    text, after = thread.text(), thread.text()
    account = Account(simulator.api_url, simulator.account_sid, simulator.account_sid, TOKEN, "http://127.0.0.1:9")
    async with process_on(database.notifier_url) as dead, twilio_carrier(account, Limits(1, 1, 2, 4)) as carrier:
        await dead.submit(text, after)
        assert (await carrier.send(dead.claimed[0], math.inf)).sid
    async with start():
        await session.wait_for("ACCEPTED", text.message_id, after.message_id, timeout=15)
    assert [message.body for message in simulator.outbox(thread.participant)] == [text.text, after.text]
    assert await rows.outcomes(text.message_id) == []


async def test_claims_whose_commit_was_not_heard_of_are_sent_without_delay(
    start: Start, database: FreshDatabase, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    """The process knows that it never began them: no lease has to lapse, nothing has to be settled."""
    text = thread.text()
    async with (
        wire_to(database.notifier_url) as wire,
        start(database_url=wire.url, lease=60.0, settle=60.0, poll=60.0) as notifier,
    ):
        wire.swallow_commits()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await notifier.submit(text)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert wire.swallowed == 1
        await session.wait_for("ACCEPTED", text.message_id)
        await notifier.submit(text)
    assert len(simulator.outbox(thread.participant)) == 1
    assert session.states(text.message_id) == ["ACCEPTED"]
    assert await rows.one("SELECT attempt FROM notifier.deliveries") == 2


async def test_an_outcome_whose_commit_was_not_heard_of_is_marked_once(
    start: Start, database: FreshDatabase, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    text, after = thread.text(), thread.text()
    hold = simulator.place_hold()
    async with (
        wire_to(database.notifier_url) as wire,
        start(database_url=wire.url, lease=60.0, settle=60.0, poll=60.0) as notifier,
    ):
        await notifier.submit(text, after)
        await hold.wait()
        wire.swallow_commits()
        hold.release()
        await session.wait_for("ACCEPTED", after.message_id)
        assert wire.swallowed == 1
    assert await rows.outcomes(text.message_id) == ["accepted"]
    assert [message.body for message in simulator.outbox(thread.participant)] == [text.text, after.text]


async def test_an_earlier_text_of_the_same_words_is_not_taken_for_a_later_one(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    first, second = thread.text("the same words"), thread.text("the same words")
    await notifier.submit(first)
    await session.wait_for("ACCEPTED", first.message_id)
    simulator.add_fault("cut", accepted=False)
    await notifier.submit(second)
    await session.wait_for("ACCEPTED", second.message_id)
    sids = [message.sid for message in simulator.outbox(thread.participant)]
    assert [session.last(text.message_id).source_id for text in (first, second)] == sids
