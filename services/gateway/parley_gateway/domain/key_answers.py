"""What was lately found out about keys, good and bad: bounded in age and number, so that a revoked key is soon none."""

from __future__ import annotations

from dataclasses import dataclass

from parley_gateway.domain.caller import Caller


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """`caller` is None for a key that opens nothing."""

    caller: Caller | None
    good_until: float


class KeyAnswers:
    """By a digest of the key. `lifetime` is in seconds of the clock that `now` is of."""

    def __init__(self, lifetime: float, limit: int) -> None:
        self._lifetime = lifetime
        self._limit = limit
        self._answers: dict[bytes, KeyAnswer] = {}

    def find(self, digest: bytes, now: float) -> KeyAnswer | None:
        answer = self._answers.get(digest)
        return answer if answer and now < answer.good_until else None

    def keep(self, digest: bytes, caller: Caller | None, asked_at: float) -> None:
        """An answer counts from when it was asked for. With too many, the oldest goes."""
        self._answers.pop(digest, None)
        if len(self._answers) >= self._limit:
            del self._answers[next(iter(self._answers))]
        self._answers[digest] = KeyAnswer(caller, asked_at + self._lifetime)
