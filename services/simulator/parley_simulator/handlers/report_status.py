"""Tells the status callback of a message what has become of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from parley_simulator.domain.messages import Message
from parley_simulator.domain.world import World
from parley_simulator.handlers.deliver_hook import DeliverHook, Hook
from parley_simulator.ports import Clock

RECEIPTS = frozenset({"delivered", "undelivered"})


class ReportStatus:
    def __init__(self, world: World, clock: Clock, deliver: DeliverHook) -> None:
        self._world = world
        self._clock = clock
        self._deliver = deliver

    async def __call__(self, message: Message, statuses: Sequence[str], error_code: int | None = None) -> None:
        """One callback for each status, one after the other; `error_code` belongs to the final one."""
        for status in statuses:
            params = self._params(message, status, None if status == "sent" else error_code)
            await self._deliver(Hook("status", message.sid, message.status_callback, params, about=status))

    def _params(self, message: Message, status: str, error_code: int | None) -> list[tuple[str, str]]:
        params = [
            ("ApiVersion", "2010-04-01"),
            ("AccountSid", self._world.account.sid),
            ("From", message.from_),
            ("MessageSid", message.sid),
            ("MessageStatus", status),
            ("SmsSid", message.sid),
            ("SmsStatus", status),
            ("To", message.to),
        ]
        if message.service_sid:
            params.append(("MessagingServiceSid", message.service_sid))
        if error_code is not None:
            params.append(("ErrorCode", str(error_code)))
        if status in RECEIPTS:
            params.append(("RawDlrDoneDate", f"{datetime.fromtimestamp(self._clock(), UTC):%y%m%d%H%M}"))
        return params
