"""Tells the session service what became of its messages, and goes on telling it what it could not be told."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from parley_chassis.errors import ParleyError, Unavailable
from parley_notifier.domain.reports import Record
from parley_notifier.ports import Recorder, Store

log = logging.getLogger(__name__)


class RecordDeliveries:
    """Returns when the session service knows, or when the store will remember to tell it; else raises Unavailable."""

    def __init__(self, recorder: Recorder, store: Store) -> None:
        self._recorder = recorder
        self._store = store

    async def __call__(self, records: Sequence[Record]) -> Sequence[None]:
        # Of several records of one message the last was decided last.
        latest = {record.message_id: record for record in records}
        try:
            await self._recorder.record(list(latest.values()))
        except Unavailable as error:
            log.warning("record_postponed", extra={"messages": len(latest), "reason": error.error_reason})
            await self._store.remember_unrecorded(latest)
        except ParleyError as error:
            if len(latest) > 1:
                raise
            log.error("record_refused", extra={"message_id": next(iter(latest)), "reason": error.error_reason})
        return [None] * len(records)


class RepeatRecords:
    """One round of telling what could not be told; True if there may be more."""

    def __init__(self, recorder: Recorder, store: Store, limit: int = 200) -> None:
        self._recorder = recorder
        self._store = store
        self._limit = limit

    async def __call__(self) -> bool:
        waiting = await self._store.read_unrecorded(self._limit)
        records = [item.record for item in waiting if item.record is not None]
        if records and not await self._tell(records):
            return False
        if waiting:
            await self._store.forget_unrecorded(waiting)
        return len(waiting) >= self._limit

    async def _tell(self, records: Sequence[Record]) -> bool:
        try:
            await self._recorder.record(records)
        except Unavailable:
            return False
        except ParleyError:
            await self._tell_each(records)
        return True

    async def _tell_each(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                await self._recorder.record([record])
            except Unavailable:
                raise
            except ParleyError as error:
                log.error("record_refused", extra={"message_id": record.message_id, "reason": error.error_reason})
