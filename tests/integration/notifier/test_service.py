"""The notifier as a service: what it refuses, how it starts and stops, and what its logs hold."""

import asyncio
import json
import logging
from collections.abc import Callable

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from parley.notifier.v1 import notifier_pb2
from parley_chassis.logs import JsonFormatter
from parley_chassis.postgres.errors import MigrationError
from parley_chassis.telemetry import Telemetry
from parley_simulator.handlers.hold_requests import Then
from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import PROCESS, SENDER, Notifier, Rows, Start, Text, Thread
from tests.integration.notifier.peers import SessionPeer

SID = "SM" + "1" * 32


def refusal(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    return error.code(), (error.details() or "").partition(":")[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_id", "7"),
        ("message_id", ""),
        ("thread_id", "not-a-uuid"),
        ("seq", 0),
        ("seq", -1),
        ("sender", ""),
        ("participant", ""),
        ("participant", "a number"),
        ("text", "x" * 16_385),
    ],
)
async def test_a_submission_that_does_not_parse_is_refused_whole(
    field: str, value: str | int, notifier: Notifier, thread: Thread, rows: Rows
) -> None:
    good, bad = thread.text().submission, thread.text().submission
    setattr(bad, field, value)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await notifier.stub.Submit(notifier_pb2.SubmitRequest(submissions=[good, bad]), timeout=30)
    assert refusal(refused.value) == (grpc.StatusCode.INVALID_ARGUMENT, f"submissions.{field}")
    assert str(value) not in (refused.value.details() or "") or value in ("", 0)
    assert await rows.one("SELECT count(*) FROM notifier.deliveries") == 0


@pytest.mark.parametrize(("field", "value"), [("delivery_id", "7"), ("message_sid", ""), ("status", "")])
async def test_a_report_that_does_not_parse_is_refused(
    field: str, value: str, notifier: Notifier, thread: Thread
) -> None:
    report = notifier_pb2.DeliveryReport(delivery_id=thread.text().message_id, message_sid=SID, status="sent")
    setattr(report, field, value)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await notifier.stub.ReportDeliveries(notifier_pb2.ReportDeliveriesRequest(reports=[report]), timeout=30)
    assert refusal(refused.value) == (grpc.StatusCode.INVALID_ARGUMENT, f"reports.{field}")


@pytest.mark.parametrize("text", ["zero\0byte", "naïve ' \" \\ ; DROP TABLE", "\u2028\U0001f468\u200d\U0001f469", ""])
async def test_any_text_is_stored(text: str, notifier: Notifier, session: SessionPeer, thread: Thread) -> None:
    odd = thread.text()
    odd.text = text
    after = thread.text()
    await notifier.submit(odd, after)
    await session.wait_for("ACCEPTED", after.message_id)
    assert session.states(odd.message_id) == ["ACCEPTED" if text else "FAILED"]


async def test_nothing_is_asked_of_an_empty_request(notifier: Notifier) -> None:
    await notifier.stub.Submit(notifier_pb2.SubmitRequest(), timeout=30)
    await notifier.stub.ReportDeliveries(notifier_pb2.ReportDeliveriesRequest(), timeout=30)


async def test_ids_are_the_same_in_any_spelling(notifier: Notifier, session: SessionPeer, thread: Thread) -> None:
    text = thread.text()
    shouted = Text(thread.id.upper(), thread.participant, 1, text.text, message_id=text.message_id.upper())
    await notifier.submit(shouted)
    await notifier.submit(text)
    await session.wait_for("ACCEPTED", text.message_id)


