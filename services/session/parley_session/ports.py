"""What the session rules need of the world: a store of threads, agents to call, a notifier to hand over to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from parley_session.domain.deliveries import SUPPRESSED
from parley_session.domain.effects import Decision, Done, RunTurn
from parley_session.domain.events import Answer
from parley_session.domain.keywords import Keyword, KeywordMode
from parley_session.domain.numbering import Sender
from parley_session.domain.settings import Wishes
from parley_session.domain.thread import Thread
from parley_session.domain.told import Shown


class ThreadKey(NamedTuple):
    """Names a thread before it has an id. Holds phone numbers: never logged."""

    channel: int
    endpoint: str
    participant: str

    @classmethod
    def of(cls, thread: Thread) -> ThreadKey:
        return cls(thread.channel, thread.endpoint, thread.participant)


class HistoryItem(NamedTuple):
    """`direction` is 1 for the participant's texts, 2 for the agent's."""

    direction: int
    text: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a batch is decided on, read under the threads' locks."""

    now: datetime | None
    """The database's time; None where no thread was found."""
    threads: Mapping[ThreadKey, Thread]
    """Threads that are not there are missing."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Source ids that are stored, with the ids of their messages."""
    people_now: datetime | None = None
    """The time by which people's deadlines are kept."""
    requests: Mapping[str, Done] = field(default_factory=dict)
    """Requests that were made before, by their ids."""
    keywords: Mapping[str, Keyword] = field(default_factory=dict)
    """What was stored as a keyword, by its source id."""


@dataclass(frozen=True, slots=True)
class OptOutNotice:
    """What the notifier has to know of a participant's wish for texts."""

    scope: str = field(repr=False)
    participant: str = field(repr=False)
    opted_out: bool
    event_time: datetime


@dataclass(frozen=True, slots=True)
class Submission:
    """An outbound message as the notifier gets it."""

    message_id: str
    thread_id: str
    seq: int
    sender: str = field(repr=False)
    participant: str = field(repr=False)
    text: str = field(repr=False)
    traceparent: str = ""
    opt_out_scope: str = field(default="", repr=False)
    canceled: bool = False
    at_most_once: bool = False
    expire_time: datetime | None = None
    said: OptOutNotice | None = None
    """What the participant had said when the message was committed, for a notifier that may not have heard of it."""


HandOver = Submission | OptOutNotice


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What became of an outbound message; `state` is a number of the session API's DeliveryState."""

    message_id: str
    state: int
    source_id: str = ""
    error_code: int = 0
    event_time: datetime | None = None

    @property
    def is_dated_refusal(self) -> bool:
        """Whether it says that the participant has opted out, and since when: then telling it again does no harm."""
        return self.state == SUPPRESSED and self.event_time is not None


@dataclass(frozen=True, slots=True)
class RecordedDelivery:
    """A message whose delivery state was recorded."""

    message_id: str
    thread_id: str
    kind: int
    state: int


@dataclass(frozen=True, slots=True)
class Committed:
    """What comes back of a commit."""

    history: Mapping[str, Sequence[HistoryItem]] = field(default_factory=dict, repr=False)
    """What each turn to run starts from, by turn id."""
    canceled: Sequence[Submission] = ()
    """Messages that were taken back, to be handed over as such."""


@dataclass(frozen=True, slots=True)
class AgentDescription:
    version: str
    wishes: Wishes


class RequestTaken(Exception):
    """Somebody else has made one of the requests since it was looked for. Nothing is committed."""


class Batch(Protocol):
    """One transaction: gather, then commit. Left without a commit, nothing has happened."""

    async def gather(
        self, keys: Sequence[ThreadKey], source_ids: Sequence[str] = (), request_ids: Sequence[str] = ()
    ) -> Gathered:
        """Locks the threads, in the order that all batches keep, and reads them."""
        ...

    async def gather_due(self, limit: int) -> Gathered:
        """Locks and reads threads whose turn has to be looked at and that nobody is at work on."""
        ...

    async def gather_due_sessions(self, limit: int, covered: datetime | None) -> Gathered:
        """Locks and reads threads whose session is due and that nobody is at work on."""
        ...

    async def commit(self, decisions: Sequence[Decision]) -> Committed:
        """Writes all decisions. Raises RequestTaken."""
        ...


class SenderWanted(NamedTuple):
    """A request for a number that can send. `endpoint` may name it."""

    agent: str
    participant: str
    endpoint: str


class Coverage(NamedTuple):
    """`now` is people's time; `awaited` the first moment that somebody waits for the provider's word of."""

    now: datetime
    awaited: datetime | None


