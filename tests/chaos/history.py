"""A run as those who took part have written it down, and as typed rows for the checker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Row = Mapping[str, Any]
T = TypeVar("T")


class Journal:
    """An append-only file of JSON lines; each line is on its way to the disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def write(self, kind: str, **fields: Any) -> None:
        self._file.write(json.dumps({"kind": kind, "at": time.time(), **fields}) + "\n")

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text that Twilio has of a participant. `token` is its body."""

    sid: str
    number: str
    participant: str
    token: str
    at: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """A text that Twilio took from us; `delivery` is what its callback's URL names. `index`: Twilio's own order."""

    sid: str
    delivery: str
    number: str
    participant: str
    text: str
    index: int
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    thread: str
    position: int
    direction: int
    text: str
    at: float
    """By the clock of people's deadlines."""
    seq: int = 0
    session: str | None = None
    turn: str | None = None
    kind: int | None = None
    sid: str = ""
    ignored: str = ""
    state: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    id: str
    thread: str
    session: str
    kind: int
    open: bool
    outcome: int | None
    fence: int
    attempt: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    thread: str
    reason: int | None = None
    ended: float | None = None
    grace_end: float | None = None
    warning: str | None = None
    engaged: bool = True


@dataclass(frozen=True, slots=True)
class Thread:
    id: str
    endpoint: str
    participant: str
    taken: int = 0
    last_inbound: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str
    thread: str
    seq: int
    state: str
    sid: str
    attempt: int
    canceled: bool
    scope: str
    participant: str


@dataclass(frozen=True, slots=True)
class Change:
    """A committed change, in the order of the locks that it was made under."""

    id: int
    at: float
    tx: str
    what: str
    item: Row
    began: float = 0.0
    """When its transaction began; `at` is when it was written."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that reached the agent."""

    call: str
    turn: str
    at: float


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller of the HTTP API knows of one key: the ids it was told, or nothing."""

    key: str
    token: str
    acked: bool
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """Between two moments of the machine's, people's clock was moved to be `offset` seconds ahead."""

    began: float
    ended: float
    offset: float


@dataclass(slots=True)
class History:
    inbound: list[Inbound] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    """Sids whose webhook was answered 200 at least once."""
    forged: set[str] = field(default_factory=set)
    """Sids of webhooks that Twilio never sent."""
    accepted: list[Accepted] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    cancels: dict[str, float] = field(default_factory=dict)
    """When the notifier had first confirmed to take a message back."""
    requests: dict[str, Request] = field(default_factory=dict)
    """By key."""
    skips: list[Skip] = field(default_factory=list)
    inactive_after: float = 86_400.0
    grace: float = 600.0
    unfinished: dict[str, int] = field(default_factory=dict)
    drained: float = 0.0
    drain_bound: float = 39.0

    def people_times(self, at: float) -> tuple[float, float]:
        """The earliest and the latest that it may have been by people's clock at a moment of the machine's."""
        least = max((skip.offset for skip in self.skips if skip.ended <= at), default=0.0)
        most = max((skip.offset for skip in self.skips if skip.began <= at), default=0.0)
        return at + least, at + most


def read(folder: Path) -> History:
    """The history of a run, from all files of its folder."""
    history = History()
    for kind, row in _lines(folder):
        if (place := _PLACES.get(kind)) is not None:
            name, row_type = place
            getattr(history, name).append(_typed(row_type, row))
        elif (note := _NOTES.get(kind)) is not None:
            note(history, row)
    history.accepted.sort(key=lambda message: message.index)
    return history


_PLACES: Mapping[str, tuple[str, type[Any]]] = {
    "inbound": ("inbound", Inbound),
    "accepted": ("accepted", Accepted),
    "call": ("calls", Call),
    "thread": ("threads", Thread),
    "message": ("messages", Message),
    "turn": ("turns", Turn),
    "session": ("sessions", Session),
    "delivery": ("deliveries", Delivery),
    "audit": ("changes", Change),
}
"""Where a line of each kind stands in the history, and as what."""


def _note_request(history: History, row: Row) -> None:
    known = history.requests.get(row["key"], Request(row["key"], row["token"], False))
    messages = {*known.messages, *filter(None, [row.get("message")])}
    history.requests[row["key"]] = Request(known.key, known.token, bool(messages), tuple(sorted(messages)))


def _note_drained(history: History, row: Row) -> None:
    history.drained, history.unfinished, history.drain_bound = row["seconds"], row["unfinished"], row["bound"]


_NOTES: Mapping[str, Callable[[History, Row], object]] = {
    "acknowledged": lambda history, row: history.acknowledged.add(row["sid"]),
    "forged": lambda history, row: history.forged.add(row["sid"]),
    "cancel_taken": lambda history, row: history.cancels.setdefault(row["message"], row["at"]),
    "skip": lambda history, row: history.skips.append(Skip(row["began"], row["at"], row["offset"])),
    "asked": _note_request,
    "drained": _note_drained,
}


def _lines(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line's kind and what it tells; rows of the database stand under a key of their own."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open() as lines:
            for line in lines:
                row = json.loads(line)
                yield row["kind"], row.get("row", row)


def _typed(kind: type[T], row: Row) -> T:
    """The row as `kind`, without what that has no place for."""
    names: Iterable[str] = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: row[name] for name in names if name in row})