async def test_it_says_that_it_is_healthy(notifier: Notifier) -> None:
    async with grpc.aio.insecure_channel(notifier.service.address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(  # type: ignore[attr-defined]
            health_pb2.HealthCheckRequest(service="parley.notifier.v1.NotifierService"), timeout=5
        )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_it_does_not_start_on_a_database_that_is_behind(start: Start, database: FreshDatabase) -> None:
    async with await psycopg.AsyncConnection.connect(database.notifier_url, autocommit=True) as connection:
        cursor = await connection.execute("DELETE FROM notifier.alembic_version RETURNING version_num")
        version = await cursor.fetchone()
        assert version
        try:
            with pytest.raises(MigrationError, match="run the migrations"):
                async with start():
                    pass
        finally:
            await connection.execute("INSERT INTO notifier.alembic_version VALUES (%s)", version)


async def test_a_send_under_way_is_finished_and_marked_before_it_stops(
    start: Start, simulator: Simulator, session: SessionPeer, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    thread = new_thread()
    first, second = thread.text(), thread.text()
    async with start() as notifier:
        hold = simulator.place_hold()
        await notifier.submit(first, second)
        await hold.wait()
        released = asyncio.get_running_loop().call_later(0.2, hold.release)
    released.cancel()
    assert session.states(first.message_id) == ["ACCEPTED"]
    assert await rows.state(first.message_id) == "accepted"
    assert await rows.state(second.message_id) == "pending", "nothing is claimed while it stops"
    async with start():
        await session.wait_for("ACCEPTED", second.message_id)
    assert [message.body for message in simulator.outbox(thread.participant)] == [first.text, second.text]


async def test_a_database_that_goes_away_and_comes_back_loses_nothing(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread, rows: Rows
) -> None:
    hold = simulator.place_hold()
    first, second = thread.text(), thread.text()
    await notifier.submit(first, second)
    await hold.wait()
    await rows.all(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parley-notifier' "
        "AND datname = current_database()"
    )
    hold.release()
    await session.wait_for("ACCEPTED", first.message_id, second.message_id)
    assert [message.body for message in simulator.outbox(thread.participant)] == [first.text, second.text]


@pytest.mark.parametrize("sampled", [True, False])
async def test_a_send_is_a_span_of_the_trace_that_its_text_is_in(
    sampled: bool, start: Start, session: SessionPeer, thread: Thread
) -> None:
    exporter = InMemorySpanExporter()
    telemetry = Telemetry("notifier", PROCESS, exporter)
    text = thread.text()
    submission = text.submission
    submission.traceparent = f"00-{'a' * 32}-{'b' * 16}-0{int(sampled)}"
    async with start(telemetry) as notifier:
        await notifier.stub.Submit(notifier_pb2.SubmitRequest(submissions=[submission]), timeout=30)
        await session.wait_for("ACCEPTED", text.message_id)
    telemetry.close()
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["notifier.send_message"] * sampled
    for span in spans:
        assert span.context is not None
        assert f"{span.context.trace_id:x}" == "a" * 32
        assert dict(span.attributes or {}) == {"message_id": text.message_id}


async def test_logs_hold_neither_numbers_nor_texts_nor_secrets(
    start: Start,
    simulator: Simulator,
    session: SessionPeer,
    new_thread: Callable[[], Thread],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "parley_notifier")
    caplog.set_level(logging.DEBUG, "parley_chassis")
    caplog.set_level(logging.DEBUG, "twilio")
    threads = [new_thread() for _ in range(6)]
    texts = [thread.text("a secret between us") for thread in threads]
    simulator.add_fault("error", status=400, code=21211, participant=threads[0].participant)
    simulator.add_fault("cut", accepted=True, participant=threads[1].participant)
    simulator.add_fault("rate_limit", participant=threads[2].participant)
    simulator.add_fault("error", status=500, participant=threads[3].participant)
    async with start() as notifier:
        await notifier.submit(*texts, Text(threads[4].id, "+15550190000", 1, "a secret between us"))
        hold = simulator.place_hold(participant=threads[5].participant)
        await notifier.submit(threads[5].text("a secret between us"))
        await hold.wait()
        hold.release(Then.CUT)
        settled = [text.message_id for text in texts[1:]]
        await session.wait_for("ACCEPTED", *settled)
        await session.wait_for("FAILED", texts[0].message_id)
    # The other processes of this test write into the same log.
    own = [
        record for record in caplog.records if record.name.startswith(("parley_notifier", "parley_chassis", "twilio"))
    ]
    lines = [JsonFormatter().format(record) for record in own]
    assert {"send_not_accepted", "looked_up", "submission_conflict"} <= {json.loads(line)["event"] for line in lines}
    for line in lines:
        assert "a secret" not in line
        assert "the-token" not in line
        assert SENDER not in line
        assert "+155501" not in line
