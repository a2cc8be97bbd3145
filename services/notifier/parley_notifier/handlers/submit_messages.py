"""Submit: takes texts in, and claims at once what is at the head of its lane."""

from __future__ import annotations

from collections.abc import Sequence

from parley_notifier.domain.decision import Decision
from parley_notifier.domain.facts import Submission
from parley_notifier.handlers.decide_lanes import DecideLanes
from parley_notifier.ports import Evidence, Gathered


class SubmitMessages:
    def __init__(self, decide: DecideLanes) -> None:
        self._decide = decide

    async def __call__(self, submissions: Sequence[Submission]) -> Sequence[None]:
        def apply(decision: Decision, gathered: Gathered) -> Evidence:
            known = gathered.deliveries
            for submission in submissions:
                lane = gathered.lanes.get(submission.thread_id)
                delivery = decision.submit(lane, submission, known.get(submission.message_id))
                if delivery is not None:
                    # The same text may stand in one batch twice.
                    known[delivery.id] = delivery
            return Evidence()

        await self._decide(lambda batch: batch.gather_for(submissions), apply)
        return [None] * len(submissions)
