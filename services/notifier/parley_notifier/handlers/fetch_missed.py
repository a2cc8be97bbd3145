"""Hands over participants' texts as Twilio's list has them: those whose webhooks never came are among them.

Only a list that was handed over whole counts; whatever fails is read again. One process at a time reads an account's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from parley_chassis.errors import ParleyError, Unavailable
from parley_notifier.domain.coverage import (
    OVERLAP,
    SHORT_OVERLAP,
    Coverage,
    Handed,
    InboundText,
    KnownSids,
    Tries,
    Turn,
)
from parley_notifier.errors import LeaseLost, NotTaken
from parley_notifier.handlers.note_trouble import Trouble
from parley_notifier.ports import CoverageStore, Inbox, Sessions

log = logging.getLogger(__name__)

BATCH = 200
LEASE = 60.0
RENEWAL = 15.0
"""Seconds after which the lease is renewed while a list is read."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds from the beginning of one list to the next: usually, while sessions wait for one, and after a failure."""

    usual: float
    awaited: float
    failed: float


class FetchMissed:
    def __init__(
        self, inbox: Inbox, sessions: Sessions, store: CoverageStore, coverage: Coverage, owner: str, pace: Pace
    ) -> None:
        self._inbox = inbox
        self._sessions = sessions
        self._store = store
        self._coverage = coverage
        self._owner = owner
        self._pace = pace
        self._known = KnownSids()
        self._recover_time: float | None = None
        self._tries = Tries()
        self._trouble = Trouble("fetch_missed")
        self._whole_due = self._next = time.monotonic()

    async def __call__(self) -> bool:
        """Reads the list if it is time to."""
        now = time.monotonic()
        is_whole = now >= self._whole_due
        if now < self._next or not (is_whole or self._coverage.awaited):
            return False
        self._next = now + self._pace.awaited
        try:
            if await self._read(is_whole) and is_whole:
                self._whole_due = now + self._pace.usual
        except ParleyError as error:
            self._trouble.note(error.error_reason)
            self._next = max(self._next, now + self._pace.failed)
        else:
            self._trouble.over()
        return False

    async def _read(self, is_whole: bool) -> bool:
        """False if it is another process's turn."""
        overlap = OVERLAP if is_whole else SHORT_OVERLAP
        age = self._pace.awaited if self._coverage.awaited else self._pace.usual
        # What is told as covered must have been true before the list was asked for.
        asked = self._coverage.now
        async with self._turn(age) as reading:
            if reading is None:
                return False
            self._forget_lost(reading.turn)
            await self._hand_over(await self._missed(reading, overlap), reading)
            reading.is_done = True
        if is_whole:
            self._known.forget_before(reading.turn.now - OVERLAP)
        self._coverage.cover(asked)
        return True

    def _forget_lost(self, turn: Turn) -> None:
        """Texts that were handed over to a state of the database that is lost are missed again."""
        if turn.recover_time != self._recover_time:
            self._known.forget_all()
            self._recover_time = turn.recover_time

    async def _missed(self, reading: _Reading, overlap: float) -> list[InboundText]:
        """What may not have been handed over yet, oldest first."""
        since = reading.turn.since(overlap)
        missed: dict[str, InboundText] = {}
        page_at = ""
        while True:
            page = await self._inbox.list_inbound(page_at)
            missed |= {
                text.sid: text for text in page.texts if text.receive_time >= since and text.sid not in self._known
            }
            page_at = page.next_page
            if not page_at or page.oldest_time is None or page.oldest_time < since:
                break
            await reading.renew()
        # Twilio lists the latest first, also within a second.
        rising = list(missed.values())[::-1]
        rising.sort(key=lambda text: text.receive_time)
        return rising

    async def _hand_over(self, texts: list[InboundText], reading: _Reading) -> None:
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            handed = await self._sessions.receive(batch)
            how = list(zip(batch, handed, strict=True))
            self._known.add(text for text, outcome in how if outcome in (Handed.STORED, Handed.KNOWN))
            if Handed.STORED in handed:
                log.warning("missed_texts_fetched", extra={"texts": handed.count(Handed.STORED)})
            self._set_aside([text for text, outcome in how if outcome is Handed.OPEN])
            await reading.renew()

    def _set_aside(self, failed: list[InboundText]) -> None:
        """Raises NotTaken, unless none of them is worth another try."""
        hopeless = self._tries.exhausted(failed)
        for text in hopeless:
            log.error("missed_text_set_aside", extra={"message_sid": text.sid})
        self._known.add(hopeless)
        if len(hopeless) < len(failed):
            raise NotTaken("the session service did not take all texts of the list")

    @asynccontextmanager
    async def _turn(self, age: float) -> AsyncIterator[_Reading | None]:
        turn = await self._store.take_coverage(self._owner, LEASE, age)
        if turn is None:
            yield None
            return
        reading = _Reading(turn, self._store, self._owner)
        try:
            yield reading
        finally:
            with suppress(Unavailable):
                await self._store.end_coverage(self._owner, turn.now if reading.is_done else None)


class _Reading:
    """A list that is being read, and the lease that it is read under."""

    def __init__(self, turn: Turn, store: CoverageStore, owner: str) -> None:
        self.turn = turn
        self.is_done = False
        self._store = store
        self._owner = owner
        self._renewed = time.monotonic()

    async def renew(self) -> None:
        now = time.monotonic()
        if now - self._renewed > RENEWAL:
            self._renewed = now
            if not await self._store.keep_coverage(self._owner, LEASE):
                raise LeaseLost("another process reads the list")
