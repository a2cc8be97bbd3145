"""The way every change of a lane takes: gather under lock, decide, commit, and only then do what follows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from parley_notifier.domain.decision import Decision
from parley_notifier.domain.facts import Claim, Notice
from parley_notifier.domain.reports import Record
from parley_notifier.domain.sender import Senders
from parley_notifier.domain.settlement import Look
from parley_notifier.domain.terms import Terms
from parley_notifier.handlers.hold_claims import Claims
from parley_notifier.ports import Batch, Gathered, Store

log = logging.getLogger(__name__)

Recorded = asyncio.Future[None]

GATE_LOOK = 60.0


@dataclass(frozen=True, slots=True)
class FollowUps:
    """Who does what a decision asks for. None of it waits."""

    send: Callable[[Claim, float], None]
    """With the time, on the process's own clock, before which the lease cannot have begun."""
    look: Callable[[Look], None]
    record: Callable[[Record], Recorded]
    heed: Callable[[Notice], None] = lambda notice: None
    delivered: Callable[[str], None] = lambda sender: None
    """With the sender of a text that has arrived."""
    saw: Callable[[int], None] = lambda position: None
    """With how far the database's log is on disk."""


class DecideLanes:
    def __init__(self, store: Store, claims: Claims, terms: Terms, follow_ups: FollowUps) -> None:
        self._store = store
        self._claims = claims
        self._terms = terms
        self._follow_ups = follow_ups

    async def __call__(
        self,
        gather: Callable[[Batch], Awaitable[Gathered]],
        apply: Callable[[Decision, Gathered], None],
    ) -> Mapping[str, Recorded]:
        """Decides one batch. Returns, by delivery id, what comes of telling the session service.

        Raises Unavailable when the database does not answer. A commit that took place all the same has begun
        nothing: what it claimed is an orphan of this process, which the next look at its lane takes up.
        """
        began = time.monotonic()
        taken: list[Claim] = []
        try:
            async with self._store.batch() as batch:
                gathered = await gather(batch)
                self._follow_ups.saw(gathered.passage.position)
                decision = self._decision(gathered)
                apply(decision, gathered)
                decision.conclude()
                taken = decision.claims
                self._claims.take(taken)
                if decision.changes_anything:
                    await batch.commit(decision)
        except BaseException:
            self._claims.withdraw(taken)
            raise
        return self._follow(decision, began)

    def _decision(self, gathered: Gathered) -> Decision:
        return Decision(
            now=gathered.now,
            clock=time.monotonic(),
            terms=self._terms,
            owner=self._claims.owner,
            allowance=self._claims.allowance,
            held=self._claims.held,
            known_opt_outs=gathered.opt_outs,
            senders=Senders(gathered.senders, gathered.now + self._closed_for(gathered)),
            may_be_sent=gathered.passage.has_orphans,
        )

    def _closed_for(self, gathered: Gathered) -> float:
        """Seconds; a lane that waits behind a closed gate is looked at again after as many, or woken when it opens."""
        return self._claims.closed_for if gathered.passage.is_open else GATE_LOOK

    def _follow(self, decision: Decision, began: float) -> Mapping[str, Recorded]:
        for claim in decision.claims:
            self._follow_ups.send(claim, began)
        for look in decision.looks:
            self._follow_ups.look(look)
        if decision.starved:
            self._claims.starve()
        for notice in decision.notices:
            self._follow_ups.heed(notice)
        for sender in decision.delivered:
            self._follow_ups.delivered(sender)
        for alarm, delivery_id in decision.alarms:
            log.error(alarm.value, extra={"message_id": delivery_id})
        return {delivery_id: self._follow_ups.record(record) for delivery_id, record in decision.records.items()}