class ThreadStore(Protocol):
    def batch(self) -> AbstractAsyncContextManager[Batch]: ...

    async def create_threads(self, keys: Sequence[ThreadKey]) -> None:
        """Creates the threads of registered numbers, and of known agents, that are missing."""
        ...

    async def find_threads(self, thread_ids: Sequence[str]) -> Mapping[str, ThreadKey]: ...

    async def find_session_threads(self, session_ids: Sequence[str]) -> Mapping[str, ThreadKey]:
        """The threads of sessions, by session id."""
        ...

    async def find_requests(self, request_ids: Sequence[str]) -> Mapping[str, Done]: ...

    async def find_senders(self, wanted: Sequence[SenderWanted]) -> Sequence[Sequence[Sender]]:
        """For each, the numbers that can send."""
        ...

    async def read_coverage(self, covered: datetime | None) -> Coverage: ...

    async def renew_leases(self, claims: Sequence[tuple[str, int]], lease: float) -> None:
        """Gives the turns (id, fence) another `lease` seconds, unless somebody has claimed them since."""
        ...

    async def record_deliveries(self, records: Sequence[DeliveryRecord]) -> Sequence[RecordedDelivery]:
        """Stores what became of messages, at most one record each; drops records of unknown messages.

        Returns those that changed something, and dated refusals that are known: what follows from them may not be.
        """
        ...

    async def find_backlogged(self, age: float, limit: int) -> set[str]:
        """The numbers of which more than `limit` texts have waited for more than `age` seconds."""
        ...

    async def take_unsubmitted(self, limit: int) -> list[Submission]:
        """Messages whose outcome is not known and whose hand-over is due again."""
        ...

    async def take_unsubmitted_opt_outs(self, limit: int) -> list[OptOutNotice]: ...

    async def finish_opt_outs(self, notices: Sequence[OptOutNotice]) -> None:
        """The notifier has stored them."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """One of ours. `number` is E.164 and never logged."""

    number: str = field(repr=False)
    agent: str
    create_time: datetime
    update_time: datetime
    wishes: Wishes
    keywords: KeywordMode
    opt_out_scope: str = field(repr=False)
    sending_paused: bool
    ingest_from: datetime
    segments_per_second: float


@dataclass(frozen=True, slots=True)
class NumberChange:
    """New values of a number's fields; None leaves one as it is."""

    agent: str | None = None
    wishes: Wishes | None = None
    keywords: KeywordMode | None = None
    opt_out_scope: str | None = field(default=None, repr=False)
    sending_paused: bool | None = None
    ingest_from: datetime | None = None
    segments_per_second: float | None = None


class NumberStore(Protocol):
    async def update_number(self, number: str, change: NumberChange, *, allow_missing: bool) -> Number | None:
        """The changed number, or None where it is not registered and may not be.

        What participants have said to a number counts for a new opt_out_scope of it.
        """
        ...

    async def get_number(self, number: str) -> Number | None: ...

    async def delete_number(self, number: str) -> None: ...

    async def list_numbers(self, limit: int, after: str, updated_since: datetime | None = None) -> list[Number]: ...

    async def list_agents(self) -> list[str]:
        """Names of the agents that numbers point to, or that web chat has reached."""
        ...

    async def save_agent(self, name: str, description: AgentDescription) -> None: ...


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as callers of the API see it."""

    session_id: str
    thread_id: str
    channel: int
    endpoint: str = field(repr=False)
    participant: str = field(repr=False)
    agent: str
    end_reason: int | None
    open_time: datetime
    end_time: datetime | None
    outbound: bool
    engaged: bool
    handed_off: bool
    hand_off_destination: str = field(repr=False)
    hand_off_reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message as callers of the API see it."""

    message_id: str
    session_id: str | None
    thread_id: str
    position: int
    direction: int
    text: str = field(repr=False)
    media_urls: tuple[str, ...] = field(repr=False)
    create_time: datetime
    seq: int
    delivery_state: int
    delivery_error: int
    ignore_reason: str
    kind: int


class Transcripts(Protocol):
    async def get_session(self, session_id: str) -> SessionRecord | None: ...

    async def list_sessions(self, limit: int, after: str, participant: str, endpoint: str) -> list[SessionRecord]:
        """Newest first; `after` is the id of the last one seen, or empty."""
        ...

    async def list_messages(self, session_id: str, limit: int, after: int) -> list[MessageRecord]:
        """Oldest first; `after` is the position of the last one seen, or 0."""
        ...


class Look(NamedTuple):
    """A look at a session: its messages behind the position `last`, and those at `unsettled`."""

    session_id: str
    last: int
    unsettled: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look has shown, all of one moment. `last_position` and `taken` are the thread's."""

    session: SessionRecord
    last_position: int
    taken: int
    messages: Sequence[MessageRecord]
    """By position."""
    is_full: bool
    """Whether there may be more messages."""


class Seen(NamedTuple):
    """What is known of a session that may have changed since."""

    session_id: str
    thread_id: str
    session: SessionRecord | None
    last_position: int
    taken: int
    messages: Mapping[int, Shown]


class Watches(Protocol):
    async def read(self, looks: Sequence[Look]) -> list[Sight | None]:
        """A sight for each look; None where there is no such session."""
        ...

    async def find_changed(self, seen: Sequence[Seen]) -> list[int]:
        """Which of them, by their places in `seen`, are not so any more."""
        ...


class AgentAway(Exception):
    """The agent could not be called: nothing was delivered to it."""


class AgentFailed(Exception):
    """The agent was called and did not run the turn."""


class Agents(Protocol):
    async def run_turn(self, run: RunTurn, history: Sequence[HistoryItem]) -> Answer:
        """Raises AgentAway or AgentFailed."""
        ...

    async def describe(self, name: str) -> AgentDescription:
        """Raises AgentAway or AgentFailed."""
        ...


class Notifier(Protocol):
    async def submit(self, submissions: Sequence[Submission], opt_outs: Sequence[OptOutNotice]) -> None:
        """Hands messages over, opt-outs ahead of them; returns once all is stored there. Raises Unavailable."""
        ...


class Clock(Protocol):
    """The clock that people's deadlines are kept by."""

    async def skip(self, duration: timedelta) -> datetime:
        """Moves it forward, for good; returns its time."""
        ...
