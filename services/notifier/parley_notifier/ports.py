"""What the use cases need from outside: a store of lanes, a carrier of texts, and the session service."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from parley_notifier.domain.coverage import Handed, InboundPage, InboundText, Turn
from parley_notifier.domain.decision import Decision
from parley_notifier.domain.delivery import Delivery
from parley_notifier.domain.facts import Claim, Submission
from parley_notifier.domain.gate import Passage
from parley_notifier.domain.lane import Lane
from parley_notifier.domain.opt_out import OptOut, OptOutKey
from parley_notifier.domain.outcomes import Answer
from parley_notifier.domain.polls import Poll, Standing, Stretch, Window
from parley_notifier.domain.reports import Record
from parley_notifier.domain.sender import Sender
from parley_notifier.domain.settlement import Listing, Look


@dataclass(slots=True)
class Gathered:
    """Locked lanes by thread id with their next deliveries, and deliveries by id: those and what was asked for."""

    now: float = 0.0
    """The database's clock; 0 when there are no lanes."""
    lanes: dict[str, Lane] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    """Thread ids of lanes that somebody else holds: neither they nor their deliveries may be decided about."""
    opt_outs: dict[OptOutKey, OptOut] = field(default_factory=dict)
    """What the participants said last, where they said anything, for the scopes that the lanes have or are to have."""
    passage: Passage = field(default_factory=Passage)
    senders: dict[str, Sender] = field(default_factory=dict)
    """By number, those of the lanes' that are held back; with their pace where no other batch takes from it."""


@dataclass(slots=True)
class Wanted:
    """What a batch is about."""

    submissions: list[Submission] = field(default_factory=list)
    deliveries: dict[str, str] = field(default_factory=dict)
    """Thread id by delivery id."""
    reported: set[str] = field(default_factory=set)
    """Delivery ids, perhaps of nothing."""
    opt_outs: list[OptOut] = field(default_factory=list)


class Batch(Protocol):
    """One transaction: gather once, commit once. Left without a commit it changes nothing."""

    async def gather(self, wanted: Wanted, *, wait: bool) -> Gathered:
        """The lanes, and the deliveries as far as they exist. The first text of a thread makes its lane.

        Lanes that somebody else holds are waited for, or else left out as busy. An opt-out brings all lanes of its
        participant, waits for them, and lets no other be made before the batch is over.
        """

    async def gather_due(self, limit: int, thread_ids: Collection[str]) -> Gathered:
        """Lanes whose wake time has come, and these, but for those that somebody else holds."""

    async def commit(self, decision: Decision) -> None: ...


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A delivery that the session service has yet to be told of."""

    delivery_id: str
    record: Record | None
    """None: there is nothing to tell any more."""
    times: int
    """How often telling it has failed; it failed anew, perhaps with a later state, when this has grown."""


class Store(Protocol):
    """All methods raise Unavailable when the database does not answer; whether a commit took place is then open."""

    def batch(self) -> AbstractAsyncContextManager[Batch]: ...

    async def create_lanes(self, submissions: Sequence[Submission]) -> None:
        """For texts that arrive ahead of their thread's first. A pair of numbers that has a lane gets no second one."""

    async def known_sids(self, look: Look, sids: Sequence[str]) -> set[str]:
        """Those of `sids` that belong to other deliveries to the participant."""

    async def remember_unrecorded(self, delivery_ids: Collection[str]) -> None: ...

    async def read_unrecorded(self, limit: int) -> list[Unrecorded]: ...

    async def forget_unrecorded(self, unrecorded: Sequence[Unrecorded]) -> None: ...


@dataclass(frozen=True, slots=True)
class Registered:
    """One of our numbers, as the session service's register has it."""

    number: str = field(repr=False)
    sending_paused: bool
    segments_per_second: float
    update_time: float
    """By the session service's clock, in seconds since 1970."""


class SenderStore(Protocol):
    """Raises Unavailable as Store does."""

    async def store_senders(self, numbers: Sequence[Registered]) -> None:
        """Of what is known of a number the latest counts."""

    async def wake_senders(self, limit: int) -> int:
        """Has lanes looked at that slept while their senders were switched off, `limit` of each; how many in all."""

    async def pause_senders(self, numbers: Collection[str], seconds: float) -> None: ...


class CoverageStore(Protocol):
    """How far the account's list of inbound texts was read, and by whom. Raises Unavailable as Store does."""

    async def take_coverage(self, owner: str, lease: float, age: float) -> Turn | None:
        """The right to read the list for `lease` seconds; None while another owner has it, or has read the list
        `age` seconds ago or later."""

    async def keep_coverage(self, owner: str, lease: float) -> bool:
        """Has the lease end `lease` seconds from now; False if another owner has it."""

    async def end_coverage(self, owner: str, listed_time: float | None) -> None:
        """Gives the lease back; with `listed_time` the list as of then has been handed over whole."""


class Carrier(Protocol):
    async def send(self, claim: Claim, until: float) -> Answer:
        """Sends the text once, without a repeat, and not after `until`, a moment of the process's own clock.

        Never raises for what the carrier or the network does.
        """

    async def list_messages(self, look: Look) -> Listing:
        """The latest messages among which the attempt is, if Twilio has it. Raises CarrierUnavailable."""


class Inbox(Protocol):
    async def list_inbound(self, page: str) -> InboundPage:
        """Participants' texts to all numbers, newest first: the first page, or an InboundPage's `next_page`.

        Raises CarrierUnavailable.
        """


class StatusSource(Protocol):
    async def get_message(self, sid: str) -> Standing | None:
        """How a message stands; None if there is nothing to learn about it. Raises CarrierUnavailable."""


class PollStore(Protocol):
    """How far was asked about deliveries of one age, in seconds, and by whom. Raises Unavailable as Store does."""

    async def take_poll(self, age: float, owner: str, lease: float) -> Poll | None:
        """The right to ask for `lease` seconds; None while another owner has it."""

    async def keep_poll(self, age: float, owner: str, lease: float) -> bool:
        """Has the lease end `lease` seconds from now; False if another owner has it."""

    async def end_poll(self, age: float, owner: str, polled_id: str) -> None:
        """Gives the lease back; all up to `polled_id` was asked about."""

    async def read_unreported(self, window: Window, looked_at: int, limit: int) -> Stretch:
        """Those among the first `looked_at` deliveries of the window whose end Twilio has not reported, `limit` of
        them."""


class Recorder(Protocol):
    async def record(self, records: Sequence[Record]) -> None:
        """Tells the session service. Raises Unavailable, or another ParleyError when it refuses them."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Times are of the session service's clock, in seconds since 1970."""

    decided: int
    now: float
    awaited_coverage: float | None


class Sessions(Protocol):
    async def time_out(self, limit: int, covered_time: float | None) -> TimedOut:
        """Has up to `limit` due sessions decided. Raises Unavailable, or CallRefused by an older service."""

    async def receive(self, texts: Sequence[InboundText]) -> Sequence[Handed]:
        """Hands texts over; what became of each. Raises Unavailable or CallRefused."""


@dataclass(frozen=True, slots=True)
class NumberPage:
    numbers: Sequence[Registered]
    next_page: str
    """Empty on the last page."""


class Register(Protocol):
    async def list_numbers(self, since: float | None, page: str) -> NumberPage:
        """Numbers that were changed at `since` or later. Raises Unavailable, or CallRefused by an older service."""
