"""Looking for attempts in Twilio's list: what waits to be looked for is not looked for twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from parley_notifier.domain.facts import Claim, Sighting
from parley_notifier.domain.outcomes import Answer
from parley_notifier.domain.settlement import Listing, Look
from parley_notifier.handlers.settle_unknown import LOOKS_AT_ONCE, SettleUnknown


class SlowList:
    """A carrier whose list takes until `answers` is set, and the store's part of a look."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.asked: Counter[str] = Counter()

    async def list_messages(self, look: Look) -> Listing:
        self.asked[look.delivery_id] += 1
        await self.answers.wait()
        return Listing((), complete=True)

    async def send(self, claim: Claim, until: float) -> Answer:
        raise AssertionError("a look sends nothing")

    async def known_sids(self, thread_id: str, delivery_id: str, sids: Sequence[str]) -> set[str]:
        return set()


def look(n: int, attempt: int = 1) -> Look:
    return Look(f"thread-{n}", f"delivery-{n}", attempt, 0.0, "+15550000001", f"+1666000{n:04d}", "hello")


async def test_looks_that_come_faster_than_the_list_answers_do_not_pile_up() -> None:
    slow, seen = SlowList(), list[Sighting]()

    async def mark(sighting: Sighting) -> None:
        seen.append(sighting)

    settle = SettleUnknown(slow, slow, mark)  # type: ignore[arg-type]
    deliveries = range(3 * LOOKS_AT_ONCE)
    for _ in range(5):
        for n in deliveries:
            settle.start(look(n))
        await asyncio.sleep(0)
    slow.answers.set()
    async with asyncio.timeout(30):
        while len(seen) < len(deliveries):
            await asyncio.sleep(0)
    await settle.close()
    assert set(slow.asked.values()) == {1}


async def test_another_attempt_and_a_look_after_the_last_are_looks_of_their_own() -> None:
    slow, seen = SlowList(), asyncio.Queue[Sighting]()
    slow.answers.set()
    settle = SettleUnknown(slow, slow, seen.put)  # type: ignore[arg-type]
    async with asyncio.timeout(30):
        settle.start(look(1))
        settle.start(look(1, attempt=2))
        assert {(await seen.get()).look.attempt, (await seen.get()).look.attempt} == {1, 2}
        await asyncio.sleep(0)
        settle.start(look(1))
        assert (await seen.get()).look.attempt == 1
    await settle.close()
