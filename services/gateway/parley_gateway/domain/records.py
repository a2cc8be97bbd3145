"""What the HTTP API shows: sessions, messages, our numbers. Words are in lower case; what is not known is None."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Session:
    session_id: str
    thread_id: str
    channel: str
    endpoint: str = field(repr=False)
    participant: str = field(repr=False)
    agent: str
    state: str
    end_reason: str | None
    open_time: datetime
    end_time: datetime | None
    outbound: bool
    engaged: bool
    hand_off_destination: str | None = field(repr=False)
    hand_off_reason: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    message_id: str
    session_id: str
    thread_id: str
    position: int
    direction: str
    kind: str | None
    text: str = field(repr=False)
    media_urls: tuple[str, ...] = field(repr=False)
    create_time: datetime
    seq: int | None
    delivery_state: str | None
    delivery_error: int | None
    ignore_reason: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that did not reach its participant."""

    message: Message
    endpoint: str = field(repr=False)
    participant: str = field(repr=False)
    agent: str


@dataclass(frozen=True, slots=True)
class Number:
    number: str = field(repr=False)
    agent: str
    keywords: str
    opt_out_scope: str | None
    sending_paused: bool
    ingest_from: datetime | None
    segments_per_second: float | None
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`token` is the last page's `next_token`, or empty."""

    size: int
    token: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Record]):
    """`next_token` is empty on the last page."""

    items: Sequence[Record]
    next_token: str


@dataclass(frozen=True, slots=True)
class OutboundText:
    """A text of ours that opens a session. `endpoint` is empty where the session service is to choose it."""

    agent: str
    participant: str = field(repr=False)
    text: str = field(repr=False)
    endpoint: str = field(repr=False)
    at_most_once: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    session_id: str
    message_id: str
