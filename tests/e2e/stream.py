"""A steady stream of texts to a stack, by people who wait for each answer before they write again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import psycopg

from tests.e2e.rig import Rig

PATIENCE = 50.0
"""Seconds that one waits for an answer: longer than a busy machine takes, and shorter than the leases here."""
PAUSE = 0.6
"""Seconds before one writes again, at the most: what starts beside them needs the machine too."""
SLOW = 0.3
"""Seconds that Twilio takes for a message, so that there is always one under way."""
CONVERSATION = 5
"""Texts of one participant: more than ten in a minute would be too many."""
GATEWAY_PATIENCE = {
    "PARLEY_GATEWAY_CALL_TIMEOUT": "5",
    "PARLEY_GATEWAY_TEXT_QUEUE": "5",
    "PARLEY_GATEWAY_ANSWER_TIMEOUT": "12",
}
"""A busy machine must not make a webhook fail; a process that refuses it would."""
PATIENT = {
    "PARLEY_SESSION_TURN_LEASE": "120",
    "PARLEY_NOTIFIER_LEASE": "120",
    "PARLEY_NOTIFIER_MARGIN": "40",
    "PARLEY_NOTIFIER_SETTLE": "240",
    "PARLEY_NOTIFIER_LIST_GAP": "60",
    "PARLEY_NOTIFIER_READ_TIMEOUT": "20",
    "PARLEY_NOTIFIER_SEND_TIMEOUT": "25",
    "PARLEY_AGENT_WORKERS": "6",
    **GATEWAY_PATIENCE,
}
"""Whoever waited for a lease to run out would wait longer than the people do."""


class Stream:
    def __init__(self, stack: Rig, people: int) -> None:
        self._stack = stack
        self._people = people
        self._numbers = count()
        self._chance = random.Random(11)
        self._stopping = False
        self.answered = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._people):
                group.create_task(self._chat())

    async def _chat(self) -> None:
        while not self._stopping:
            participant = f"+1666{next(self._numbers):07d}"
            for number in range(1, CONVERSATION + 1):
                if self._stopping:
                    return
                await self._stack.text(participant, f"text {number}", "slow")
                replies = await self._stack.replies(participant, number, PATIENCE)
                assert replies[-1] == f"{number}: text {number}"
                self.answered += 1
                await asyncio.sleep(self._chance.uniform(0.0, PAUSE))

    async def go_on(self, answers: int) -> None:
        """Returns when so many more texts have been answered."""
        wanted = self.answered + answers
        await self._stack.simulator.wait_until(lambda: self.answered >= wanted or None, PATIENCE)

    async def under_way(self) -> None:
        """Returns when some turns are being run and something is being sent."""
        query = """
          SELECT (SELECT count(*) FROM session.turns WHERE open AND claimed) >= 3
            AND (SELECT count(*) FROM notifier.deliveries WHERE state = 'claimed') >= 1
        """
        url = self._stack.database.admin_url
        async with asyncio.timeout(PATIENCE), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            while await (await connection.execute(query)).fetchone() != (True,):
                await asyncio.sleep(0.01)

    def stop(self) -> None:
        """Each still gets the answer that it waits for."""
        self._stopping = True


@asynccontextmanager
async def stream(stack: Rig, people: int = 8) -> AsyncIterator[Stream]:
    """Left: everybody has been answered, nothing is under way, and each webhook was taken at the first attempt."""
    texts = Stream(stack, people)
    stack.simulator.add_fault("slow", count=None, seconds=SLOW)
    # They would prove what a process has not marked.
    stack.simulator.add_fault("lose_callback", count=None)
    async with asyncio.TaskGroup() as group:
        group.create_task(texts.run())
        try:
            yield texts
        finally:
            texts.stop()
    await stack.settled()
    await stack.check()
    inbound = [hook for hook in stack.simulator.world.hooks if hook.kind != "status"]
    assert inbound
    assert Counter(hook.attempts for hook in inbound) == {("200",): len(inbound)}
