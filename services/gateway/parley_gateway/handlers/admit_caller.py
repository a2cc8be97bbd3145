"""Lets a caller of the HTTP API in: asks the session service about a key, once for many calls, and counts the calls."""

from __future__ import annotations

import asyncio
import hashlib
import time

from parley_gateway.domain.caller import Caller, Scope
from parley_gateway.domain.key_answers import KeyAnswers
from parley_gateway.domain.token_bucket import TokenBuckets
from parley_gateway.errors import KeyRefused, NotAllowed, TooFast
from parley_gateway.ports import Keys

ANSWER_LIFETIME = 5.0
"""Seconds for which what is known of a key counts: so long a revoked one may still open something."""
MOST_ANSWERS = 10_000
MOST_BUCKETS = 10_000
# Nothing longer is a key, nor worth a question.
MAX_KEY = 200


class AdmitCaller:
    """`requests_per_second` is for each key; 0 for no bound."""

    def __init__(self, keys: Keys, requests_per_second: float) -> None:
        self._keys = keys
        self._answers = KeyAnswers(ANSWER_LIFETIME, MOST_ANSWERS)
        self._asking: dict[bytes, asyncio.Task[Caller | None]] = {}
        self._buckets = TokenBuckets(requests_per_second, MOST_BUCKETS)

    async def __call__(self, key: str, scope: Scope) -> Caller:
        """Raises KeyRefused, NotAllowed, TooFast, or what asking about the key raised."""
        if not key or len(key) > MAX_KEY:
            raise KeyRefused("send your key as `Authorization: Bearer <key>` or in X-PolyAi-Auth-Token")
        caller = await self._caller_of(key)
        if caller is None:
            raise KeyRefused("the key is unknown, revoked or expired")
        if wait := self._buckets.take(caller.key_id, time.monotonic()):
            raise TooFast(wait)
        if scope not in caller.scopes:
            raise NotAllowed(f"the key does not have the scope {scope.value}")
        return caller

    async def _caller_of(self, key: str) -> Caller | None:
        digest = hashlib.sha256(key.encode()).digest()
        if answer := self._answers.find(digest, time.monotonic()):
            return answer.caller
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.create_task(self._ask(key, digest))
            asking.add_done_callback(lambda _: self._asking.pop(digest))
        # Others may be waiting for the same answer when this caller goes away.
        return await asyncio.shield(asking)

    async def _ask(self, key: str, digest: bytes) -> Caller | None:
        asked_at = time.monotonic()
        caller = await self._keys.check(key)
        self._answers.keep(digest, caller, asked_at)
        return caller

    async def close(self) -> None:
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
