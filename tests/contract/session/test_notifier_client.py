"""How the session service hands messages over: whole, to whichever notifier is there, and never silently in vain."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import grpc
import pytest

from parley.notifier.v1 import notifier_pb2
from parley_chassis.batcher import Batcher
from parley_chassis.errors import Unavailable
from parley_session.adapters.notifier_client import GrpcNotifier
from parley_session.errors import SubmitRefused
from parley_session.ports import Submission
from tests.contract.session.scripted_agent import DEVELOPMENT
from tests.integration.session.services import KeepingNotifier, notifier_running

SUBMISSION = Submission("message", "thread", 3, "+15550100", "+15550111", "hello", "00-trace")


async def submit(*addresses: str) -> None:
    client = GrpcNotifier(addresses, DEVELOPMENT)
    try:
        await client.submit([SUBMISSION], [])
    finally:
        await client.close()


async def test_a_message_is_handed_over_whole() -> None:
    notifier = KeepingNotifier()
    async with notifier_running(notifier) as address:
        await submit(address)
    assert notifier.submissions == [
        notifier_pb2.Submission(
            message_id="message",
            thread_id="thread",
            seq=3,
            sender="+15550100",
            participant="+15550111",
            text="hello",
            traceparent="00-trace",
        )
    ]


async def test_a_notifier_that_is_away_is_replaced_by_another() -> None:
    there = KeepingNotifier()
    async with notifier_running(KeepingNotifier(away=True)) as one, notifier_running(there) as other:
        await submit(one, other)
    assert len(there.submissions) == 1


async def test_a_hand_over_that_nobody_took_is_told() -> None:
    async with notifier_running(KeepingNotifier(away=True)) as address:
        with pytest.raises(Unavailable):
            await submit(address)


@dataclass
class Particular(KeepingNotifier):
    """Refuses a whole call for one submission that it cannot read."""

    async def Submit(self, request: notifier_pb2.SubmitRequest, context: Any) -> notifier_pb2.SubmitResponse:
        if any(submission.text == "bad" for submission in request.submissions):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "what?")
        return await super().Submit(request, context)


async def test_a_message_that_the_notifier_refuses_holds_up_no_other() -> None:
    notifier = Particular()
    texts = [replace(SUBMISSION, seq=seq, text="bad" if seq == 3 else "good") for seq in range(1, 8)]
    async with notifier_running(notifier) as address:
        client = GrpcNotifier([address], DEVELOPMENT)

        async def hand_over(batch: list[Submission]) -> list[None]:
            await client.submit(batch, [])
            return [None] * len(batch)

        try:
            batcher = Batcher(hand_over)
            told = await asyncio.gather(*map(batcher.put, texts), return_exceptions=True)
        finally:
            await client.close()
    assert [isinstance(one, SubmitRefused) for one in told] == [seq == 3 for seq in range(1, 8)]
    assert [submission.seq for submission in notifier.submissions] == [1, 2, 4, 5, 6, 7]
