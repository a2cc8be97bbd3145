"""Decides sessions whose due_time has come: warnings, graces and ends (session rules S6 to S9)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from parley_session.domain.decide import decide
from parley_session.domain.effects import Decision
from parley_session.domain.events import Context, TimeOut
from parley_session.domain.machine import IllegalTransition
from parley_session.domain.thread import Thread
from parley_session.handlers.follow_up import FollowUp
from parley_session.ports import Gathered, ThreadStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TimedOut:
    decided: int
    now: datetime
    awaited_coverage: datetime | None


class TimeOutSessions:
    def __init__(self, store: ThreadStore, context: Callable[[Gathered], Context], follow_up: FollowUp) -> None:
        self._store = store
        self._context = context
        self._follow_up = follow_up

    async def __call__(self, limit: int, covered: datetime | None) -> TimedOut:
        """`covered`: texts that the provider got before have all been received."""
        # Asked before anything is decided: whoever covers what is told now covers all of it.
        coverage = await self._store.read_coverage(covered)
        async with self._store.batch() as batch:
            gathered = await batch.gather_due_sessions(limit, covered)
            decisions = [d for thread in gathered.threads.values() if (d := self._decide(thread, gathered, covered))]
            committed = await batch.commit(decisions) if decisions else None
        if committed:
            self._follow_up(decisions, committed)
        return TimedOut(len(gathered.threads), coverage.now, coverage.awaited)

    def _decide(self, thread: Thread, gathered: Gathered, covered: datetime | None) -> Decision | None:
        try:
            decision = decide(thread, [TimeOut(covered)], self._context(gathered))
        except IllegalTransition:
            log.exception("thread_inconsistent", extra={"thread_id": thread.id})
            return None
        # It may have had its time between our look and our lock.
        return decision if decision.thread is not thread else None
