"""Sends one claimed text: at most once, within its lease, and never forgets what it found out."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from parley_chassis.batcher import BatcherClosed
from parley_chassis.errors import Unavailable
from parley_chassis.telemetry import Telemetry
from parley_notifier.domain.facts import Claim, Finding
from parley_notifier.domain.outcomes import ACCEPTED, ADOPTED, NOT_STARTED, Answer, Outcome, outcome_of
from parley_notifier.domain.terms import Terms
from parley_notifier.handlers.hold_claims import Claims
from parley_notifier.ports import Carrier

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0


class SendMessage:
    def __init__(
        self,
        carrier: Carrier,
        claims: Claims,
        terms: Terms,
        telemetry: Telemetry,
        mark: Callable[[Finding], Awaitable[object]],
        accepted: Callable[[str], None] = lambda sender: None,
        adopt: Callable[[Claim], Awaitable[str]] | None = None,
    ) -> None:
        """`accepted` is called with the sender of each text that Twilio has taken.

        `adopt` gives the sid of what a lost state of the database has sent for a claim, or nothing.
        """
        self._adopt = adopt
        self._accepted = accepted
        self._carrier = carrier
        self._claims = claims
        self._terms = terms
        self._telemetry = telemetry
        self._mark = mark
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False

    def start(self, claim: Claim, claimed: float) -> None:
        """`claimed` is a moment of the process's own clock before the lease began."""
        task = asyncio.create_task(self._run(claim, claimed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Begins no more sends; returns when those under way are over and marked."""
        self._draining = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, claim: Claim, claimed: float) -> None:
        finding: Finding | None = None
        try:
            finding = await self._send(claim, claimed)
        finally:
            self._claims.finish_send(finding)
        # Let go of untold, the claim would be taken for one that was never begun, and the text be sent again.
        if await self._tell(finding):
            self._claims.let_go(claim)

    async def _send(self, claim: Claim, claimed: float) -> Finding:
        began = time.monotonic()
        # A send that began later could outlive its lease, and somebody else could send the text as well.
        if self._draining or began - claimed > self._terms.lease - self._terms.margin:
            return Finding(claim, NOT_STARTED, Answer(left=False), began, began)
        if claim.may_be_sent and self._adopt is not None:
            try:
                sid = await self._adopt(claim)
            except Unavailable:
                return Finding(claim, NOT_STARTED, Answer(left=False), began, began)
            if sid:
                return Finding(claim, ADOPTED, Answer(sid=sid), began, time.monotonic())
            # That took its time: the lease is looked at once more.
            return await self._send(replace(claim, may_be_sent=False), claimed)
        answer = await self._ask(claim, claimed + self._terms.lease)
        outcome = outcome_of(answer)
        if outcome is ACCEPTED:
            self._accepted(claim.sender)
        else:
            _log(claim, outcome, answer)
        return Finding(claim, outcome, answer, began, time.monotonic(), random.random())  # noqa: S311

    async def _ask(self, claim: Claim, until: float) -> Answer:
        try:
            with self._telemetry.span("notifier.send_message", claim.traceparent, {"message_id": claim.delivery_id}):
                return await self._carrier.send(claim, until)
        except Exception:
            # A fault of ours says nothing about what Twilio has.
            log.exception("send_failed", extra={"message_id": claim.delivery_id})
            return Answer()

    async def _tell(self, finding: Finding) -> bool:
        """Whether somebody took it. If not, the claim stays held: its lease lapses, and the evidence settles it."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._mark(finding)
            except BatcherClosed:
                return False
            except Unavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception:
                log.exception("mark_failed", extra={"message_id": finding.claim.delivery_id})
                return False
            else:
                return True


def _log(claim: Claim, outcome: Outcome, answer: Answer) -> None:
    extra = {
        "outcome": outcome.name,
        "message_id": claim.delivery_id,
        "attempt": claim.attempt,
        "http_status": answer.http_status,
        "error_code": answer.error_code,
        "request_id": answer.request_id,
    }
    log.warning("send_not_accepted", extra=extra)
