"""Traces: W3C trace contexts, and spans for the few steps that matter to a text on its way.

A text whose trace is not sampled costs one comparison. Spans hold ids and counts, never numbers or texts.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Protocol

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags, set_span_in_context

from parley_chassis.settings import ProcessSettings

TRACEPARENT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}")
LENGTH = len("00-" + "0" * 32 + "-" + "0" * 16 + "-01")
ODD = frozenset("13579bdf")

EXPORT_TIMEOUT = 3.0
"""Seconds; also how long a collector that is away can hold up the end of a process."""


def is_sampled(traceparent: str) -> bool:
    """Whether the sampled flag is set; says nothing about the rest of the text."""
    return len(traceparent) == LENGTH and traceparent[-1] in ODD


class SpanWatcher(Protocol):
    """Is told of each span at once, in the process and the call that it belongs to: it must not block, and not raise.

    Ids are hexadecimal, times seconds since 1970. For those who show a text on its way.
    """

    def span_begun(
        self, trace_id: str, span_id: str, name: str, at: float, attributes: Mapping[str, object]
    ) -> None: ...

    def span_ended(self, trace_id: str, span_id: str, at: float, failed: bool) -> None: ...


class Telemetry:
    """Begins spans under stored trace contexts. One per process; `close` sends what is left.

    With a `watcher` every trace is sampled, whatever the settings say.
    """

    def __init__(
        self,
        service: str,
        process: ProcessSettings,
        exporter: SpanExporter | None = None,
        watcher: SpanWatcher | None = None,
    ) -> None:
        self._ratio = process.trace_ratio if watcher is None else 1.0
        self._provider: TracerProvider | None = None
        if exporter is None and process.otlp_endpoint:
            exporter = _otlp_exporter(process.otlp_endpoint)
        if exporter is not None or watcher is not None:
            resource = Resource.create({"service.name": f"parley-{service}", "service.namespace": "parley"})
            # Whether a trace is sampled was decided when it began.
            self._provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
            if exporter is not None:
                self._provider.add_span_processor(BatchSpanProcessor(exporter))
            if watcher is not None:
                self._provider.add_span_processor(_Watched(watcher))
            self._tracer = self._provider.get_tracer("parley")

    def new_trace(self) -> str:
        """The traceparent of a text that has just arrived; whether it is sampled is decided here."""
        sampled = self._provider is not None and random.random() < self._ratio  # noqa: S311
        ids = secrets.token_hex(24)
        return f"00-{ids[:32]}-{ids[32:]}-0{int(sampled)}"

    def span(
        self, name: str, traceparent: str, attributes: Mapping[str, str | int] | None = None
    ) -> AbstractContextManager[str]:
        """A span under `traceparent`; yields the traceparent that the next step goes under.

        An empty or broken `traceparent` counts as not sampled.
        """
        if self._provider is None or not is_sampled(traceparent):
            return nullcontext(traceparent)
        parent = _parsed(traceparent)
        return self._recorded(name, parent, attributes) if parent.is_valid else nullcontext(traceparent)

    def spans(self, name: str, traceparents: Iterable[str]) -> AbstractContextManager[object]:
        """A span for each sampled one of `traceparents`, all as long as the batch that they went through."""
        if self._provider is None:
            return nullcontext()
        stack = ExitStack()
        for traceparent in filter(is_sampled, traceparents):
            stack.enter_context(self.span(name, traceparent))
        return stack

    @contextmanager
    def _recorded(self, name: str, parent: SpanContext, attributes: Mapping[str, str | int] | None) -> Iterator[str]:
        context = set_span_in_context(NonRecordingSpan(parent))
        # No text of an exception is recorded: it may quote a message.
        with self._tracer.start_as_current_span(
            name, context, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            own = span.get_span_context()
            try:
                yield f"00-{own.trace_id:032x}-{own.span_id:016x}-01"
            except BaseException as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise

    def close(self) -> None:
        """Blocks for EXPORT_TIMEOUT at most."""
        if self._provider is not None:
            self._provider.shutdown()


class _Watched(SpanProcessor):
    """Tells a watcher of spans as they begin and end."""

    def __init__(self, watcher: SpanWatcher) -> None:
        self._watcher = watcher

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        own = span.get_span_context()
        at, attributes = (span.start_time or 0) / 1e9, span.attributes or {}
        self._watcher.span_begun(f"{own.trace_id:032x}", f"{own.span_id:016x}", span.name, at, attributes)

    def on_end(self, span: ReadableSpan) -> None:
        own = span.get_span_context()
        if own is not None:
            failed = span.status.status_code is StatusCode.ERROR
            at = (span.end_time or 0) / 1e9
            self._watcher.span_ended(f"{own.trace_id:032x}", f"{own.span_id:016x}", at, failed)


def _parsed(traceparent: str) -> SpanContext:
    """The context that `traceparent` names, or an invalid one."""
    match = TRACEPARENT.fullmatch(traceparent)
    return SpanContext(
        trace_id=int(match["trace"], 16) if match else 0,
        span_id=int(match["span"], 16) if match else 0,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _otlp_exporter(endpoint: str) -> SpanExporter:
    # Loaded by those who export only: it takes longer than all the rest of the chassis together.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_TIMEOUT)
