"""Claims turns whose moment has come, and those whose lease ran out because their process is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable

from parley_session.domain.decide import decide
from parley_session.domain.effects import Decision
from parley_session.domain.events import Context, Wake
from parley_session.domain.machine import IllegalTransition, LateResult
from parley_session.domain.thread import Thread
from parley_session.handlers.follow_up import FollowUp
from parley_session.ports import Gathered, ThreadStore

log = logging.getLogger(__name__)

LIMIT = 100


class ClaimTurns:
    def __init__(
        self,
        store: ThreadStore,
        context: Callable[[Gathered], Context],
        follow_up: FollowUp,
        free_slots: Callable[[], int],
    ) -> None:
        self._store = store
        self._context = context
        self._follow_up = follow_up
        self._free_slots = free_slots

    async def __call__(self) -> bool:
        """Claims as many as there are slots for; returns whether there may be more."""
        limit = min(LIMIT, self._free_slots())
        if limit <= 0:
            return False
        async with self._store.batch() as batch:
            gathered = await batch.gather_due(limit)
            decisions = [
                decision for thread in gathered.threads.values() if (decision := self._decide(thread, gathered))
            ]
            if not decisions:
                return False
            committed = await batch.commit(decisions)
        self._follow_up(decisions, committed)
        return len(gathered.threads) == limit

    def _decide(self, thread: Thread, gathered: Gathered) -> Decision | None:
        try:
            return decide(thread, [Wake()], self._context(gathered))
        except LateResult:
            # Somebody was at work on it between our look and our lock.
            return None
        except IllegalTransition:
            log.exception("thread_inconsistent", extra={"thread_id": thread.id})
            return None
