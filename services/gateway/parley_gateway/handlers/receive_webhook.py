"""Takes a participant's text from Twilio and answers only once it is stored."""

from __future__ import annotations

import logging
import time

from parley_chassis.logs import Pseudonyms
from parley_chassis.telemetry import Telemetry, is_sampled
from parley_gateway.domain.inbound import Inbound, inbound_fields, parse_inbound, primary_failure
from parley_gateway.domain.refusals import Malformed
from parley_gateway.domain.webhook import Webhook
from parley_gateway.errors import NumberNotRegistered
from parley_gateway.handlers.open_webhook import OpenWebhook
from parley_gateway.ports import Outcome, Sessions

log = logging.getLogger(__name__)


class ReceiveWebhook:
    """Serves the inbound webhook, and its fallback, which brings the same fields and what went wrong before."""

    def __init__(
        self, open_webhook: OpenWebhook, sessions: Sessions, telemetry: Telemetry, pseudonym: Pseudonyms
    ) -> None:
        self._open = open_webhook
        self._sessions = sessions
        self._telemetry = telemetry
        self._pseudonym = pseudonym

    async def __call__(self, webhook: Webhook) -> None:
        """Returns when the text is stored. Raises a Refusal, or a ParleyError if it is not known to be stored."""
        received_ns = time.time_ns()
        fields = inbound_fields(self._open(webhook))
        traceparent = self._telemetry.new_trace()
        if not is_sampled(traceparent):
            inbound = parse_inbound(fields, received_ns, traceparent)
            await self._hand_over(inbound)
        else:
            # Only what is signed comes here, and Twilio's own name of a text says nothing about anybody.
            named = {"message_sid": fields.get("MessageSid", "")}
            with self._telemetry.span("gateway.receive_webhook", traceparent, named) as own:
                inbound = parse_inbound(fields, received_ns, own)
                await self._hand_over(inbound)
        if failure := primary_failure(fields):
            log.warning(
                "primary_webhook_failed",
                extra={
                    "message_sid": inbound.source_id,
                    "error_code": failure.error_code,
                    "error_url": failure.error_url,
                },
            )

    async def _hand_over(self, inbound: Inbound) -> None:
        outcome = await self._sessions.receive(inbound)
        if outcome is Outcome.STORED:
            return
        details = {"message_sid": inbound.source_id, "number": self._pseudonym(inbound.endpoint)}
        if outcome is Outcome.UNKNOWN_NUMBER:
            log.warning("number_not_registered", extra=details)
            raise NumberNotRegistered
        log.warning("message_refused", extra=details)
        raise Malformed("message", "was refused by the session service")
