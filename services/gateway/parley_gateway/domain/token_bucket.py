"""How fast one key may call: a bucket that fills at a steady rate and holds one second's worth."""

from __future__ import annotations


class TokenBucket:
    """`rate` is in calls per second, above 0. `now` is in seconds of one steady clock."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._size = max(rate, 1.0)
        self._tokens = self._size
        self._filled_at = now

    def take(self, now: float) -> float:
        """0 where the call may go on, else the seconds until one may."""
        self._tokens = min(self._size, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


class TokenBuckets:
    """A bucket for each key, at most `limit` of them: of more, the one that was not used for longest goes."""

    def __init__(self, rate: float, limit: int) -> None:
        self._rate = rate
        self._limit = limit
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, key_id: str, now: float) -> float:
        """As TokenBucket.take; a rate of 0 lets every call go on."""
        if not self._rate:
            return 0.0
        bucket = self._buckets.pop(key_id, None) or TokenBucket(self._rate, now)
        if len(self._buckets) >= self._limit:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key_id] = bucket
        return bucket.take(now)
