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
from parley_notifier.domain.opt_out import OptOut
from parley_notifier.handlers.take_facts import Later, taken

Context = grpc.aio.ServicerContext[Any, Any]

CANONICAL_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NUMBER = re.compile(r"\S{1,64}")
SCOPE = re.compile(r"\S{0,64}")
"""Whether it is a phone number is for Twilio to say: what cannot be sent becomes FAILED, not an error."""
WORD = re.compile(r"[\w-]{1,64}", re.ASCII)
MAX_TEXT = 16_384
TRACEPARENT = re.compile(r"[0-9a-f-]{55}")


class NotifierServicer(notifier_service_pb2_grpc.NotifierServiceServicer):
    """`waiting` takes what must not leave out a lane that somebody else holds."""

    def __init__(self, facts: Batcher[Fact, Later | None], waiting: Batcher[Fact, Later | None]) -> None:
        self._facts = facts
        self._waiting = waiting

    def register(self, server: grpc.aio.Server) -> list[str]:
        """Adds itself to `server`; returns the full names of what is served."""
        notifier_service_pb2_grpc.add_NotifierServiceServicer_to_server(self, server)
        return [notifier_service_pb2.DESCRIPTOR.services_by_name["NotifierService"].full_name]

    async def Submit(  # noqa: N802
        self, request: notifier_pb2.SubmitRequest, context: Context
    ) -> notifier_pb2.SubmitResponse:
        submissions = [_submission(item) for item in request.submissions]
        opt_outs = [_opt_out(item) for item in request.opt_outs]
        if opt_outs:
            await _all_taken(self._waiting, opt_outs)
        await _all_taken(self._facts, submissions)
        return notifier_pb2.SubmitResponse()

    async def ReportDeliveries(  # noqa: N802
        self, request: notifier_pb2.ReportDeliveriesRequest, context: Context
    ) -> notifier_pb2.ReportDeliveriesResponse:
        reports = [_report(item) for item in request.reports]
        await _all_taken(self._facts, reports)
        return notifier_pb2.ReportDeliveriesResponse()


async def _all_taken(batcher: Batcher[Fact, Later | None], facts: Sequence[Fact]) -> None:
    for later in await asyncio.gather(*map(batcher.put, facts)):
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
        opt_out_scope=_matching("submissions.opt_out_scope", item.opt_out_scope, SCOPE, "write a scope or nothing"),
        create_time=_seconds(item.create_time),
        at_most_once=item.at_most_once,
        expire_time=_seconds(item.expire_time) if item.HasField("expire_time") else None,
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


def _opt_out(item: notifier_pb2.OptOut) -> OptOut:
    if not item.HasField("event_time"):
        raise InvalidArgument("opt_outs.event_time: write when it was said", field="opt_outs.event_time")
    return OptOut(
        scope=_matching("opt_outs.scope", item.scope, NUMBER, "write a scope or the sender"),
        participant=_matching("opt_outs.participant", item.participant, NUMBER, "write a phone number"),
        opted_out=item.opted_out,
        event_time=_seconds(item.event_time),
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
    """To the microsecond, as PostgreSQL keeps it: what is equal there is equal here."""
    return float((time.seconds * 1_000_000 + time.nanos // 1000) / 1e6)
