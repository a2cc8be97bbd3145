"""Moves accepted messages through their statuses when the time comes, and has each change called back."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Sequence

from parley_simulator.domain.journal import Journal
from parley_simulator.domain.lifecycle import Step
from parley_simulator.domain.messages import Message
from parley_simulator.handlers.report_status import ReportStatus
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock, Errands


class Lifecycle:
    def __init__(self, clock: Clock, report: ReportStatus, errands: Errands, watch: Watch, journal: Journal) -> None:
        self._clock = clock
        self._report = report
        self._errands = errands
        self._watch = watch
        self._journal = journal
        self._due: list[tuple[float, int, Message, Step]] = []
        self._entries = 0
        self._by_hand: set[str] = set()
        self._sooner = asyncio.Event()

    def schedule(self, message: Message, steps: Sequence[Step]) -> None:
        for step in steps:
            self._entries += 1
            entry = (step.due, self._entries, message, step)
            heapq.heappush(self._due, entry)
            if self._due[0] is entry:
                self._sooner.set()

    def move(self, message: Message, status: str, error_code: int | None) -> None:
        """Moves a message now, by hand; what was planned for it is off."""
        self._by_hand.add(message.sid)
        self._take([(message, Step(self._clock(), status, (status,), error_code))])

    def clear(self) -> None:
        self._due.clear()
        self._by_hand.clear()

    async def run(self) -> None:
        while True:
            self._sooner.clear()
            now = self._clock()
            due: list[tuple[Message, Step]] = []
            while self._due and self._due[0][0] <= now:
                _, _, message, step = heapq.heappop(self._due)
                if message.sid not in self._by_hand:
                    due.append((message, step))
            if due:
                self._take(due)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._due[0][0] - now if self._due else None):
                    await self._sooner.wait()

    def _take(self, due: list[tuple[Message, Step]]) -> None:
        """What is due for one message at the same moment is called back in order."""
        told: dict[str, tuple[Message, list[Step]]] = {}
        for message, step in due:
            message.move(step.status, self._clock(), step.error_code)
            self._journal.touch(message.sid)
            if step.reports and message.status_callback:
                told.setdefault(message.sid, (message, []))[1].append(step)
        for message, steps in told.values():
            self._errands.start(self._tell(message, steps))
        self._watch.notify()

    async def _tell(self, message: Message, steps: list[Step]) -> None:
        for step in steps:
            await self._report(message, step.reports, step.error_code)
