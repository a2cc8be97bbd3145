"""What a gateway tells: log lines and traces name what happened, and nobody's number, text or token."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from parley.session.v1 import session_service_pb2
from parley_chassis.logs import JsonFormatter
from parley_chassis.settings import ProcessSettings
from parley_chassis.telemetry import Telemetry
from parley_gateway.app import Gateway, running
from parley_gateway.workers import log_refusals
from tests.integration.gateway.api_side import OUTBOUND, ask
from tests.integration.gateway.between import StartGateway, gateway_settings
from tests.integration.gateway.peers import RESULT, NotifierPeer, SessionPeer, serving, vacant_address
from tests.integration.gateway.twilio_side import (
    FALLBACK,
    OTHER_TOKEN,
    PUBLIC_URL,
    SMS,
    STATUS,
    TOKEN,
    call,
    report,
    sid,
    signed,
    text,
    until,
)

CANARIES = {"Body": "canary-in-the-text", "From": "+15557778881", "FromCity": "CANARYVILLE", "ToZip": "80808"}
NUMBER = "+15557778882"
SECRETS = ["canary", "CANARY", "80808", "5557778881", "5557778882", TOKEN, OTHER_TOKEN]

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """All log lines so far, as they are written, and none of them may tell a secret."""
    caplog.set_level(logging.DEBUG)

    def read() -> list[dict[str, Any]]:
        # The loop under debug tells what it waited for; production never asks it to.
        written = [JsonFormatter().format(record) for record in caplog.records if record.name != "asyncio"]
        assert [(secret, line) for secret in SECRETS for line in written if secret in line] == []
        return [json.loads(line) for line in written]

    return read


def told(lines: Lines, event: str) -> list[dict[str, Any]]:
    return [line for line in lines() if line["event"] == event]


async def test_a_text_that_goes_well_leaves_no_line(gateway: Gateway, lines: Lines) -> None:
    before = lines()
    for number in range(3):
        assert (await call(gateway.url, signed(fields=text(**CANARIES, MessageSid=sid(number))))).status == 200
    assert (await call(gateway.url, signed(STATUS, report(To=CANARIES["From"])))).status == 204
    assert [line for line in lines()[len(before) :] if line["level"] != "DEBUG"] == []


async def test_a_number_that_is_not_registered_is_told_by_another_name(gateway: Gateway, lines: Lines) -> None:
    assert (await call(gateway.url, signed(fields=text(**CANARIES, To=NUMBER)))).status == 503
    [line] = told(lines, "number_not_registered")
    assert line["message_sid"] == sid()
    assert line["number"].startswith("p-")
    assert line["number"].endswith("82")


async def test_a_text_that_the_session_service_refused_is_told(
    gateway: Gateway, sessions: SessionPeer, lines: Lines
) -> None:
    sessions.outcome = RESULT.OUTCOME_INVALID
    assert (await call(gateway.url, signed(fields=text(**CANARIES)))).status == 400
    assert len(told(lines, "message_refused")) == 1


async def test_the_fallback_tells_what_went_wrong_before(gateway: Gateway, lines: Lines) -> None:
    fields = text(**CANARIES, ErrorCode="11200", ErrorUrl=f"{PUBLIC_URL}{SMS}?to=%2B15557778881")
    assert (await call(gateway.url, signed(FALLBACK, fields))).status == 200
    [line] = told(lines, "primary_webhook_failed")
    assert (line["error_code"], line["error_url"], line["message_sid"]) == (11200, PUBLIC_URL + SMS, sid())


async def test_refusals_are_told_together_now_and_then(
    start_gateway: StartGateway, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_refusals, "INTERVAL", 0.01)
    gateway = await start_gateway(session_address=[await vacant_address()])
    for _ in range(20):
        assert (await call(gateway.url, signed(fields=text(**CANARIES), token="canary"))).status == 403
    assert (await call(gateway.url, signed(fields=text(**CANARIES, MessageSid="canary")))).status == 400
    assert (await call(gateway.url, signed(fields=text(**CANARIES)))).status == 503

    def counted() -> dict[str, int]:
        sums: dict[str, int] = {}
        for line in told(lines, "webhooks_refused"):
            for reason, count in line["reasons"].items():
                sums[reason] = sums.get(reason, 0) + count
        return sums

    await until(lambda: counted() == {"BAD_SIGNATURE": 20, "MALFORMED": 1, "SESSION_UNAVAILABLE": 1})


async def test_an_error_of_a_peer_tells_nothing_of_what_was_sent(
    gateway: Gateway, sessions: SessionPeer, lines: Lines
) -> None:
    sessions.outcome = 99  # type: ignore[assignment]
    assert (await call(gateway.url, signed(fields=text(**CANARIES)))).status == 503
    lines()


# --- traces -----------------------------------------------------------------------------------------------------


async def test_a_text_begins_a_trace_of_its_own(gateway: Gateway, sessions: SessionPeer) -> None:
    strangers = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    for number in range(2):
        assert (await call(gateway.url, signed(fields=text(MessageSid=sid(number)), headers=strangers))).status == 200
    first, second = (message.traceparent for message in sessions.received)
    assert first[3:35] != second[3:35]
    assert "a" * 32 not in (first[3:35], second[3:35])
    assert first.endswith("-00")


async def test_a_sampled_text_has_a_span_that_the_session_service_goes_under(
    sessions: SessionPeer, notifier: NotifierPeer
) -> None:
    spans = InMemorySpanExporter()
    telemetry = Telemetry("gateway", ProcessSettings(trace_ratio=1.0), spans)
    async with serving(sessions) as session, serving(notifier) as other:
        settings = gateway_settings(session_address=[session], notifier_address=[other])
        async with running(settings, telemetry) as gateway:
            assert (await call(gateway.url, signed(fields=text(**CANARIES)))).status == 200
    await asyncio.to_thread(telemetry.close)
    [span] = spans.get_finished_spans()
    assert span.name == "gateway.receive_webhook"
    assert span.context is not None
    assert sessions.received[0].traceparent == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
    assert not any(secret in span.to_json() for secret in SECRETS)


async def test_a_sampled_text_of_ours_has_a_span_that_the_session_service_goes_under(
    sessions: SessionPeer, notifier: NotifierPeer
) -> None:
    spans = InMemorySpanExporter()
    telemetry = Telemetry("gateway", ProcessSettings(trace_ratio=1.0), spans)
    async with serving(sessions) as session, serving(notifier) as other:
        settings = gateway_settings(session_address=[session], notifier_address=[other])
        async with running(settings, telemetry) as gateway:
            body = {"user_number": CANARIES["From"], "message": CANARIES["Body"]}
            key = sessions.keys.make(["shop"])
            assert (await ask(gateway.url, OUTBOUND, body, key=key)).status == 202
            path = f"/v1/sessions/{sessions.sessions[0].session_id}/messages"
            assert (await ask(gateway.url, path, {"text": CANARIES["Body"]}, key=key)).status == 202
    await asyncio.to_thread(telemetry.close)
    started, sent = spans.get_finished_spans()
    assert (started.name, sent.name) == ("gateway.start_session", "gateway.send_message")
    asked = [one for one in sessions.requests if not isinstance(one, session_service_pb2.GetSessionRequest)]
    for span, request in zip((started, sent), asked, strict=True):
        assert span.context is not None
        assert request.traceparent == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
        assert not any(secret in span.to_json() for secret in SECRETS)
