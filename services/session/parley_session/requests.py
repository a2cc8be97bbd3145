"""Translates between the gRPC API's messages and the service's own values, and names what is wrong with a field."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from parley.channel.v1 import channel_pb2
from parley.session.v1 import number_pb2, session_pb2, session_service_pb2
from parley_chassis.errors import InvalidArgument
from parley_chassis.telemetry import TRACEPARENT
from parley_session.domain.events import Receive
from parley_session.handlers.receive_messages import Incoming
from parley_session.ports import DeliveryRecord, MessageRecord, Number, SessionRecord, ThreadKey

E164 = re.compile(r"\+[1-9][0-9]{1,14}")
AGENT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
MAX_MESSAGE = 256 * 1024
MAX_TEXT = 16_384
DEFAULT_PAGE, MAX_PAGE = 50, 500
MAX_ID = 200
MAX_STATE = 2**15 - 1
MAX_POSITION = 2**63 - 1


def problem_of(message: session_pb2.InboundMessage) -> str:
    """What is wrong with the message, naming the field; empty if nothing is."""
    if message.channel != channel_pb2.CHANNEL_SMS:
        return "channel: only CHANNEL_SMS is served"
    if not E164.fullmatch(message.endpoint):
        return "endpoint: write an E.164 number, e.g. +15550100"
    if not (message.participant and _is_id(message.participant)):
        return f"participant: required, at most {MAX_ID} characters, no NUL"
    if not (message.source_id and _is_id(message.source_id)):
        return f"source_id: required, at most {MAX_ID} characters, no NUL"
    if len(message.text) > MAX_TEXT:
        return f"text: at most {MAX_TEXT} characters"
    if message.ByteSize() > MAX_MESSAGE:
        return f"message: at most {MAX_MESSAGE} bytes with its media_urls"
    return ""


def incoming(message: session_pb2.InboundMessage) -> Incoming:
    media_urls = tuple(_storable(url) for url in message.media_urls)
    traceparent = message.traceparent if TRACEPARENT.fullmatch(message.traceparent) else ""
    event = Receive(message.source_id, _storable(message.text), media_urls, traceparent)
    return Incoming(ThreadKey(message.channel, message.endpoint, message.participant), event)


def delivery_records(request: session_service_pb2.RecordDeliveriesRequest) -> Iterator[DeliveryRecord]:
    """Raises InvalidArgument, naming the field. States of a newer caller pass: all that are added are final."""
    for record in request.records:
        message_id = uuid_of("records.message_id", record.message_id)
        if not 0 < record.state <= MAX_STATE:
            raise InvalidArgument("records.state: write what became of the message", field="records.state")
        if not _is_id(record.source_id):
            problem = f"records.source_id: at most {MAX_ID} characters, no NUL"
            raise InvalidArgument(problem, field="records.source_id")
        yield DeliveryRecord(message_id, record.state, record.source_id, record.error_code)


def uuid_of(field: str, value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise InvalidArgument(f"{field}: write a UUID", field=field) from None


def position_of(page_token: str) -> int:
    if page_token and not (page_token.isascii() and page_token.isdecimal() and int(page_token) <= MAX_POSITION):
        raise _bad_token()
    return int(page_token or 0)


def number_of(page_token: str) -> str:
    if page_token and not E164.fullmatch(page_token):
        raise _bad_token()
    return page_token


def filter_of(field: str, value: str) -> str:
    if not _is_id(value):
        raise InvalidArgument(f"{field}: at most {MAX_ID} characters, no NUL", field=field)
    return value


def page_size(value: int) -> int:
    if not 0 <= value <= MAX_PAGE:
        raise InvalidArgument(f"page_size: 1 to {MAX_PAGE}, or 0 for {DEFAULT_PAGE}", field="page_size")
    return value or DEFAULT_PAGE


def number_fields(number: number_pb2.Number) -> tuple[str, str]:
    if not E164.fullmatch(number.number):
        raise InvalidArgument("number.number: write an E.164 number, e.g. +15550100", field="number.number")
    if not AGENT_NAME.fullmatch(number.agent):
        raise InvalidArgument(
            "number.agent: write the agent's name in lower-case letters, digits, - and _", field="number.agent"
        )
    return number.number, number.agent


def number_message(number: Number) -> number_pb2.Number:
    return number_pb2.Number(
        number=number.number,
        agent=number.agent,
        create_time=_timestamp(number.create_time),
        update_time=_timestamp(number.update_time),
    )


def session_message(record: SessionRecord) -> session_pb2.Session:
    ended = record.end_reason is not None
    return session_pb2.Session(
        session_id=record.session_id,
        thread_id=record.thread_id,
        channel=record.channel,  # type: ignore[arg-type]
        endpoint=record.endpoint,
        participant=record.participant,
        agent=record.agent,
        state=session_pb2.Session.STATE_ENDED if ended else session_pb2.Session.STATE_OPEN,
        end_reason=record.end_reason or 0,  # type: ignore[arg-type]
        open_time=_timestamp(record.open_time),
        end_time=_timestamp(record.end_time) if record.end_time else None,
    )


def transcript_message(record: MessageRecord) -> session_pb2.Message:
    return session_pb2.Message(
        message_id=record.message_id,
        session_id=record.session_id or "",
        thread_id=record.thread_id,
        position=record.position,
        direction=record.direction,  # type: ignore[arg-type]
        text=record.text,
        media_urls=record.media_urls,
        create_time=_timestamp(record.create_time),
        seq=record.seq,
        delivery_state=record.delivery_state,  # type: ignore[arg-type]
        delivery_error=record.delivery_error,
        ignore_reason=record.ignore_reason,
        fallback=record.fallback,
    )


def _bad_token() -> InvalidArgument:
    return InvalidArgument("page_token: pass on the last response's next_page_token", field="page_token")


def _is_id(value: str) -> bool:
    return len(value) <= MAX_ID and "\x00" not in value


def _storable(text: str) -> str:
    # PostgreSQL stores every character but this one.
    return text.replace("\x00", "�")


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
