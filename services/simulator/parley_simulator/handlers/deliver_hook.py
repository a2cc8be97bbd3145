"""Calls one webhook as Twilio does: signed, with its retries, within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from parley_simulator.domain.hooks import Attempt, Failure, Overrides, Target, read_target, retries
from parley_simulator.domain.numbers import is_http_url
from parley_simulator.domain.signature import sign, signed_url
from parley_simulator.domain.world import Alert, HookRecord, World
from parley_simulator.handlers.record_stations import RecordStations
from parley_simulator.ports import Clock, HookClient, HookRequest, Ids

Params = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook to call: `kind` is inbound, fallback or status; `about` the message status it tells."""

    kind: str
    sid: str
    url: str = field(repr=False)
    params: Params = field(repr=False)
    method: str = "POST"
    token: str = ""
    """The idempotency token, the same for each attempt."""
    about: str = ""


@dataclass(frozen=True, slots=True)
class HookStyle:
    """How Twilio behaves where its documentation is silent or varies."""

    keep_port: bool = True
    """False signs as Voice does, without the port."""
    token_per_attempt: bool = False
    retry_pause: float = 0.1
    """Seconds between an attempt and its retry."""


class DeliverHook:
    def __init__(
        self, world: World, clock: Clock, ids: Ids, client: HookClient, style: HookStyle, stations: RecordStations
    ) -> None:
        self._world = world
        self._clock = clock
        self._ids = ids
        self._client = client
        self._style = style
        self._stations = stations

    async def __call__(self, hook: Hook) -> Attempt:
        """The last attempt; all are recorded, and a failure is an alert."""
        target = read_target(hook.url)
        if target.problem is not None:
            self.alert(target.problem, hook.sid)
        attempts = await self._attempts(hook, target)
        last = attempts[-1]
        self._world.hooks.append(
            HookRecord(
                hook.kind, hook.sid, hook.about, tuple(attempt.result for attempt in attempts), last.failure is None
            )
        )
        if last.failure is not None:
            self.alert(last.alert_code, hook.sid)
        return last

    def alert(self, code: int, sid: str) -> None:
        self._world.alerts.append(Alert(code, sid, self._clock()))

    async def _attempts(self, hook: Hook, target: Target) -> list[Attempt]:
        if not is_http_url(target.url):
            return [Attempt(failure=Failure.URL)]
        overrides, loop, attempts = target.overrides, asyncio.get_running_loop(), list[Attempt]()
        deadline = loop.time() + overrides.total
        token = hook.token or self._ids()
        while True:
            with self._stations.passing(hook.sid, hook.kind, hook.about) as station:
                attempt = await self._client.send(self._request(hook, target, token, deadline - loop.time()))
                station.result, station.failed = attempt.result, attempt.failure is not None
            attempts.append(attempt)
            pause = self._style.retry_pause
            if not retries(overrides, attempt.failure, len(attempts)) or loop.time() + pause >= deadline:
                return attempts
            await asyncio.sleep(pause)

    def _request(self, hook: Hook, target: Target, token: str, left: float) -> HookRequest:
        url, body, signed = target.url, None, hook.params
        headers = {
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
            "I-Twilio-Idempotency-Token": _dashed(self._ids() if self._style.token_per_attempt else token),
            "User-Agent": "TwilioProxy/1.1",
            "X-Home-Region": "us1",
        }
        if hook.method == "GET":
            url, signed = f"{url}{'&' if '?' in url else '?'}{urlencode(hook.params)}", ()
        else:
            body = urlencode(hook.params).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        plain = signed_url(url, keep_port=self._style.keep_port)
        headers["X-Twilio-Signature"] = sign(self._world.account.auth_token, plain, signed)
        limits: Overrides = target.overrides
        return HookRequest(
            hook.method, url, headers, body, target.credentials, limits.connect, limits.read, max(left, 0.001)
        )


def _dashed(token: str) -> str:
    return f"{token[:8]}-{token[8:12]}-{token[12:16]}-{token[16:20]}-{token[20:]}"
