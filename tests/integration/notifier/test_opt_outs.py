"""Opt-outs, the last gate: what was said last counts, nothing is claimed after it, what only Twilio knows is told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import grpc
import pytest

from parley.notifier.v1 import notifier_pb2
from parley_notifier.domain.outcomes import Answer
from parley_notifier.domain.reports import Told
from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import SENDER, Notifier, Rows, Start, Text, Thread, eventually
from tests.integration.notifier.peers import SessionPeer, seconds
from tests.integration.notifier.processes import LONG_AGO, Process, accepted, process_on, wish

SID = "SM" + "1" * 32
TOLL_FREE, OTHER_SENDER, SCOPE = "+18885550100", "+15550002222", "MG" + "0" * 32


@pytest.fixture
async def one(database: FreshDatabase) -> AsyncIterator[Process]:
    async with process_on(database.notifier_url) as process:
        yield process


@pytest.fixture
async def other(database: FreshDatabase) -> AsyncIterator[Process]:
    async with process_on(database.notifier_url) as process:
        yield process


# ---- what was said


async def test_an_opt_out_comes_before_the_texts_of_its_request(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    first, second = thread.text(), thread.text()
    await notifier.opt_out(thread.said(LONG_AGO), texts=[first, second])
    await session.wait_for("SUPPRESSED", first.message_id, second.message_id)
    assert simulator.outbox(thread.participant) == []
    record = session.last(first.message_id)
    assert (record.error_code, seconds(record.event_time)) == (0, LONG_AGO), "no newer than what was said"


async def test_what_was_suppressed_stays_so_and_later_texts_go_out_again(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    kept, later = thread.text(), thread.text()
    await notifier.opt_out(thread.said(LONG_AGO), texts=[kept])
    await session.wait_for("SUPPRESSED", kept.message_id)
    await notifier.opt_out(thread.said(LONG_AGO + 60, opted_out=False), texts=[later, kept])
    await session.wait_for("ACCEPTED", later.message_id)
    assert session.states(kept.message_id) == ["SUPPRESSED"]
    assert [message.body for message in simulator.outbox(thread.participant)] == [later.text]


@pytest.mark.parametrize(
    ("said", "is_sent"),
    [
        ([(10.0, True), (20.0, False)], True),
        ([(20.0, False), (10.0, True)], True),
        ([(20.0, True), (10.0, False)], False),
        ([(10.0, False), (20.0, True)], False),
        ([(10.0, True), (10.0, False)], False),
        ([(10.0, False), (10.0, True)], False),
        ([(10.000001, False), (10.0, True)], True),
        ([(30.0, False), (10.0, True), (20.0, True), (30.0, False)], True),
    ],
)
@pytest.mark.parametrize("in_one_request", [True, False])
async def test_what_was_said_last_counts_whenever_it_arrives(
    said: list[tuple[float, bool]],
    is_sent: bool,
    in_one_request: bool,
    notifier: Notifier,
    session: SessionPeer,
    thread: Thread,
    rows: Rows,
) -> None:
    opt_outs = [thread.said(LONG_AGO + at, opted_out) for at, opted_out in said]
    for request in [opt_outs] if in_one_request else [[opt_out] for opt_out in opt_outs]:
        await notifier.opt_out(*request)
    text = thread.text()
    await notifier.submit(text)
    await session.wait_for("ACCEPTED" if is_sent else "SUPPRESSED", text.message_id)
    assert await rows.opt_outs() == [(SENDER, not is_sent, LONG_AGO + max(at for at, _ in said))]


async def test_senders_of_one_scope_share_what_was_said(one: Process, new_thread: Callable[[], Thread]) -> None:
    in_scope, beside = new_thread(), new_thread()
    sibling = Thread(in_scope.participant)
    alone = Thread(in_scope.participant)
    texts = [
        in_scope.text(scope=SCOPE),
        sibling.text(scope=SCOPE, sender=OTHER_SENDER),
        alone.text(sender=TOLL_FREE),
        beside.text(scope=SCOPE),
    ]
    await one.facts(wish(in_scope, scope=SCOPE))
    await one.submit(*texts)
    assert {claim.delivery_id for claim in one.claimed} == {texts[2].message_id, texts[3].message_id}


async def test_an_opt_out_reaches_all_lanes_of_its_scope(one: Process, thread: Thread, rows: Rows) -> None:
    sibling = Thread(thread.participant)
    texts = [thread.text(scope=SCOPE) for _ in range(12)]
    texts += [sibling.text(scope=SCOPE, sender=OTHER_SENDER) for _ in range(2)]
    await one.submit(*texts)
    await one.facts(wish(thread, scope=SCOPE))
    for claim in one.claimed[:]:
        await one.found(claim, accepted(f"SM{claim.delivery_id}"))
    await one.tend()
    states = [await rows.state(text.message_id) for text in texts]
    assert states == ["accepted", *["suppressed"] * 11, "accepted", "suppressed"]
    assert len(one.claimed) == 2


async def test_a_number_that_moves_into_a_scope_obeys_it(one: Process, thread: Thread, rows: Rows) -> None:
    await one.facts(wish(thread, scope=SCOPE))
    before, after, last = thread.text(), thread.text(scope=SCOPE), thread.text(scope=SCOPE)
    await one.submit(before)
    await one.found(one.claimed[0], accepted(SID))
    await one.submit(after)
    await one.submit(before)
    await one.submit(last)
    assert [claim.delivery_id for claim in one.claimed] == [before.message_id]
    assert [await rows.state(text.message_id) for text in (before, after, last)] == [
        "accepted",
        "suppressed",
        "suppressed",
    ]
    assert await rows.one("SELECT opt_out_scope FROM notifier.lanes") == SCOPE


async def test_an_older_text_that_comes_late_does_not_move_its_lane_back(
    one: Process, thread: Thread, rows: Rows
) -> None:
    older, newer = thread.text(), thread.text(scope=SCOPE)
    await one.submit(newer)
    await one.submit(older)
    assert await rows.one("SELECT opt_out_scope FROM notifier.lanes") == SCOPE


@pytest.mark.parametrize(
    ("field", "value"),
    [("scope", ""), ("scope", "a scope"), ("participant", ""), ("participant", "x" * 65), ("event_time", None)],
)
async def test_an_opt_out_that_does_not_parse_is_refused_whole(
    field: str, value: str | None, notifier: Notifier, thread: Thread, rows: Rows
) -> None:
    good, bad = thread.said(LONG_AGO), thread.said(LONG_AGO)
    if value is None:
        bad.ClearField("event_time")
    else:
        setattr(bad, field, value)
    request = notifier_pb2.SubmitRequest(submissions=[thread.text().submission], opt_outs=[good, bad])
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await notifier.stub.Submit(request, timeout=30)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.value.details() or "").startswith(f"opt_outs.{field}:")
    assert await rows.one("SELECT count(*) FROM notifier.deliveries") == 0
    assert await rows.opt_outs() == []


# ---- while something is under way


async def test_a_text_that_is_being_sent_is_sent_and_the_next_is_not(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    hold = simulator.place_hold()
    first, second = thread.text(), thread.text()
    await notifier.submit(first, second)
    await hold.wait()
    await notifier.opt_out(thread.said(LONG_AGO))
    await session.wait_for("SUPPRESSED", second.message_id)
    hold.release()
    await session.wait_for("ACCEPTED", first.message_id)
    assert [message.body for message in simulator.outbox(thread.participant)] == [first.text]


@pytest.mark.parametrize("answer", [Answer(429, 20429), Answer(left=False)])
async def test_a_text_that_is_given_back_after_an_opt_out_is_not_tried_again(
    answer: Answer, one: Process, thread: Thread, rows: Rows
) -> None:
    text = thread.text()
    await one.submit(text)
    await one.facts(wish(thread))
    assert await rows.state(text.message_id) == "claimed"
    await one.found(one.claimed[0], answer)
    assert await rows.state(text.message_id) == "suppressed"
    assert (one.records[-1].told, one.records[-1].error_code) == (Told.SUPPRESSED, 0)
    assert one.records[-1].event_time == LONG_AGO


@pytest.mark.parametrize("canceled_first", [True, False])
async def test_what_is_taken_back_and_opted_out_of_is_told_once(
    canceled_first: bool, one: Process, thread: Thread, rows: Rows
) -> None:
    under_way, waiting = thread.text(), thread.text()
    await one.submit(under_way, waiting)
    taken_back = [Text(t.thread_id, t.participant, t.seq, t.text, True, t.message_id) for t in (under_way, waiting)]
    if not canceled_first:
        await one.facts(wish(thread))
    await one.submit(*taken_back)
    await one.facts(wish(thread))
    await one.found(one.claimed[0], Answer(429, 20429))
    assert await rows.state(under_way.message_id) == "canceled"
    assert await rows.state(waiting.message_id) == ("canceled" if canceled_first else "suppressed")
    assert len(one.claimed) == 1


# ---- what only Twilio knows


async def test_a_refusal_is_an_opt_out_of_the_moment_at_which_its_send_began(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("error", status=400, code=21610)
    began = time.time()
    first, second, third = thread.text(), thread.text(), thread.text()
    await notifier.submit(first, second)
    await session.wait_for("SUPPRESSED", first.message_id, second.message_id)
    record = session.last(first.message_id)
    assert record.error_code == 21610
    assert began - 1 <= seconds(record.event_time) <= time.time()
    assert await rows.opt_outs() == [(SENDER, True, seconds(record.event_time))]
    assert session.last(second.message_id).error_code == 0
    assert session.last(second.message_id).event_time == record.event_time
    await notifier.opt_out(thread.said(time.time() + 1, opted_out=False), texts=[third])
    await session.wait_for("ACCEPTED", third.message_id)
    assert [message.body for message in simulator.outbox(thread.participant)] == [third.text]


async def test_a_start_is_not_undone_by_a_send_that_began_before_it(one: Process, thread: Thread, rows: Rows) -> None:
    refused, later = thread.text(), thread.text()
    await one.submit(refused)
    start_time = time.time() + 60
    await one.facts(wish(thread, start_time, opted_out=False))
    await one.found(one.claimed[0], Answer(400, 21610))
    assert await rows.state(refused.message_id) == "suppressed"
    assert 0 < one.records[-1].event_time < start_time
    await one.submit(later)
    assert [claim.delivery_id for claim in one.claimed] == [refused.message_id, later.message_id]
    assert [row[1] for row in await rows.opt_outs()] == [False]


@pytest.mark.parametrize(
    ("sender", "status", "error_code"),
    [(SENDER, "failed", 21610), (TOLL_FREE, "undelivered", 30004), (TOLL_FREE, "failed", 21610)],
)
async def test_a_refusal_after_the_acceptance_is_an_opt_out_too(
    sender: str,
    status: str,
    error_code: int,
    notifier: Notifier,
    simulator: Simulator,
    session: SessionPeer,
    thread: Thread,
    rows: Rows,
) -> None:
    simulator.add_number(sender)
    text, after = thread.text(sender=sender), thread.text(sender=sender)
    began = time.time()
    await notifier.submit(text)
    await session.wait_for("ACCEPTED", text.message_id)
    accepted_time, sid = time.time(), session.last(text.message_id).source_id
    await notifier.report(text.message_id, sid, "sent")
    await notifier.report(text.message_id, sid, status, error_code=error_code)
    assert session.states(text.message_id) == ["ACCEPTED", "SENT", "SUPPRESSED"]
    record = session.last(text.message_id)
    assert record.error_code == error_code
    assert began - 1 <= seconds(record.event_time) <= accepted_time, "when the send began, not when that was told"
    assert await rows.opt_outs() == [(sender, True, seconds(record.event_time))]
    await notifier.submit(after)
    await session.wait_for("SUPPRESSED", after.message_id)
    assert len(simulator.outbox(thread.participant)) == 1


async def test_a_carrier_that_blocks_a_local_number_is_no_opt_out(
    notifier: Notifier, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    text, after = thread.text(), thread.text()
    await notifier.submit(text)
    await session.wait_for("ACCEPTED", text.message_id)
    await notifier.report(text.message_id, session.last(text.message_id).source_id, "undelivered", error_code=30004)
    assert session.states(text.message_id)[-1] == "UNDELIVERED"
    assert await rows.opt_outs() == []
    await notifier.submit(after)
    await session.wait_for("ACCEPTED", after.message_id)


async def test_a_refusal_that_is_told_late_keeps_its_moment(
    start: Start, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("error", status=400, code=21610)
    session.refusal = grpc.StatusCode.UNAVAILABLE
    text = thread.text()
    async with start() as notifier:
        await notifier.submit(text)
        await eventually(lambda: rows.one("SELECT count(*) = 1 FROM notifier.unrecorded"))
        (stop,) = await rows.opt_outs()
        session.refusal = None
        await session.wait_for("SUPPRESSED", text.message_id)
    assert seconds(session.last(text.message_id).event_time) == stop[2]


async def test_what_twilio_knows_of_one_sender_holds_for_its_scope(
    one: Process, thread: Thread, new_thread: Callable[[], Thread]
) -> None:
    sibling, stranger = Thread(thread.participant), new_thread()
    await one.submit(thread.text(scope=SCOPE))
    await one.found(one.claimed[0], Answer(400, 21610))
    await one.submit(sibling.text(scope=SCOPE, sender=OTHER_SENDER), stranger.text(scope=SCOPE))
    assert [claim.thread_id for claim in one.claimed] == [thread.id, stranger.id]
