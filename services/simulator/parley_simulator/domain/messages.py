"""The messages of the account and their log, in the order in which Twilio accepted them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

INBOUND, OUTBOUND_API, OUTBOUND_REPLY = "inbound", "outbound-api", "outbound-reply"
FINAL = frozenset({"delivered", "undelivered", "failed", "received"})


@dataclass(frozen=True, slots=True)
class Media:
    url: str = field(repr=False)
    content_type: str


@dataclass(slots=True)
class Message:
    """One text. Times are seconds since the epoch; `index` is its place in the log, from 1 and growing for ever."""

    sid: str
    direction: str
    from_: str = field(repr=False)
    to: str = field(repr=False)
    body: str = field(repr=False)
    status: str
    created: float
    updated: float
    segments: int
    media: tuple[Media, ...] = ()
    sent: float | None = None
    status_callback: str = field(default="", repr=False)
    error_code: int | None = None
    automatic: bool = False
    """Twilio's own answer to a keyword."""
    service_sid: str = ""
    """The messaging service that sent or received it."""
    sender_hidden: bool = False
    """While a messaging service still chooses the number."""
    opt_out_type: str = ""
    """The keyword that Advanced Opt-Out found in an inbound text."""
    index: int = 0

    @property
    def outbound(self) -> bool:
        return self.direction != INBOUND

    @property
    def participant(self) -> str:
        return self.to if self.outbound else self.from_

    @property
    def number(self) -> str:
        return self.from_ if self.outbound else self.to

    def lies_between(self, to: str, from_: str) -> bool:
        """Whether the list finds it by these numbers; "" is any."""
        return (not to or self.to == to) and (not from_ or (self.from_ == from_ and not self.sender_hidden))

    def move(self, status: str, now: float, error_code: int | None = None) -> None:
        self.sender_hidden = False
        self.status, self.updated, self.error_code = status, now, error_code
        if status == "sent" or (status in ("delivered", "undelivered") and self.sent is None):
            self.sent = now


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages a test looks at. None is any; `after` is an index."""

    participant: str | None = field(default=None, repr=False)
    number: str | None = field(default=None, repr=False)
    outbound: bool | None = None
    status: str | None = None
    automatic: bool | None = None
    after: int = 0

    def takes(self, message: Message) -> bool:
        return (
            (self.participant is None or message.participant == self.participant)
            and (self.number is None or message.number == self.number)
            and (self.outbound is None or message.outbound is self.outbound)
            and (self.status is None or message.status == self.status)
            and (self.automatic is None or message.automatic is self.automatic)
            and message.index > self.after
        )


class MessageLog:
    """Every accepted message, found by sid, sender, recipient and index."""

    def __init__(self) -> None:
        self._next = 1
        self.clear()

    def clear(self) -> None:
        """Forgets the messages; indexes go on."""
        self._all: list[Message] = []
        self._by_sid: dict[str, Message] = {}
        self._by_to: dict[str, list[Message]] = {}
        self._by_from: dict[str, list[Message]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def append(self, message: Message) -> None:
        message.index = self._next
        self._next += 1
        self._all.append(message)
        self._by_sid[message.sid] = message
        self._by_to.setdefault(message.to, []).append(message)
        self._by_from.setdefault(message.from_, []).append(message)

    def get(self, sid: str) -> Message | None:
        return self._by_sid.get(sid)

    def select(self, selection: Selection) -> list[Message]:
        """In the order of acceptance."""
        return [message for message in self._candidates(selection) if selection.takes(message)]

    def slice(self, *, to: str, from_: str, before: int | None = None) -> Iterator[Message]:
        """Newest first, from the message before index `before`; "" is any number."""
        rows = self._rows(to, from_)
        end = len(rows) if before is None else bisect_left(rows, before, key=_index)
        for position in range(end - 1, -1, -1):
            message = rows[position]
            if message.lies_between(to, from_):
                yield message

    def slice_up(self, *, to: str, from_: str, after: int) -> Iterator[Message]:
        """Oldest first, from the message after index `after`."""
        rows = self._rows(to, from_)
        for position in range(bisect_left(rows, after + 1, key=_index), len(rows)):
            message = rows[position]
            if message.lies_between(to, from_):
                yield message

    def _rows(self, to: str, from_: str) -> Sequence[Message]:
        chosen: list[Sequence[Message]] = []
        if to:
            chosen.append(self._by_to.get(to, ()))
        if from_:
            chosen.append(self._by_from.get(from_, ()))
        return min(chosen, key=len) if chosen else self._all

    def _candidates(self, selection: Selection) -> Sequence[Message]:
        person = selection.participant
        if person is not None and selection.outbound is not None:
            return (self._by_to if selection.outbound else self._by_from).get(person, ())
        return self._all[bisect_left(self._all, selection.after + 1, key=_index) :]


def _index(message: Message) -> int:
    return message.index
