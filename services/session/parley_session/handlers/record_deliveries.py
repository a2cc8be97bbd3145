"""Stores what the notifier says became of outbound messages; a known outcome ends a message's hand-over."""

from __future__ import annotations

from collections.abc import Sequence

from parley_session.domain.deliveries import furthest
from parley_session.ports import DeliveryRecord, ThreadStore


class RecordDeliveries:
    """Takes a batch; the furthest state counts, whatever the order of arrival."""

    def __init__(self, store: ThreadStore) -> None:
        self._store = store

    async def __call__(self, records: Sequence[DeliveryRecord]) -> list[None]:
        best = furthest(records, key=lambda record: record.message_id, state=lambda record: record.state)
        await self._store.record_deliveries(best)
        return [None] * len(records)
