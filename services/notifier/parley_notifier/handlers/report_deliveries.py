"""ReportDeliveries: stores Twilio's status callbacks, and settles by them what was not known."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from parley_notifier.domain.decision import Decision
from parley_notifier.domain.facts import Report
from parley_notifier.handlers.decide_lanes import DecideLanes, Recorded
from parley_notifier.ports import Evidence, Gathered

log = logging.getLogger(__name__)


class ReportDeliveries:
    def __init__(self, decide: DecideLanes) -> None:
        self._decide = decide

    async def __call__(self, reports: Sequence[Report]) -> Sequence[Recorded | None]:
        """Stores the reports; each result resolves when the session service has been told, or will be for certain.

        None for a report whose delivery is not known: it is dropped.
        """

        def apply(decision: Decision, gathered: Gathered) -> Evidence:
            known = []
            for report in reports:
                delivery = gathered.deliveries.get(report.delivery_id)
                if delivery is None:
                    log.info("report_dropped", extra={"message_id": report.delivery_id, "status": report.status})
                else:
                    decision.report(gathered.lanes[delivery.thread_id], delivery, report)
                    known.append(report)
            return Evidence(reports=known)

        recorded = await self._decide(
            lambda batch: batch.gather_reported({report.delivery_id for report in reports}), apply
        )
        return [recorded.get(report.delivery_id) for report in reports]
