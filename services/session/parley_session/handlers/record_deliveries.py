"""Stores what the notifier says became of outbound messages; a known outcome ends a message's hand-over.

Two kinds of outcome concern the session: that of a warning, which its grace begins with, and a refusal because the
participant has opted out. Should the second commit fail, the session's due_time brings the one up again; the other is
told again by who was not answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from parley_session.domain.decide import decide
from parley_session.domain.deliveries import SUPPRESSED, concerns_session, furthest
from parley_session.domain.effects import Decision
from parley_session.domain.events import Context, Event, Refusal, TimeOut
from parley_session.domain.machine import IllegalTransition
from parley_session.handlers.follow_up import FollowUp
from parley_session.ports import DeliveryRecord, Gathered, RecordedDelivery, ThreadKey, ThreadStore

log = logging.getLogger(__name__)


class RecordDeliveries:
    """Takes a batch; the furthest state counts, whatever the order of arrival."""

    def __init__(self, store: ThreadStore, context: Callable[[Gathered], Context], follow_up: FollowUp) -> None:
        self._store = store
        self._context = context
        self._follow_up = follow_up

    async def __call__(self, records: Sequence[DeliveryRecord]) -> list[None]:
        best = furthest(records, key=lambda record: record.message_id, state=lambda record: record.state)
        recorded = await self._store.record_deliveries(best)
        self._follow_up.tell(one.thread_id for one in recorded)
        concerning = [one for one in recorded if concerns_session(one.kind, one.state)]
        if concerning:
            await self._decide_all(concerning, {record.message_id: record for record in best})
        return [None] * len(records)

    async def _decide_all(self, recorded: Sequence[RecordedDelivery], records: Mapping[str, DeliveryRecord]) -> None:
        keys = await self._store.find_threads(list({r.thread_id for r in recorded}))
        by_key: dict[ThreadKey, list[RecordedDelivery]] = {}
        for one in recorded:
            if one.thread_id in keys:
                by_key.setdefault(keys[one.thread_id], []).append(one)
        async with self._store.batch() as batch:
            gathered = await batch.gather(list(by_key))
            if not gathered.threads:
                return
            context = self._context(gathered)
            decisions: list[Decision] = []
            for key, thread in gathered.threads.items():
                events = [_event(one, records[one.message_id], context) for one in by_key[key]]
                try:
                    decisions.append(decide(thread, events, context))
                except IllegalTransition:
                    log.exception("thread_inconsistent", extra={"thread_id": thread.id})
            if not decisions:
                return
            committed = await batch.commit(decisions)
        self._follow_up(decisions, committed)


def _event(recorded: RecordedDelivery, record: DeliveryRecord, context: Context) -> Event:
    if recorded.state == SUPPRESSED:
        return Refusal(recorded.message_id, record.event_time or context.now)
    return TimeOut()
