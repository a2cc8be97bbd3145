"""Translates between the gRPC API's messages and the service's own values, and names what is wrong with a field."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from parley.channel.v1 import channel_pb2
from parley.session.v1 import clock_service_pb2, number_pb2, number_service_pb2, session_pb2, session_service_pb2
from parley_chassis.errors import InvalidArgument
from parley_chassis.telemetry import TRACEPARENT
from parley_session.domain.events import HandOffSession, Receive, Request, SendMessage, StartSession
from parley_session.domain.keywords import Keyword, KeywordMode
from parley_session.domain.numbering import E164
from parley_session.domain.settings import problems
from parley_session.domain.thread import HandOff
from parley_session.domain.told import Place
from parley_session.handlers.receive_messages import Incoming
from parley_session.handlers.start_sessions import Opening
from parley_session.handlers.time_out_sessions import TimedOut
from parley_session.handlers.watch_session import Change
from parley_session.ports import (
    DeliveryRecord,
    MessageRecord,
    Number,
    NumberChange,
    SenderWanted,
    SessionRecord,
    ThreadKey,
)
from parley_session.wishes import settings_message, wishes_of

CURSOR = re.compile(r"([0-9]{1,18})-([0-9a-f]{8})-([0-9a-f]{8})")
SCOPE = re.compile(r"\S{0,64}")
"""As the notifier takes it."""
AGENT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
ENDPOINTS = {channel_pb2.CHANNEL_SMS: E164, channel_pb2.CHANNEL_WEB_CHAT: AGENT_NAME}
KEYWORDS = {
    session_pb2.OPT_OUT_TYPE_STOP: Keyword.STOP,
    session_pb2.OPT_OUT_TYPE_START: Keyword.START,
    session_pb2.OPT_OUT_TYPE_HELP: Keyword.HELP,
}
MAX_MESSAGE = 256 * 1024
MAX_SENT = 1600
MAX_LIMIT = 1000
MAX_SKIP = timedelta(days=400)
MAX_DESTINATION, MAX_REASON = 200, 1000
NUMBER_FIELDS = (
    "agent",
    "settings",
    "keywords",
    "opt_out_scope",
    "sending_paused",
    "ingest_from",
    "segments_per_second",
)
MAX_RATE = 10_000.0
MAX_TEXT = 16_384
DEFAULT_PAGE, MAX_PAGE = 50, 500
MAX_ID = 200
MAX_STATE = 2**15 - 1
MAX_POSITION = 2**63 - 1
MAX_DIGITS = 19


def problem_of(message: session_pb2.InboundMessage) -> str:
    """What is wrong with the message, naming the field; empty if nothing is."""
    if message.channel not in ENDPOINTS:
        return "channel: only CHANNEL_SMS and CHANNEL_WEB_CHAT are served"
    if not ENDPOINTS[message.channel].fullmatch(message.endpoint):
        return "endpoint: write an E.164 number, e.g. +15550100; on web chat the agent's name"
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
    traceparent = _trace(message.traceparent)
    event = Receive(
        message.source_id,
        _storable(message.text),
        media_urls,
        traceparent,
        _moment(message.receive_time) if message.HasField("receive_time") else None,
        KEYWORDS.get(message.opt_out_type),
        message.fetched,
    )
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
        moment = _moment(record.event_time) if record.HasField("event_time") else None
        yield DeliveryRecord(message_id, record.state, record.source_id, record.error_code, moment)


def opening(request: session_service_pb2.StartSessionRequest) -> Opening:
    """Raises InvalidArgument, naming the field."""
    agent, participant = agent_of("agent", request.agent), e164_of("participant", request.participant)
    endpoint = e164_of("endpoint", request.endpoint) if request.endpoint else ""
    text = _sent_text(request.text)
    once = request.at_most_once
    made = _request(request.request_id, "start", agent, participant, endpoint, text, *_once(once))
    command = StartSession(made, text, _trace(request.traceparent), once)
    return Opening(SenderWanted(agent, participant, endpoint), command)


def send_message(request: session_service_pb2.SendMessageRequest) -> SendMessage:
    session_id, text = uuid_of("session_id", request.session_id), _sent_text(request.text)
    once = request.at_most_once
    made = _request(request.request_id, "send", session_id, text, *_once(once))
    return SendMessage(made, session_id, text, _trace(request.traceparent), once)


def hand_off_session(request: session_service_pb2.HandOffSessionRequest) -> HandOffSession:
    for name, value, most in (
        ("destination", request.destination, MAX_DESTINATION),
        ("reason", request.reason, MAX_REASON),
    ):
        if len(value) > most or "\x00" in value:
            raise InvalidArgument(f"{name}: at most {most} characters, no NUL", field=name)
    session_id = uuid_of("session_id", request.session_id)
    return HandOffSession(session_id, HandOff(request.destination, request.reason))


def time_out_fields(request: session_service_pb2.TimeOutSessionsRequest) -> tuple[int, datetime | None]:
    if not 1 <= request.limit <= MAX_LIMIT:
        raise InvalidArgument(f"limit: write 1 to {MAX_LIMIT}", field="limit")
    return request.limit, _moment(request.covered_time) if request.HasField("covered_time") else None


def timed_out_message(timed_out: TimedOut) -> session_service_pb2.TimeOutSessionsResponse:
    return session_service_pb2.TimeOutSessionsResponse(
        decided=timed_out.decided,
        now=timestamp(timed_out.now),
        awaited_coverage=timestamp(timed_out.awaited_coverage),
    )


def skip_duration(request: clock_service_pb2.SkipTimeRequest) -> timedelta:
    try:
        duration = request.duration.ToTimedelta()
    except (OverflowError, ValueError):
        duration = MAX_SKIP * 2
    if not timedelta(0) <= duration <= MAX_SKIP:
        raise InvalidArgument(f"duration: write 0 to {MAX_SKIP.days} days", field="duration")
    return duration


def uuid_of(field: str, value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise InvalidArgument(f"{field}: write a UUID", field=field) from None


def position_of(page_token: str) -> int:
    # Its length first: of very many digits Python makes no number.
    if page_token and not (
        len(page_token) <= MAX_DIGITS
        and page_token.isascii()
        and page_token.isdecimal()
        and int(page_token) <= MAX_POSITION
    ):
        raise _bad_token()
    return int(page_token or 0)


def place_of(session_id: str, cursor: str) -> Place:
    if not cursor:
        return Place()
    found = CURSOR.fullmatch(cursor)
    if not found or found[3] != session_id[-8:]:
        problem = "cursor: pass on a cursor of this session's watch, or none to begin with its first message"
        raise InvalidArgument(problem, field="cursor")
    return Place(int(found[1]), int(found[2], 16))


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


def e164_of(field: str, value: str) -> str:
    if not E164.fullmatch(value):
        raise InvalidArgument(f"{field}: write an E.164 number, e.g. +15550100", field=field)
    return value


def agent_of(field: str, value: str) -> str:
    if not AGENT_NAME.fullmatch(value):
        problem = f"{field}: write the agent's name in lower-case letters, digits, - and _"
        raise InvalidArgument(problem, field=field)
    return value


def number_change(request: number_service_pb2.UpdateNumberRequest) -> tuple[str, NumberChange]:
    """Raises InvalidArgument, naming the field."""
    number = request.number
    mask = set(request.update_mask.paths) or set(NUMBER_FIELDS)
    if unknown := mask - set(NUMBER_FIELDS):
        problem = f"update_mask: {min(unknown)[:50]} is no field: write {', '.join(NUMBER_FIELDS)}"
        raise InvalidArgument(problem, field="update_mask")
    if request.allow_missing and "agent" not in mask:
        raise InvalidArgument("update_mask: a number that may be new needs its agent", field="update_mask")
    identity = e164_of("number.number", number.number)
    wishes = wishes_of(number.settings)
    for name, fix in problems(wishes):
        raise InvalidArgument(f"number.settings.{name}: {fix}", field=f"number.settings.{name}")
    if not SCOPE.fullmatch(number.opt_out_scope) or "\x00" in number.opt_out_scope:
        problem = "number.opt_out_scope: at most 64 characters, no white space, no NUL"
        raise InvalidArgument(problem, field="number.opt_out_scope")
    if number.keywords not in (0, *KeywordMode):
        raise InvalidArgument("number.keywords: write provider, advanced or none", field="number.keywords")
    if not 0 <= number.segments_per_second <= MAX_RATE:
        problem = f"number.segments_per_second: write 0 to {MAX_RATE:.0f}; 0 for no limit"
        raise InvalidArgument(problem, field="number.segments_per_second")
    return identity, NumberChange(
        agent=agent_of("number.agent", number.agent) if "agent" in mask else None,
        wishes=wishes if "settings" in mask else None,
        keywords=KeywordMode(number.keywords or KeywordMode.PROVIDER) if "keywords" in mask else None,
        opt_out_scope=number.opt_out_scope if "opt_out_scope" in mask else None,
        sending_paused=number.sending_paused if "sending_paused" in mask else None,
        ingest_from=_moment(number.ingest_from) if number.HasField("ingest_from") and "ingest_from" in mask else None,
        segments_per_second=number.segments_per_second if "segments_per_second" in mask else None,
    )


def number_message(number: Number) -> number_pb2.Number:
    return number_pb2.Number(
        number=number.number,
        agent=number.agent,
        create_time=timestamp(number.create_time),
        update_time=timestamp(number.update_time),
        settings=settings_message(number.wishes),
        keywords=number.keywords,  # type: ignore[arg-type]
        opt_out_scope=number.opt_out_scope,
        sending_paused=number.sending_paused,
        ingest_from=timestamp(number.ingest_from),
        segments_per_second=number.segments_per_second,
    )


def session_message(record: SessionRecord) -> session_pb2.Session:
    state = session_pb2.Session.STATE_HANDED_OFF if record.handed_off else session_pb2.Session.STATE_OPEN
    return session_pb2.Session(
        session_id=record.session_id,
        thread_id=record.thread_id,
        channel=record.channel,  # type: ignore[arg-type]
        endpoint=record.endpoint,
        participant=record.participant,
        agent=record.agent,
        state=session_pb2.Session.STATE_ENDED if record.end_reason else state,
        end_reason=record.end_reason or 0,  # type: ignore[arg-type]
        open_time=timestamp(record.open_time),
        end_time=timestamp(record.end_time),
        outbound=record.outbound,
        engaged=record.engaged,
        hand_off_destination=record.hand_off_destination,
        hand_off_reason=record.hand_off_reason,
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
        create_time=timestamp(record.create_time),
        seq=record.seq,
        delivery_state=record.delivery_state,  # type: ignore[arg-type]
        delivery_error=record.delivery_error,
        ignore_reason=record.ignore_reason,
        kind=record.kind,  # type: ignore[arg-type]
    )


def watched_message(session_id: str, change: Change) -> session_service_pb2.WatchSessionResponse:
    record, place = change
    # The session is named so that a cursor of another one is not taken for one of this.
    response = session_service_pb2.WatchSessionResponse(
        cursor=f"{place.position}-{place.session:08x}-{session_id[-8:]}"
    )
    if isinstance(record, SessionRecord):
        response.session.CopyFrom(session_message(record))
    else:
        response.message.CopyFrom(transcript_message(record))
    return response


def _bad_token() -> InvalidArgument:
    return InvalidArgument("page_token: pass on the last response's next_page_token", field="page_token")


def _is_id(value: str) -> bool:
    return len(value) <= MAX_ID and "\x00" not in value


def _storable(text: str) -> str:
    # PostgreSQL stores every character but this one.
    return text.replace("\x00", "�")


def timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    written = Timestamp()
    written.FromDatetime(moment)
    return written


def _moment(written: Timestamp) -> datetime:
    try:
        return written.ToDatetime(UTC)
    except (OverflowError, ValueError):
        # No time that anybody could have meant: as old as can be, and so of no effect.
        return datetime.min.replace(tzinfo=UTC)


def _trace(traceparent: str) -> str:
    return traceparent if TRACEPARENT.fullmatch(traceparent) else ""


def _sent_text(text: str) -> str:
    if not text.strip() or len(text) > MAX_SENT:
        raise InvalidArgument(f"text: write 1 to {MAX_SENT} characters", field="text")
    return _storable(text)


def _once(at_most_once: bool) -> tuple[str, ...]:
    # Nothing for what was the only way before: a request that is repeated after an update is still the same.
    return ("at_most_once",) if at_most_once else ()


def since_of(written: Timestamp) -> datetime | None:
    return _moment(written) if written.ByteSize() else None


def _request(request_id: str, *content: str) -> Request:
    if not (request_id and _is_id(request_id)):
        raise InvalidArgument(f"request_id: required, at most {MAX_ID} characters, no NUL", field="request_id")
    return Request(request_id, hashlib.sha256("\0".join(content).encode()).hexdigest())
