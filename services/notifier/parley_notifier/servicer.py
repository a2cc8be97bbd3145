"""The gRPC face of the notifier: names what is wrong with a request, puts its items into batches, waits for them."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from parley.notifier.v1 import notifier_pb2, notifier_service_pb2, notifier_service_pb2_grpc
from parley_chassis.batcher import Batcher
from parley_chassis.errors import InvalidArgument
from parley_notifier.domain.facts import Fact, Report, Submission
from parley_notifier.handlers.take_facts import Later, taken

Context = grpc.aio.ServicerContext[Any, Any]

CANONICAL_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NUMBER = re.compile(r"\S{1,64}")
"""Whether it is a phone number is for Twilio to say: what cannot be sent becomes FAILED, not an error."""
WORD = re.compile(r"[\w-]{1,64}", re.ASCII)
MAX_TEXT = 16_384
TRACEPARENT = re.compile(r"[0-9a-f-]{55}")


class NotifierServicer(notifier_service_pb2_grpc.NotifierServiceServicer):
    def __init__(self, facts: Batcher[Fact, Later | None]) -> None:
        self._facts = facts

    def register(self, server: grpc.aio.Server) -> list[str]:
        """Adds itself to `server`; returns the full names of what is served."""
        notifier_service_pb2_grpc.add_NotifierServiceServicer_to_server(self, server)
        return [notifier_service_pb2.DESCRIPTOR.services_by_name["NotifierService"].full_name]

    async def Submit(  # noqa: N802
        self, request: notifier_pb2.SubmitRequest, context: Context
    ) -> notifier_pb2.SubmitResponse:
        submissions = [_submission(item) for item in request.submissions]
        await self._take(submissions)
        return notifier_pb2.SubmitResponse()

    async def ReportDeliveries(  # noqa: N802
        self, request: notifier_pb2.ReportDeliveriesRequest, context: Context
    ) -> notifier_pb2.ReportDeliveriesResponse:
        reports = [_report(item) for item in request.reports]
        await self._take(reports)
        return notifier_pb2.ReportDeliveriesResponse()

    async def _take(self, facts: Sequence[Fact]) -> None:
        for later in await asyncio.gather(*map(self._facts.put, facts)):
            await taken(later)


def _submission(item: notifier_pb2.Submission) -> Submission:
    if item.seq < 1:
        raise InvalidArgument("submissions.seq: write 1 or more", field="submissions.seq")
    if len(item.text) > MAX_TEXT:
        raise InvalidArgument(f"submissions.text: at most {MAX_TEXT} characters", field="submissions.text")
    return Submission(
        message_id=_id("submissions.message_id", item.message_id),
        thread_id=_id("submissions.thread_id", item.thread_id),
        seq=item.seq,
        sender=_matching("submissions.sender", item.sender, NUMBER, "write a phone number"),
        participant=_matching("submissions.participant", item.participant, NUMBER, "write a phone number"),
        text=item.text,
        canceled=item.canceled,
        create_time=_seconds(item.create_time),
        # A trace that cannot be read is no reason to keep a text back.
        traceparent=item.traceparent if TRACEPARENT.fullmatch(item.traceparent) else "",
    )


def _report(item: notifier_pb2.DeliveryReport) -> Report:
    return Report(
        delivery_id=_id("reports.delivery_id", item.delivery_id),
        message_sid=_matching("reports.message_sid", item.message_sid, WORD, "write Twilio's sid"),
        status=_matching("reports.status", item.status, WORD, "write Twilio's MessageStatus"),
        error_code=item.error_code,
        receive_time=_seconds(item.receive_time),
    )


def _id(field: str, value: str) -> str:
    if CANONICAL_ID.fullmatch(value):
        return value
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise InvalidArgument(f"{field}: write a UUID", field=field) from None


def _matching(field: str, value: str, pattern: re.Pattern[str], fix: str) -> str:
    if not pattern.fullmatch(value) or "\0" in value:
        raise InvalidArgument(f"{field}: {fix}", field=field)
    return value


def _seconds(time: Timestamp) -> float:
    return float(time.seconds + time.nanos / 1e9)
