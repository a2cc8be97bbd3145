"""The Twilio of the bench: takes messages as fast as it can, notes when, and reports on them if asked to."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qs, urlencode, urlsplit

from bench.http11 import Client, serve
from bench.signing import signature

STATUSES = ("sent", "delivered")


@dataclass
class Sink:
    """What has been sent to whom: (monotonic seconds, body) for each participant, in the order of acceptance."""

    account_sid: str
    token: str
    public_url: str
    reports: bool = False
    accepted: defaultdict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))
    total: int = 0
    report_latency: list[float] = field(default_factory=list)
    report_failures: int = 0

    def __post_init__(self) -> None:
        self._sids = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        parts = urlsplit(self.public_url)
        self._client = Client(parts.hostname or "", parts.port or 80)

    async def start(self) -> str:
        """Starts serving; returns the base URL."""
        self._server, port = await serve(self._answer)
        return f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        self._server.close()
        await asyncio.gather(*self._tasks)
        self._client.close()

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if not head.startswith(b"POST"):
            return _response(200, b'{"messages":[],"next_page_uri":null}')
        form = parse_qs(body.decode(), keep_blank_values=True)
        sid = f"SM{next(self._sids):032x}"
        to, sender = form["To"][0], form["From"][0]
        self.accepted[to].append((time.monotonic(), form["Body"][0]))
        self.total += 1
        if self.reports and "StatusCallback" in form:
            task = asyncio.get_running_loop().create_task(self._report(sid, to, sender, form["StatusCallback"][0]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return _response(
            201,
            f'{{"sid":"{sid}","status":"queued","account_sid":"{self.account_sid}","to":"{to}","from":"{sender}",'
            '"direction":"outbound-api","error_code":null,"error_message":null,"num_segments":"1"}'.encode(),
        )

    async def _report(self, sid: str, to: str, sender: str, callback: str) -> None:
        url = callback.partition("#")[0]
        for status in STATUSES:
            fields = {
                "MessageSid": sid,
                "SmsSid": sid,
                "AccountSid": self.account_sid,
                "From": sender,
                "To": to,
                "ApiVersion": "2010-04-01",
                "MessageStatus": status,
                "SmsStatus": status,
            }
            began = time.monotonic()
            headers = f"X-Twilio-Signature: {signature(self.token, url, fields)}\r\n"
            answer = await self._client.post(urlsplit(url).path, headers, urlencode(fields).encode())
            self.report_latency.append(time.monotonic() - began)
            self.report_failures += not 200 <= answer < 300


def _response(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )
