"""One sampled text: every step that it went through is a span of one trace, each under the one that caused it."""

from __future__ import annotations

import asyncio
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.databases import FreshDatabase
from tests.e2e.rig import rig

STEPS = {
    "gateway.receive_webhook": None,
    "session.receive_messages": "gateway.receive_webhook",
    "session.run_turn": "gateway.receive_webhook",
    "agent.run_turn": "session.run_turn",
    "session.commit_turns": "gateway.receive_webhook",
    "notifier.send_message": "gateway.receive_webhook",
}
"""Each step with the one that it stands under."""
TEXT, PARTICIPANT = "kanarienvogel", "+16660600001"

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """What an OpenTelemetry collector receives."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.spans += [span for r in request.resource_spans for scope in r.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


async def test_a_text_leaves_one_connected_trace_without_its_words(database: FreshDatabase, tmp_path: Path) -> None:
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        told = {"PARLEY_OTLP_ENDPOINT": endpoint, "PARLEY_TRACE_RATIO": "1"}
        async with rig(database, tmp_path, variables=told) as stack:
            await stack.text(PARTICIPANT, TEXT)
            await stack.replies(PARTICIPANT, 1)
            await stack.settled()
            # A process that stops sends the spans that it still has.
            await asyncio.gather(*(process.stop() for process in stack.services.values()))
    finally:
        server.stop(None)
    spans = {span.name: span for span in collector.spans}
    assert len(collector.spans) == len(STEPS)
    assert {span.trace_id for span in collector.spans} == {spans["gateway.receive_webhook"].trace_id}
    for step, parent in STEPS.items():
        if parent:
            assert spans[step].parent_span_id == spans[parent].span_id, step
    written = "".join(str(span) for span in collector.spans)
    assert TEXT not in written
    assert PARTICIPANT not in written
