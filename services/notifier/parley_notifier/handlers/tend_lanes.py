"""Looks after lanes whose wake time has come: ends lapsed leases, claims what waited, has the list looked at."""

from __future__ import annotations

from parley_notifier.domain.decision import Decision
from parley_notifier.handlers.decide_lanes import DecideLanes
from parley_notifier.handlers.hold_claims import Claims
from parley_notifier.ports import Batch, Gathered


class TendLanes:
    def __init__(self, decide: DecideLanes, claims: Claims, limit: int = 200, spare: int = 16) -> None:
        self._decide = decide
        self._claims = claims
        self._limit = limit
        self._spare = spare

    async def __call__(self) -> bool:
        """One round; True if there may be more to do at once."""
        doubtful = self._claims.take_doubtful()
        # Lanes that wait for a slot come first, and without one there is nothing to do for them.
        limit = min(self._claims.allowance + self._spare, self._limit)
        more = False

        async def gather(batch: Batch) -> Gathered:
            return await batch.gather_due(limit, doubtful)

        def apply(decision: Decision, gathered: Gathered) -> None:
            nonlocal more
            for lane in gathered.lanes.values():
                decision.tend(lane)
            more = len(gathered.lanes) >= limit
            self._claims.doubt(doubtful - gathered.lanes.keys())

        try:
            await self._decide(gather, apply)
        except BaseException:
            self._claims.doubt(doubtful)
            raise
        # Without a free slot another round would find the same lanes again.
        return more and self._claims.allowance > 0
