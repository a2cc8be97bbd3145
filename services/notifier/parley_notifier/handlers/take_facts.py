"""Takes in whatever bears on a lane, all kinds in one batch: texts, findings, looks at the list, callbacks, opt-outs.

One kind of batch costs one commit where four would cost four, and is the fuller for it. What concerns a lane that
somebody else holds goes to a batch of its own, which waits: a process that stands still holds up nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from parley_notifier.domain.decision import Decision
from parley_notifier.domain.facts import Fact, Finding, Report, Sighting, Submission
from parley_notifier.domain.opt_out import OptOut
from parley_notifier.handlers.decide_lanes import DecideLanes, Recorded
from parley_notifier.ports import Gathered, Store, Wanted

log = logging.getLogger(__name__)

Later = asyncio.Future[Any]
"""What is left to wait for when a fact has been taken; it may in turn result in a Later."""


async def taken(later: Later | None) -> None:
    """Returns when nothing is left to wait for."""
    while later is not None:
        later = await later


class LanesMissing(Exception):
    """Texts arrived ahead of the first of their threads."""


class TakeFacts:
    """`put_off` takes a fact whose lane is busy; without it busy lanes are waited for, as opt-outs have to."""

    def __init__(self, decide: DecideLanes, store: Store, put_off: Callable[[Fact], Later] | None = None) -> None:
        self._decide = decide
        self._store = store
        self._put_off = put_off

    async def __call__(self, facts: Sequence[Fact]) -> Sequence[Later | None]:
        """Stores the facts and what follows from them, but for those that are put off.

        A report is taken when the session service has been told, or will be for certain.
        """
        wanted = _wanted(facts)
        application = _Application(facts)
        try:
            recorded = await self._run(wanted, application)
        except LanesMissing:
            await self._store.create_lanes(wanted.submissions)
            application = _Application(facts, lanes_created=True)
            recorded = await self._run(wanted, application)
        return [self._later(fact, index in application.busy, recorded) for index, fact in enumerate(facts)]

    async def _run(self, wanted: Wanted, application: _Application) -> Mapping[str, Recorded]:
        wait = self._put_off is None
        return await self._decide(lambda batch: batch.gather(wanted, wait=wait), application)

    def _later(self, fact: Fact, busy: bool, recorded: Mapping[str, Recorded]) -> Later | None:
        if busy and self._put_off is not None:
            return self._put_off(fact)
        return recorded.get(fact.delivery_id) if isinstance(fact, Report) else None


def _wanted(facts: Sequence[Fact]) -> Wanted:
    wanted = Wanted()
    for fact in facts:
        match fact:
            case Submission():
                wanted.submissions.append(fact)
            case Finding(claim=about) | Sighting(look=about):
                wanted.deliveries[about.delivery_id] = about.thread_id
            case Report():
                wanted.reported.add(fact.delivery_id)
            case OptOut():
                wanted.opt_outs.append(fact)
    return wanted


class _Application:
    """Brings each fact before the decision, with the lane and the delivery that it is about.

    `busy` are the places of the facts that could not be, because somebody else holds their lanes.
    """

    def __init__(self, facts: Sequence[Fact], lanes_created: bool = False) -> None:
        self._facts = facts
        self._lanes_created = lanes_created
        self.busy: set[int] = set()

    def __call__(self, decision: Decision, gathered: Gathered) -> None:
        for index, fact in enumerate(self._facts):
            match fact:
                case Submission():
                    applied = self._submit(decision, gathered, fact)
                case Finding() | Sighting():
                    applied = self._learn(decision, gathered, fact)
                case Report():
                    applied = self._report(decision, gathered, fact)
                case OptOut():
                    lanes = gathered.lanes.values()
                    decision.opt_out(fact, [lane for lane in lanes if lane.participant == fact.participant])
                    applied = True
            if not applied:
                self.busy.add(index)

    def _submit(self, decision: Decision, gathered: Gathered, submission: Submission) -> bool:
        if submission.thread_id in gathered.busy:
            return False
        lane = gathered.lanes.get(submission.thread_id)
        if lane is None and not self._lanes_created:
            raise LanesMissing
        delivery = decision.submit(lane, submission, gathered.deliveries.get(submission.message_id))
        if delivery is not None:
            # The same text may stand in one batch twice.
            gathered.deliveries[delivery.id] = delivery
        return True

    def _learn(self, decision: Decision, gathered: Gathered, fact: Finding | Sighting) -> bool:
        about = fact.claim if isinstance(fact, Finding) else fact.look
        if about.thread_id in gathered.busy:
            return False
        lane, delivery = gathered.lanes.get(about.thread_id), gathered.deliveries.get(about.delivery_id)
        if lane is not None and delivery is not None:
            if isinstance(fact, Finding):
                decision.find(lane, delivery, fact)
            else:
                decision.see(lane, delivery, fact)
        return True

    def _report(self, decision: Decision, gathered: Gathered, report: Report) -> bool:
        delivery = gathered.deliveries.get(report.delivery_id)
        if delivery is None:
            log.info("report_dropped", extra={"message_id": report.delivery_id, "status": report.status})
            return True
        lane = gathered.lanes.get(delivery.thread_id)
        if lane is None:
            return False
        decision.report(lane, delivery, report)
        return True
