"""Looks whether the database is still the one that it was, and opens the gate when what was lost is known again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from parley_chassis.errors import ParleyError
from parley_notifier.domain.gate import Gate, Seen, Step, next_step
from parley_notifier.domain.settlement import CLOCK_SKEW
from parley_notifier.gate_ports import GateStore, SentList
from parley_notifier.handlers.note_trouble import Trouble

log = logging.getLogger(__name__)

SLACK = 5.0
"""Seconds before its last beat from which on a state of the database may be forgotten."""
ORPHAN_AGE = 600.0
"""Seconds after a recovery in which a text may be one that was sent before it."""
STRANGER_WAITS = 2.0
"""Seconds: others look once a second."""
WAKE = 1000
MOST_PAGES = 1000


class GuardGate:
    """`wake` has the lanes looked at. `settle` seconds after its claim a send of unknown outcome counts as not made."""

    def __init__(self, store: GateStore, sent: SentList, settle: float, wake: Callable[[], None]) -> None:
        self._store = store
        self._sent = sent
        self._settle = settle
        self.is_sure = False
        """Whether the last look showed the database that there was, and all of it."""
        self._wake = wake
        self._seen: Seen | None = None
        self._strange_since: float | None = None
        self._opened: float | None = None
        self._lanes_sleep = False
        self._trouble = Trouble("guard_gate")

    async def __call__(self) -> bool:
        """One look and what it calls for; True if another one may follow at once."""
        try:
            # What batches see from here on may be later than what this look shows.
            seen = self._seen
            gate = await self._store.read_gate()
            step = next_step(gate, self._settle, seen)
            self.is_sure = step in (Step.NOTHING, Step.BEAT) and not gate.recovering
            if gate.same_server:
                self._strange_since = None
            if step is Step.KNOW_SERVER and not self._may_judge(gate):
                return False
            more = await self._take(step, gate)
            self._remember(gate, seen)
            await self._follow(gate)
        except ParleyError as error:
            self.is_sure = False
            self._trouble.note(error.error_reason)
            return False
        self._trouble.over()
        return more or self._lanes_sleep

    def saw(self, position: int) -> None:
        """What a batch has found: how far the log is on disk."""
        if self._seen is not None and position > self._seen.position:
            self._seen = self._seen.with_position(position)

    def _remember(self, gate: Gate, before: Seen | None) -> None:
        position = self._seen.position if self._seen and before and not before.shows_loss(gate) else 0
        self._seen = Seen(gate.beat_time, position).with_position(gate.position)

    def _may_judge(self, gate: Gate) -> bool:
        """Whether this process may say that a server that was started anew has forgotten nothing."""
        if self._strange_since is None:
            self._strange_since = gate.now
        return self._seen is not None or gate.now - self._strange_since >= STRANGER_WAITS

    async def _take(self, step: Step, gate: Gate) -> bool:
        match step:
            case Step.NOTHING:
                return False
            case Step.BEAT:
                await self._store.beat()
                await self._store.forget_orphans(ORPHAN_AGE)
                return False
            case Step.KNOW_SERVER:
                await self._store.know_server()
            case Step.RECOVER:
                if await self._store.begin_recovery(SLACK):
                    log.error("recovery_begun")
            case Step.COVER_OUTBOUND:
                await self._cover_outbound(gate)
            case Step.OPEN:
                if await self._store.end_recovery():
                    log.warning("recovery_ended")
        return True

    async def _cover_outbound(self, gate: Gate) -> None:
        assert gate.lost_since is not None
        assert gate.recover_time is not None
        since = gate.lost_since - CLOCK_SKEW
        page_at = ""
        for _ in range(MOST_PAGES):
            page = await self._sent.list_sent(page_at)
            await self._store.store_orphans([message for message in page.messages if message.create_time >= since])
            page_at = page.next_page
            if not page_at or page.oldest_time is None or page.oldest_time < since:
                await self._store.cover_outbound(gate.recover_time)
                return
        log.error("sent_list_too_long")

    async def _follow(self, gate: Gate) -> None:
        """What slept behind the closed gate is looked at once it is open."""
        # By the time of the change: it may have been closed and opened between two looks.
        if gate.is_open and gate.change_time != self._opened:
            self._lanes_sleep, self._opened = True, gate.change_time
        if gate.is_open and self._lanes_sleep:
            self._lanes_sleep = await self._store.wake_lanes(WAKE)
            self._wake()
