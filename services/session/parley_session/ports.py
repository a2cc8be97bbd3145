"""What the session rules need of the world: a store of threads, agents to call, a notifier to hand over to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from parley_session.domain.effects import Decision, RunTurn
from parley_session.domain.events import Answer
from parley_session.domain.thread import AgentSettings, Thread


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


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What became of an outbound message; `state` is a number of the session API's DeliveryState."""

    message_id: str
    state: int
    source_id: str = ""
    error_code: int = 0


@dataclass(frozen=True, slots=True)
class AgentDescription:
    version: str
    settings: AgentSettings


class Batch(Protocol):
    """One transaction: gather, then commit. Left without a commit, nothing has happened."""

    async def gather(self, keys: Sequence[ThreadKey], source_ids: Sequence[str] = ()) -> Gathered:
        """Locks the threads, in the order that all batches keep, and reads them."""
        ...

    async def gather_due(self, limit: int) -> Gathered:
        """Locks and reads threads whose turn has to be looked at and that nobody is at work on."""
        ...

    async def commit(self, decisions: Sequence[Decision]) -> Mapping[str, Sequence[HistoryItem]]:
        """Writes all decisions; returns the history that each turn to run starts from, by turn id."""
        ...


class ThreadStore(Protocol):
    def batch(self) -> AbstractAsyncContextManager[Batch]: ...

    async def create_threads(self, keys: Sequence[ThreadKey]) -> None:
        """Creates the threads of registered numbers that are missing."""
        ...

    async def renew_leases(self, claims: Sequence[tuple[str, int]], lease: float) -> None:
        """Gives the turns (id, fence) another `lease` seconds, unless somebody has claimed them since."""
        ...

    async def record_deliveries(self, records: Sequence[DeliveryRecord]) -> None:
        """Stores what became of messages, at most one record each; drops records of unknown messages."""
        ...

    async def take_unsubmitted(self, limit: int) -> list[Submission]:
        """Messages whose outcome is not known and whose hand-over is due again."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """One of ours. `number` is E.164 and never logged."""

    number: str = field(repr=False)
    agent: str
    create_time: datetime
    update_time: datetime


class NumberStore(Protocol):
    async def update_number(self, number: str, agent: str, *, allow_missing: bool) -> Number | None:
        """The changed number, or None where it is not registered and may not be."""
        ...

    async def list_numbers(self, limit: int, after: str) -> list[Number]: ...

    async def list_agents(self) -> list[str]:
        """Names of the agents that numbers point to."""
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
    fallback: bool


class Transcripts(Protocol):
    async def get_session(self, session_id: str) -> SessionRecord | None: ...

    async def list_sessions(self, limit: int, after: str, participant: str, endpoint: str) -> list[SessionRecord]:
        """Newest first; `after` is the id of the last one seen, or empty."""
        ...

    async def list_messages(self, session_id: str, limit: int, after: int) -> list[MessageRecord]:
        """Oldest first; `after` is the position of the last one seen, or 0."""
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
    async def submit(self, submissions: Sequence[Submission]) -> Sequence[None]:
        """Hands messages over; returns once they are stored there, a None for each. Raises Unavailable."""
        ...
