"""The people: conversations of several texts and bursts, opt-outs, and callers of the HTTP API who ask again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.chaos.history import Journal
from tests.chaos.rig import AGENT, NUMBERS, SHARING, Rig

API_PATIENCE = 60.0


@dataclass(frozen=True)
class Habits:
    """Shares, of participants or of what they do."""

    bursts: float = 0.3
    largest_burst: int = 3
    stops: float = 0.08
    starts: float = 0.3
    """Of those who said STOP."""
    outbound: float = 0.1
    persons: float = 0.3
    """Of the pauses in a conversation that we began."""
    twice: float = 0.5
    """Of those at numbers of the shared scope, who write to two of them."""


@dataclass
class Injector:
    """`seconds` is how long conversations may take to be over; they begin within the first two thirds."""

    rig: Rig
    journal: Journal
    seed: int
    conversations: int
    seconds: float
    habits: Habits
    texts: int = 0

    async def run(self) -> None:
        chance = random.Random(self.seed)
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as group:
            for n in range(self.conversations):
                person = Person(self, n, random.Random(chance.random()), http)
                group.create_task(person.live(chance.uniform(0, self.seconds * 0.66)))
            group.create_task(self._forge(http))

    async def text(self, participant: str, number: str, body: str) -> None:
        """A text that Twilio has from now on, and what came of its webhook."""
        self.texts += 1
        inbound = await self.rig.simulator.text(participant, number, body)
        if inbound.outcome in ("delivered", "fallback"):
            self.journal.write("acknowledged", sid=inbound.message.sid)
        else:
            self.journal.write("unacknowledged", sid=inbound.message.sid)
        self.rig.count(f"webhook {inbound.outcome}")

    async def _forge(self, http: aiohttp.ClientSession) -> None:
        """Webhooks that Twilio never sent."""
        for n in range(10):
            await asyncio.sleep(self.seconds / 12)
            sid = f"SM{n:032x}"
            self.journal.write("forged", sid=sid)
            form = {"MessageSid": sid, "AccountSid": self.rig.layout.account_sid, "Body": f"forged-{n}"}
            form |= {"From": "+15557770000", "To": NUMBERS[0]}
            url = f"{self.rig.layout.public_url}/twilio/sms"
            try:
                async with http.post(url, data=form, headers={"X-Twilio-Signature": "AAAA"}) as answer:
                    self.rig.count(f"forged {answer.status}")
            except (aiohttp.ClientError, TimeoutError):
                self.rig.count("forged without answer")


@dataclass
class Person:
    """One participant with one of our numbers, sometimes with two that share their opt-outs."""

    injector: Injector
    n: int
    chance: random.Random
    http: aiohttp.ClientSession

    def __post_init__(self) -> None:
        self.participant = f"+1666{self.n:07d}"
        self.number = NUMBERS[self.n % len(NUMBERS)]
        self._next = 0

    def token(self) -> str:
        self._next += 1
        return f"w{self.n}.{self._next}"

    def happens(self, share: float) -> bool:
        return self.chance.random() < share

    async def live(self, pause: float) -> None:
        await asyncio.sleep(pause)
        numbers = [self.number]
        if self.number in SHARING and self.happens(self.injector.habits.twice):
            numbers.append(SHARING[(SHARING.index(self.number) + 1) % len(SHARING)])
        session = ""
        if self.happens(self.injector.habits.outbound):
            session = await self._begin_outbound()
        gap = self.injector.seconds / 3 / 6
        for _ in range(self.chance.randint(2, 4)):
            await self._say(numbers)
            if session and self.happens(self.injector.habits.persons):
                await self._send_as_person(session)
            await asyncio.sleep(self.chance.uniform(0, gap))
        if self.happens(self.injector.habits.stops):
            await self._opt_out(numbers)

    async def _say(self, numbers: list[str]) -> None:
        habits = self.injector.habits
        burst = self.chance.randint(2, habits.largest_burst) if self.happens(habits.bursts) else 1
        async with asyncio.TaskGroup() as group:
            for _ in range(burst):
                number = self.chance.choice(numbers)
                group.create_task(self.injector.text(self.participant, number, self.token()))

    async def _opt_out(self, numbers: list[str]) -> None:
        """STOP while answers are still on their way; some come back."""
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(self.injector.text(self.participant, number, self.token()))
            group.create_task(self.injector.text(self.participant, numbers[0], "STOP"))
        if self.happens(self.injector.habits.starts):
            await asyncio.sleep(self.chance.uniform(0.2, 1.5))
            await self.injector.text(self.participant, numbers[0], "START")
            await self.injector.text(self.participant, numbers[0], self.token())

    async def _begin_outbound(self) -> str:
        token = self.token()
        body = {"user_number": self.participant, "message": token, "agent_number": self.number}
        answer = await self._ask("/v1/outbound-sms", f"start-{self.n}", token, body)
        return str(answer.get("session_id", ""))

    async def _send_as_person(self, session: str) -> None:
        token = self.token()
        await self._ask(f"/v1/sessions/{session}/messages", f"person-{token}", token, {"text": token})

    async def _ask(self, path: str, key: str, token: str, body: dict[str, str]) -> dict[str, Any]:
        """Repeats the call under its key until it is answered, and once more then: it must come to the same."""
        rig, journal = self.injector.rig, self.injector.journal
        headers = {"Authorization": f"Bearer {rig.http_key}", "X-TOKEN-ID": AGENT, "Idempotency-Key": key}
        loop = asyncio.get_running_loop()
        give_up, answers = loop.time() + API_PATIENCE, 0
        found: dict[str, Any] = {}
        while loop.time() < give_up and answers < 2:
            journal.write("asked", key=key, token=token)
            try:
                url = f"{rig.layout.public_url}{path}"
                async with self.http.post(url, json=body, headers=headers) as answer:
                    if answer.status == 202:
                        found = await answer.json()
                        journal.write("asked", key=key, token=token, message=found["message_id"])
                        answers += 1
                        continue
                    rig.count(f"api {answer.status}")
                    if answer.status < 500 and answer.status != 429:
                        return found
            except (aiohttp.ClientError, TimeoutError):
                rig.count("api without answer")
            await asyncio.sleep(0.3)
        return found
