"""Looks for an attempt whose outcome is not known in Twilio's list of messages."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from parley_chassis.errors import Unavailable
from parley_notifier.domain.facts import Alarm, Sighting
from parley_notifier.domain.settlement import Look, candidates, shows_absence
from parley_notifier.ports import Carrier, Store

log = logging.getLogger(__name__)

LOOKS_AT_ONCE = 8


class SettleUnknown:
    def __init__(self, carrier: Carrier, store: Store, mark: Callable[[Sighting], Awaitable[object]]) -> None:
        self._carrier = carrier
        self._store = store
        self._mark = mark
        self._room = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}
        """By delivery id and attempt."""

    def start(self, look: Look) -> None:
        """A look that still waits for its turn is not taken twice: in an outage they come faster than they are over."""
        key = (look.delivery_id, look.attempt)
        if key in self._tasks:
            return
        task = self._tasks[key] = asyncio.create_task(self._run(look))
        task.add_done_callback(lambda _: self._tasks.pop(key))

    async def close(self) -> None:
        """Gives up the looks under way: they changed nothing and are taken again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, look: Look) -> None:
        extra = {"message_id": look.delivery_id, "attempt": look.attempt}
        try:
            async with self._room:
                sighting = await self._look(look)
            if sighting is not None:
                log.info("looked_up", extra={**extra, "found": bool(sighting.sid)})
                await self._mark(sighting)
        except Unavailable as error:
            log.warning("look_failed", extra={**extra, "reason": error.error_reason})
        except Exception:
            log.exception("look_failed", extra=extra)

    async def _look(self, look: Look) -> Sighting | None:
        asked = time.monotonic()
        listing = await self._carrier.list_messages(look)
        found = candidates(listing, look)
        others = await self._store.known_sids(look, found) if found else set()
        own = [sid for sid in found if sid not in others]
        if len(own) > 1:
            log.error(Alarm.DUPLICATE_SUSPECTED.value, extra={"message_id": look.delivery_id})
        if own:
            return Sighting(look, own[0], asked)
        return Sighting(look, "", asked) if shows_absence(listing, look) else None
