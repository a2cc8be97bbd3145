"""Hands over again what the notifier is not known to have: the first hand-over, or its answer, was lost."""

from __future__ import annotations

from collections.abc import Callable

from parley_session.ports import HandOver, ThreadStore

LIMIT = 200


class RelayOutbox:
    """`waiting` is how many hand-overs wait already: behind many, all that is due stays where it is kept anyway."""

    def __init__(
        self, store: ThreadStore, hand_over: Callable[[HandOver], object], waiting: Callable[[], int] = lambda: 0
    ) -> None:
        self._store = store
        self._hand_over = hand_over
        self._waiting = waiting

    async def __call__(self) -> bool:
        """Hands over what is due; returns whether there may be more."""
        if self._waiting() >= LIMIT:
            return False
        opt_outs = await self._store.take_unsubmitted_opt_outs(LIMIT)
        submissions = await self._store.take_unsubmitted(LIMIT)
        for opt_out in opt_outs:
            self._hand_over(opt_out)
        for submission in submissions:
            self._hand_over(submission)
        return LIMIT in (len(opt_outs), len(submissions))
