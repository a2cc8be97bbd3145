"""Hands messages over again whose outcome has not come back: the first hand-over, or its answer, was lost."""

from __future__ import annotations

from collections.abc import Callable

from parley_session.ports import Submission, ThreadStore

LIMIT = 200


class RelayOutbox:
    def __init__(self, store: ThreadStore, hand_over: Callable[[Submission], object]) -> None:
        self._store = store
        self._hand_over = hand_over

    async def __call__(self) -> bool:
        """Hands over what is due; returns whether there may be more."""
        submissions = await self._store.take_unsubmitted(LIMIT)
        for submission in submissions:
            self._hand_over(submission)
        return len(submissions) == LIMIT
