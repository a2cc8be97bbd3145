"""A participant's phone for the commands: texts through the simulated Twilio, and waits for what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from parley_cli.stack.stack_file import NoStack

AWAY = "the simulated Twilio does not answer: is `parley up` still running?"


@dataclass(frozen=True, slots=True)
class Bubble:
    """A text that reached the phone. `index` grows with the order in which Twilio accepted texts."""

    index: int
    body: str = field(repr=False)
    status: str
    automatic: bool


class Phone:
    """One participant, in touch with one of our numbers, or with all of them: then it can only wait."""

    def __init__(self, http: aiohttp.ClientSession, participant: str, number: str | None) -> None:
        self._http = http
        self.participant = participant
        self.number = number
        self._seen = 0

    async def text(self, body: str) -> str:
        """Sends a text; returns what became of its webhook (`delivered`, or how it was lost)."""
        inbound = {"from": self.participant, "to": self.number, "body": body}
        async with self._http.post("/inbound", json=inbound) as response:
            answer = await response.json()
            if response.status != 201:
                raise NoStack(answer["detail"])
        self._seen = max(self._seen, answer["index"])
        return str(answer["outcome"])

    async def catch_up(self) -> None:
        """Passes over what has come so far."""
        await self.replies(timeout=0)

    async def replies(self, count: int = 1, timeout: float = 15.0) -> list[Bubble]:
        """The texts that came since our last one or the last look, once there are `count`, or after `timeout`."""
        query = {**self._unseen(), "count": str(count), "timeout": str(timeout)}
        async with self._http.get("/wait", params=query) as response:
            messages = (await response.json())["messages"]
        bubbles = _bubbles(messages)
        self._seen = max([self._seen, *(bubble.index for bubble in bubbles)])
        return bubbles

    async def automatic(self) -> list[Bubble]:
        """What Twilio itself has answered since our last text or the last look: it does so before anybody is told."""
        query = {**self._unseen(), "direction": "outbound", "automatic": "true"}
        async with self._http.get("/messages", params=query) as response:
            return _bubbles((await response.json())["messages"])

    def _unseen(self) -> dict[str, str]:
        number = {"number": self.number} if self.number else {}
        return {"participant": self.participant, "after": str(self._seen), **number}


def _bubbles(messages: list[dict[str, Any]]) -> list[Bubble]:
    return [Bubble(m["index"], m["body"], m["status"], m["automatic"]) for m in messages]


@asynccontextmanager
async def phone(control_url: str, participant: str, number: str | None) -> AsyncIterator[Phone]:
    async with aiohttp.ClientSession(control_url) as http:
        try:
            yield Phone(http, participant, number)
        except aiohttp.ClientConnectionError:
            raise NoStack(AWAY) from None


async def own_number(control_url: str, number: str) -> None:
    """Lets the simulated account own the number. Raises NoStack when it is none, or nobody answers."""
    async with aiohttp.ClientSession(control_url) as http:
        try:
            async with http.get("/numbers") as response:
                owned = {item["phone_number"] for item in (await response.json())["numbers"]}
            if number in owned:
                return
            async with http.post("/numbers", json={"phone_number": number}) as response:
                if response.status != 201:
                    raise NoStack((await response.json())["detail"])
        except aiohttp.ClientConnectionError:
            raise NoStack(AWAY) from None
