"""Asks Twilio what became of messages whose end it did not report: callbacks are lost, and nobody repeats them.

What it finds is a report like any other. A few at a time; one process at a time for each age.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from parley_chassis.errors import ParleyError, Unavailable
from parley_notifier.domain.facts import Report
from parley_notifier.domain.polls import Poll, Stretch, Unreported, Window, news, window_of
from parley_notifier.errors import CarrierUnavailable, LeaseLost
from parley_notifier.handlers.note_trouble import Trouble
from parley_notifier.ports import PollStore, StatusSource

ROUND = 200
"""Messages that are asked about before others may take the turn."""
LOOKED_AT = 2000
"""Deliveries among which they are looked for: most have been reported."""
ASKED_AT_ONCE = 8
TRIES = 5
"""After so many a message is left to the next age, if others are answered."""
LEASE = 60.0
RENEWAL = 15.0
"""Seconds after which the lease is renewed."""
PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds after a failure; doubled after each."""


class PollStatuses:
    """`ages` in seconds, rising; `take` brings a report to where callbacks go."""

    def __init__(
        self,
        source: StatusSource,
        store: PollStore,
        take: Callable[[Report], Awaitable[object]],
        owner: str,
        ages: Sequence[float],
        pause: float = PAUSE,
    ) -> None:
        self._source = source
        self._store = store
        self._take = take
        self._owner = owner
        self._ages = tuple(zip(ages, [*ages[1:], None], strict=True))
        self._trouble = Trouble("poll_statuses")
        self._answers = 0
        self._failed: dict[str, _Failure] = {}
        """By sid, of those that hold an age up."""
        self._first_pause = self._pause = pause
        self._next = time.monotonic()

    async def __call__(self) -> bool:
        """One round of each age; True if there may be more to ask."""
        if time.monotonic() < self._next:
            return False
        more, failure = False, None
        for age, next_age in self._ages:
            try:
                more |= await self._poll(age, next_age)
            except ParleyError as error:
                failure = error
        if failure is None:
            self._trouble.over()
            self._pause = self._first_pause
            return more
        self._trouble.note(failure.error_reason)
        self._next = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return False

    async def _poll(self, age: float, next_age: float | None) -> bool:
        async with self._turn(age) as asking:
            if asking is None:
                return False
            window = window_of(asking.poll, age, next_age)
            stretch = await self._store.read_unreported(window, LOOKED_AT, ROUND)
            await self._ask_all(asking, stretch, window)
            return not stretch.ends_window

    async def _ask_all(self, asking: _Asking, stretch: Stretch, window: Window) -> None:
        found = stretch.unreported
        for start in range(0, len(found), ASKED_AT_ONCE):
            together, answers = found[start : start + ASKED_AT_ONCE], self._answers
            answered = await asyncio.gather(*map(self._ask, together))
            for item, is_answered in zip(together, answered, strict=True):
                if not is_answered and not self._is_hopeless(item, answers):
                    raise CarrierUnavailable("a message was not read")
                self._failed.pop(item.sid, None)
                asking.polled_id = item.delivery_id
            await asking.renew()
        asking.polled_id = stretch.end(window)

    async def _ask(self, item: Unreported) -> bool:
        try:
            standing = await self._source.get_message(item.sid)
        except CarrierUnavailable:
            return False
        self._answers += 1
        report = news(item, standing, time.time())
        if report is not None:
            await self._take(report)
        return True

    def _is_hopeless(self, item: Unreported, answers: int) -> bool:
        """Counts one more failure; True after enough of them if others have been answered since the first."""
        failure = self._failed.setdefault(item.sid, _Failure(answers))
        failure.tries += 1
        return failure.tries >= TRIES and self._answers > failure.answers

    @asynccontextmanager
    async def _turn(self, age: float) -> AsyncIterator[_Asking | None]:
        poll = await self._store.take_poll(age, self._owner, LEASE)
        if poll is None:
            yield None
            return
        asking = _Asking(poll, age, self._store, self._owner)
        try:
            yield asking
        finally:
            with suppress(Unavailable):
                await self._store.end_poll(age, self._owner, asking.polled_id)


@dataclass(slots=True)
class _Failure:
    answers: int
    """How many of others there had been before."""
    tries: int = 0


class _Asking:
    """A round of one age, and the lease that it is made under."""

    def __init__(self, poll: Poll, age: float, store: PollStore, owner: str) -> None:
        self.poll = poll
        self.polled_id = poll.polled_id
        self._age = age
        self._store = store
        self._owner = owner
        self._renewed = time.monotonic()

    async def renew(self) -> None:
        now = time.monotonic()
        if now - self._renewed > RENEWAL:
            self._renewed = now
            if not await self._store.keep_poll(self._age, self._owner, LEASE):
                raise LeaseLost("another process asks")
