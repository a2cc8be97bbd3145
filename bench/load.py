"""Texts the gateway at a fixed rate, whatever the answers take: latency counts from the moment a text was due."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlencode, urlsplit

from bench.http11 import Client
from bench.signing import signature

PATH = "/twilio/sms"


@dataclass
class Load:
    """One window of load. `sent` holds for each participant when each of its texts was due."""

    account_sid: str
    token: str
    public_url: str
    numbers: list[str]
    participants: int
    first: int = 0
    """The first participant's number: windows that must not meet take different ones."""
    sent: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    acknowledgements: list[float] = field(default_factory=list)
    failures: int = 0

    def __post_init__(self) -> None:
        parts = urlsplit(self.public_url)
        self._client = Client(parts.hostname or "", parts.port or 80)
        self._sids = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._texts = 0

    async def run(self, rate: float, seconds: float) -> None:
        """Texts at `rate` per second for `seconds`; returns when the last text is due, not answered."""
        begin = time.monotonic()
        loop = asyncio.get_running_loop()
        for n in range(int(rate * seconds)):
            due = begin + n / rate
            pause = due - time.monotonic()
            if pause > 0.001:
                await asyncio.sleep(pause)
            task = loop.create_task(self._text(due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Waits for the answers to all texts."""
        while self._tasks:
            await asyncio.gather(*self._tasks)
        self._client.close()

    async def _text(self, due: float) -> None:
        self._texts += 1
        index = self.first + self._texts % self.participants
        participant, number = f"+1666{index:07d}", self.numbers[index % len(self.numbers)]
        sid = f"SM{time.time_ns():024x}{next(self._sids):08x}"
        fields = _fields(self.account_sid, sid, participant, number, f"text {self._texts}")
        headers = f"X-Twilio-Signature: {signature(self.token, self.public_url + PATH, fields)}\r\n"
        self.sent[participant].append(due)
        status = await self._client.post(PATH, headers, urlencode(fields).encode())
        self.acknowledgements.append(time.monotonic() - due)
        self.failures += status != 200


def _fields(account_sid: str, sid: str, participant: str, number: str, body: str) -> dict[str, str]:
    return {
        "ToCountry": "US",
        "ToState": "",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ToCity": "",
        "FromZip": "",
        "SmsSid": sid,
        "FromState": "",
        "SmsStatus": "received",
        "FromCity": "",
        "Body": body,
        "FromCountry": "US",
        "To": number,
        "ToZip": "",
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": account_sid,
        "From": participant,
        "ApiVersion": "2010-04-01",
    }
