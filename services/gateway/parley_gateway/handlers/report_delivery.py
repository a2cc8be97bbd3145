"""Takes a status callback from Twilio and answers only once the notifier has stored what it says."""

from __future__ import annotations

import time

from parley_gateway.domain.report import parse_report
from parley_gateway.domain.webhook import Webhook
from parley_gateway.handlers.open_webhook import OpenWebhook
from parley_gateway.ports import Deliveries


class ReportDelivery:
    def __init__(self, open_webhook: OpenWebhook, deliveries: Deliveries) -> None:
        self._open = open_webhook
        self._deliveries = deliveries

    async def __call__(self, webhook: Webhook) -> None:
        """Returns when the report is stored. Raises a Refusal, or a ParleyError if it is not known to be stored."""
        received_ns = time.time_ns()
        await self._deliveries.report(parse_report(self._open(webhook), webhook.delivery_id, received_ns))
