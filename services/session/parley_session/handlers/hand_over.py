"""Hands messages and opt-outs to the notifier, and remembers which opt-outs it has."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from parley_session.errors import SubmitRefused
from parley_session.ports import HandOver, Notifier, OptOutNotice, Submission, ThreadStore

log = logging.getLogger(__name__)


class HandOverBatch:
    """Takes a batch; returns once the notifier has stored it."""

    def __init__(self, notifier: Notifier, store: ThreadStore) -> None:
        self._notifier = notifier
        self._store = store

    async def __call__(self, items: Sequence[HandOver]) -> list[None]:
        submissions = [item for item in items if isinstance(item, Submission)]
        # A text behind a START goes with it: the START itself may be on another way, or in a process that has died, and
        # a text that overtook it would never be sent.
        said = [submission.said for submission in submissions if submission.said]
        opt_outs = list(dict.fromkeys([*(item for item in items if isinstance(item, OptOutNotice)), *said]))
        try:
            await self._notifier.submit(submissions, opt_outs)
        except SubmitRefused:
            if len(items) == 1:
                # It comes again with growing pauses; somebody has to see why.
                log.error("hand_over_refused", extra={"message_ids": [text.message_id for text in submissions]})
            raise
        if opt_outs:
            await self._store.finish_opt_outs(opt_outs)
        return [None] * len(items)
