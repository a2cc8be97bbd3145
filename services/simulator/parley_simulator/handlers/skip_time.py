"""Moves the time by which people are waited for, where somebody offers the means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from parley_simulator.errors import BadRequestError
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock

LONGEST_SKIP = 400 * 86_400.0
Skip = Callable[[float], Awaitable[None]]
"""Takes seconds. An OSError (ConnectionError, TimeoutError) says in its text why time stands still."""


@dataclass(frozen=True, slots=True)
class Skipped:
    at: float
    seconds: float


class SkipTime:
    """People's time in Parley, moved forward. Twilio's own clock is not: it is somebody else's machine."""

    def __init__(self, clock: Clock, watch: Watch) -> None:
        self._clock = clock
        self._watch = watch
        self._skip: Skip | None = None
        self.skips: list[Skipped] = []

    @property
    def offered(self) -> bool:
        return self._skip is not None

    def offer(self, skip: Skip) -> None:
        self._skip = skip
        self._watch.notify()

    async def __call__(self, seconds: float) -> None:
        if self._skip is None:
            raise BadRequestError("seconds: nobody here can skip time; start the stack with `parley up`")
        if not 0 < seconds <= LONGEST_SKIP:
            raise BadRequestError("seconds: write a number above 0, and at most 400 days")
        # Before the skip: what it sets off comes after it.
        skipped = Skipped(self._clock(), seconds)
        self.skips.append(skipped)
        try:
            await self._skip(seconds)
        except BaseException:
            self.skips.remove(skipped)
            raise
        finally:
            self._watch.notify()
