"""One window of load at one rate: what it cost, how late its answers were, and whether they kept up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench.load import Load
from bench.machine import Reading, percentiles
from bench.stack import Stack

SETTLE = 1.0
"""Seconds that the oldest text without an answer may be old at the end."""
SECONDS_BETWEEN_TEXTS = 6
DRAIN = 20.0


@dataclass(frozen=True)
class Window:
    """The figures of one window. `sustained`: nothing was refused, and at its end no text had waited a second."""

    rate: float
    seconds: float
    sustained: bool
    figures: Mapping[str, object]


async def measure(stack: Stack, rate: float, seconds: float) -> Window:
    """Texts the stack at `rate` for `seconds`, each participant once in SECONDS_BETWEEN_TEXTS."""
    participants = max(int(rate * SECONDS_BETWEEN_TEXTS), 20)
    load = Load(stack.account_sid, stack.token, stack.public_url, stack.numbers, participants, stack.next_participant)
    stack.next_participant += participants
    sink = stack.sink
    sent_before, failed_before = sink.total, sink.report_failures
    sink.report_latency.clear()
    before = Reading.take(stack.pids(), stack.database_url)
    began = time.monotonic()
    await load.run(rate, seconds)
    elapsed = time.monotonic() - began
    answered = sink.total - sent_before
    oldest = _oldest_unanswered(load, stack, time.monotonic())
    after = Reading.take(stack.pids(), stack.database_url)
    texts = int(rate * seconds)
    drained = await _drain(stack, load, sent_before + texts)
    await load.finish()
    figures: dict[str, object] = {
        "texts": texts,
        "answers_per_second": round(answered / elapsed, 1),
        "backlog_at_end": texts - answered,
        "oldest_pending_seconds": round(oldest, 2),
        "drained_seconds": round(drained, 2),
        "failed_webhooks": load.failures,
        "unanswered_after_drain": sent_before + texts - sink.total,
        "acknowledgement_ms": percentiles(load.acknowledgements),
        "webhook_to_post_ms": percentiles(_own_share(load, stack)),
        **after.per_turn(before, answered),
    }
    failed = load.failures + sink.report_failures - failed_before
    if sink.reports:
        figures["report_acknowledgement_ms"] = percentiles(sink.report_latency)
        figures["failed_reports"] = sink.report_failures - failed_before
    return Window(rate, seconds, oldest < SETTLE and not failed, figures)


async def _drain(stack: Stack, load: Load, expected: int) -> float:
    """Seconds until the last answer, or DRAIN."""
    began = time.monotonic()
    while stack.sink.total < expected and time.monotonic() - began < DRAIN:
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def _oldest_unanswered(load: Load, stack: Stack, now: float) -> float:
    waiting = [
        due[len(stack.sink.accepted[participant])]
        for participant, due in load.sent.items()
        if len(due) > len(stack.sink.accepted[participant])
    ]
    return now - min(waiting) if waiting else 0.0


def _own_share(load: Load, stack: Stack) -> list[float]:
    """From the moment a text was due to the POST of its answer, agent included: the bench's agent costs nothing."""
    return [
        accepted - due
        for participant, dues in load.sent.items()
        for due, (accepted, _) in zip(dues, stack.sink.accepted[participant], strict=False)
    ]
