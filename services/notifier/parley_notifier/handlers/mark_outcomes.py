"""Writes down what senders found out and what looks at Twilio's list showed, and moves the lanes on."""

from __future__ import annotations

import time
from collections.abc import Sequence

from parley_notifier.domain.decision import Decision
from parley_notifier.domain.facts import Finding, Sighting
from parley_notifier.handlers.decide_lanes import DecideLanes
from parley_notifier.ports import Attempt, Evidence, Gathered

Mark = Finding | Sighting


class MarkOutcomes:
    def __init__(self, decide: DecideLanes) -> None:
        self._decide = decide

    async def __call__(self, marks: Sequence[Mark]) -> Sequence[None]:
        def apply(decision: Decision, gathered: Gathered) -> Evidence:
            # The two clocks meet here: what is measured on ours is told on the database's.
            offset = decision.now - time.monotonic()
            attempts: dict[tuple[str, int], Attempt] = {}
            for mark in marks:
                about = mark.claim if isinstance(mark, Finding) else mark.look
                lane = gathered.lanes.get(about.thread_id)
                delivery = gathered.deliveries.get(about.delivery_id)
                if lane is None or delivery is None:
                    continue
                if isinstance(mark, Finding):
                    decision.find(lane, delivery, mark)
                    attempts[about.delivery_id, about.attempt] = _attempt(mark, offset)
                else:
                    decision.see(lane, delivery, mark.look, mark.sid, mark.asked + offset)
            return Evidence(attempts=list(attempts.values()))

        abouts = [mark.claim if isinstance(mark, Finding) else mark.look for mark in marks]
        await self._decide(lambda batch: batch.gather([(a.thread_id, a.delivery_id) for a in abouts]), apply)
        return [None] * len(marks)


def _attempt(finding: Finding, offset: float) -> Attempt:
    claim = finding.claim
    began, ended = finding.began + offset, finding.ended + offset
    return Attempt(claim.delivery_id, claim.attempt, began, ended, finding.outcome.name, finding.answer)
