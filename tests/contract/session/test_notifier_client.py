"""How the session service hands messages over: whole, to whichever notifier is there, and never silently in vain."""

from __future__ import annotations

import pytest

from parley.notifier.v1 import notifier_pb2
from parley_chassis.errors import Unavailable
from parley_session.adapters.notifier_client import GrpcNotifier
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
