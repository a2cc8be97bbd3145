"""Traces: one that is sampled is connected from step to step; one that is not costs next to nothing."""

import time
import timeit
from collections.abc import Mapping, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from parley_chassis.settings import ProcessSettings
from parley_chassis.telemetry import TRACEPARENT, Telemetry, is_sampled

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = SAMPLED[:-1] + "0"


class Tracing:
    """A service that keeps its spans."""

    def __init__(self, service: str = "gateway", ratio: float = 1.0) -> None:
        self.exporter = InMemorySpanExporter()
        self.telemetry = Telemetry(service, ProcessSettings(trace_ratio=ratio), self.exporter)

    def spans(self) -> Sequence[ReadableSpan]:
        self.telemetry.close()
        return self.exporter.get_finished_spans()


def ids(traceparent: str) -> tuple[int, int]:
    match = TRACEPARENT.fullmatch(traceparent)
    assert match is not None
    return int(match["trace"], 16), int(match["span"], 16)


def test_a_trace_is_connected_over_two_services() -> None:
    gateway, session = Tracing("gateway"), Tracing("session")
    first = gateway.telemetry.new_trace()
    with gateway.telemetry.span("gateway.receive", first) as second:
        pass
    # What travels, or is stored with the message, is the text.
    with session.telemetry.span("session.receive_messages", second, {"items": 3}) as third:
        pass
    (sent,), (taken,) = gateway.spans(), session.spans()
    assert sent.context is not None
    assert taken.context is not None
    assert taken.parent is not None
    assert {ids(text)[0] for text in (first, second, third)} == {sent.context.trace_id} == {taken.context.trace_id}
    assert ids(second)[1] == sent.context.span_id == taken.parent.span_id
    assert ids(third)[1] == taken.context.span_id
    assert (taken.name, dict(taken.attributes or {})) == ("session.receive_messages", {"items": 3})
    assert sent.resource.attributes["service.name"] == "parley-gateway"


def test_a_span_inside_another_goes_under_the_trace_it_is_given() -> None:
    tracing = Tracing()
    with tracing.telemetry.span("outer", tracing.telemetry.new_trace()), tracing.telemetry.span("inner", SAMPLED):
        pass
    inner = next(span for span in tracing.spans() if span.name == "inner")
    assert inner.parent is not None
    assert (inner.parent.trace_id, inner.parent.span_id) == ids(SAMPLED)


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        UNSAMPLED,
        SAMPLED[:-3],
        SAMPLED + "1",
        SAMPLED.replace("00-", "01-", 1),
        SAMPLED.replace("a", "A"),
        SAMPLED.replace("a", "g"),
        "00-" + "0" * 32 + SAMPLED[35:],
        SAMPLED[:36] + "0" * 16 + "-01",
        "x" * 54 + "1",
        "é" * 54 + "1",
    ],
)
def test_what_is_not_sampled_or_broken_passes_unchanged(traceparent: str) -> None:
    tracing = Tracing()
    with tracing.telemetry.span("step", traceparent) as following:
        assert following == traceparent
    assert tracing.spans() == ()


def test_without_an_exporter_nothing_is_sampled() -> None:
    telemetry = Telemetry("gateway", ProcessSettings(trace_ratio=1.0))
    assert not is_sampled(telemetry.new_trace())
    with telemetry.span("step", SAMPLED) as following:
        assert following == SAMPLED
    telemetry.close()


@pytest.mark.parametrize(("ratio", "sampled"), [(0.0, {False}), (1.0, {True}), (0.5, {True, False})])
def test_as_many_traces_are_sampled_as_asked_for(ratio: float, sampled: set[bool]) -> None:
    tracing = Tracing(ratio=ratio)
    traces = [tracing.telemetry.new_trace() for _ in range(200)]
    assert {is_sampled(trace) for trace in traces} == sampled
    assert len({ids(trace) for trace in traces}) == 200
    tracing.spans()


def test_a_failed_step_is_marked_and_its_exceptions_text_is_not_kept() -> None:
    tracing = Tracing()
    with pytest.raises(ValueError, match="hunter2"), tracing.telemetry.span("step", SAMPLED):
        raise ValueError("hunter2")
    (span,) = tracing.spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "hunter2" not in span.to_json()
    assert span.events == ()


@pytest.mark.parametrize("flags", ["01", "03", "ff"])
def test_the_last_bit_of_the_flags_decides(flags: str) -> None:
    assert is_sampled(SAMPLED[:-2] + flags)
    assert not is_sampled(SAMPLED[:-2] + "02")


def test_what_is_not_sampled_costs_less_than_two_microseconds() -> None:
    tracing = Tracing()

    def step() -> None:
        with tracing.telemetry.span("step", UNSAMPLED):
            pass

    # The fastest of many short runs: what else the machine does slows some of them, never all.
    assert min(timeit.repeat(step, number=500, repeat=50)) / 500 < 2e-6
    tracing.spans()


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def span_begun(self, trace_id: str, span_id: str, name: str, at: float, attributes: Mapping[str, object]) -> None:
        self.told.append(("begun", trace_id, span_id, name, dict(attributes)))
        self.begun_at = at

    def span_ended(self, trace_id: str, span_id: str, at: float, failed: bool) -> None:
        self.told.append(("ended", trace_id, span_id, failed))
        self.ended_at = at


def test_a_watcher_is_told_of_every_span_while_it_lasts_whatever_the_ratio() -> None:
    watcher = Watcher()
    telemetry = Telemetry("gateway", ProcessSettings(trace_ratio=0.0), watcher=watcher)
    traceparent = telemetry.new_trace()
    with telemetry.span("gateway.receive_webhook", traceparent, {"message_sid": "SM1"}) as own:
        trace, span = own[3:35], own[36:52]
        assert watcher.told == [("begun", trace, span, "gateway.receive_webhook", {"message_sid": "SM1"})]
    assert watcher.told[1:] == [("ended", trace, span, False)]
    assert 0 <= time.time() - watcher.begun_at < 60
    assert watcher.begun_at <= watcher.ended_at
    telemetry.close()


def test_a_watcher_is_told_that_a_step_failed() -> None:
    watcher = Watcher()
    telemetry = Telemetry("session", ProcessSettings(), watcher=watcher)
    with pytest.raises(ValueError, match="no"), telemetry.span("session.run_turn", telemetry.new_trace()):
        raise ValueError("no")
    assert watcher.told[-1][0] == "ended"
    assert watcher.told[-1][-1] is True
    telemetry.close()


def test_an_exporter_hears_of_spans_beside_a_watcher() -> None:
    watcher, exporter = Watcher(), InMemorySpanExporter()
    telemetry = Telemetry("session", ProcessSettings(), exporter, watcher)
    with telemetry.span("session.run_turn", telemetry.new_trace()):
        pass
    telemetry.close()
    assert len(exporter.get_finished_spans()) == 1
    assert len(watcher.told) == 2
