"""Stores texts of participants and starts the turns that answer them (session rules S1 to S3, S5, S7, S10 and S12)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from parley_session.domain.decide import decide
from parley_session.domain.effects import Decision
from parley_session.domain.events import Confirm, Context, Event, Receive
from parley_session.domain.machine import IllegalTransition
from parley_session.domain.reception import is_ours, tells_more
from parley_session.handlers.follow_up import FollowUp
from parley_session.handlers.keep_order import KeepOrder
from parley_session.ports import Gathered, ThreadKey, ThreadStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Incoming:
    key: ThreadKey = field(repr=False)
    event: Receive


class Outcome(Enum):
    ACCEPTED = "accepted"
    IGNORED = "ignored"
    DUPLICATE = "duplicate"
    UNKNOWN_NUMBER = "unknown_number"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Received:
    outcome: Outcome
    message_id: str = ""


class ReceiveMessages:
    """Takes a batch; returns a result for each item, in order. Safe to repeat: a source id counts once.

    Batches may overlap in time: a thread's texts are stored in the order in which they came here.
    """

    def __init__(self, store: ThreadStore, context: Callable[[Gathered], Context], follow_up: FollowUp) -> None:
        self._store = store
        self._context = context
        self._follow_up = follow_up
        self._order = KeepOrder()

    async def __call__(self, items: Sequence[Incoming]) -> list[Received]:
        keys = list(dict.fromkeys(item.key for item in items))
        async with self._order.behind_earlier(keys):
            return await self._receive(items, keys)

    async def _receive(self, items: Sequence[Incoming], keys: Sequence[ThreadKey]) -> list[Received]:
        missing = await self._receive_into_existing(items, keys, last=False)
        if isinstance(missing, list):
            return missing
        # Threads are created ahead, in a transaction of their own: a batch locks only what is there, in one order.
        await self._store.create_threads(sorted(missing))
        received = await self._receive_into_existing(items, keys, last=True)
        assert isinstance(received, list)
        return received

    async def _receive_into_existing(
        self, items: Sequence[Incoming], keys: Sequence[ThreadKey], *, last: bool
    ) -> list[Received] | set[ThreadKey]:
        """Stores the batch; or, unless this is the last try, returns the keys whose threads are missing."""
        async with self._store.batch() as batch:
            gathered = await batch.gather(keys, [item.event.source_id for item in items])
            missing = set(keys) - gathered.threads.keys()
            if missing and not last:
                return missing
            decisions = self._decide(items, gathered)
            committed = await batch.commit(list(decisions.values()))
        self._follow_up(list(decisions.values()), committed)
        return _results(items, gathered, decisions)

    def _decide(self, items: Sequence[Incoming], gathered: Gathered) -> dict[ThreadKey, Decision]:
        """Decides each thread's new texts together: those that arrived in one batch are answered in one turn."""
        events: dict[ThreadKey, dict[str, Event]] = {}
        for item in items:
            thread = gathered.threads.get(item.key)
            if thread is None or not is_ours(thread, item.event):
                continue
            if item.event.source_id not in gathered.sources:
                events.setdefault(item.key, {}).setdefault(item.event.source_id, item.event)
                continue
            stored_as = gathered.keywords.get(item.event.source_id)
            if tells_more(thread, item.event, stored_as):
                events.setdefault(item.key, {})[item.event.source_id] = Confirm(item.event, stored_as)
        decisions = {}
        for key, new in events.items():
            try:
                decisions[key] = decide(gathered.threads[key], new.values(), self._context(gathered))
            except IllegalTransition:
                log.exception("thread_inconsistent", extra={"thread_id": gathered.threads[key].id})
        return decisions


def _results(items: Sequence[Incoming], gathered: Gathered, decisions: dict[ThreadKey, Decision]) -> list[Received]:
    stored = {message.source_id: message for decision in decisions.values() for message in decision.inbound}
    known = dict(gathered.sources)
    results = []
    for item in items:
        source_id = item.event.source_id
        thread = gathered.threads.get(item.key)
        if source_id in known:
            results.append(Received(Outcome.DUPLICATE, known[source_id]))
        elif message := stored.get(source_id):
            known[source_id] = message.id
            results.append(Received(Outcome.IGNORED if message.ignore_reason else Outcome.ACCEPTED, message.id))
        elif thread is None or not is_ours(thread, item.event):
            results.append(Received(Outcome.UNKNOWN_NUMBER))
        else:
            results.append(Received(Outcome.FAILED))
    return results
