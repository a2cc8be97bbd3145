"""Commits what became of turns: replies, state and the next turn in one transaction, or nothing for a late result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from parley_session.domain.decide import decide
from parley_session.domain.effects import Decision
from parley_session.domain.events import Absence, Answer, Context, Failure
from parley_session.domain.machine import IllegalTransition, LateResult
from parley_session.handlers.follow_up import FollowUp
from parley_session.ports import Gathered, ThreadKey, ThreadStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TurnResult:
    key: ThreadKey = field(repr=False)
    event: Answer | Failure | Absence
    traceparent: str = ""


class CommitTurns:
    """Takes a batch; returns for each item whether its result counted."""

    def __init__(self, store: ThreadStore, context: Callable[[Gathered], Context], follow_up: FollowUp) -> None:
        self._store = store
        self._context = context
        self._follow_up = follow_up

    async def __call__(self, items: Sequence[TurnResult]) -> list[bool]:
        async with self._store.batch() as batch:
            gathered = await batch.gather(list({item.key: None for item in items}))
            decisions: dict[ThreadKey, Decision] = {}
            counted = [self._decide(item, gathered, decisions) for item in items]
            if not decisions:
                return counted
            committed = await batch.commit(list(decisions.values()))
        self._follow_up(list(decisions.values()), committed)
        return counted

    def _decide(self, item: TurnResult, gathered: Gathered, decisions: dict[ThreadKey, Decision]) -> bool:
        thread = gathered.threads.get(item.key)
        if thread is None or item.key in decisions:
            # A thread has one open turn, so a second result in a batch is that of an older claim.
            return False
        try:
            decisions[item.key] = decide(thread, [item.event], self._context(gathered))
        except LateResult:
            log.info("result_late", extra={"turn_id": item.event.turn_id, "fence": item.event.fence})
        except IllegalTransition:
            log.exception("thread_inconsistent", extra={"thread_id": thread.id})
        return item.key in decisions
