"""Does what Twilio's error codes ask for beyond the text that they are about: stops senders, tells the operator."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from parley_chassis.errors import Unavailable
from parley_notifier.domain.error_codes import REPORT, Stops
from parley_notifier.domain.facts import Notice
from parley_notifier.handlers.hold_claims import Claims
from parley_notifier.ports import SenderStore

log = logging.getLogger(__name__)


class PauseSenders:
    """Has nothing claimed for some senders for `pause` seconds, by any process."""

    def __init__(self, store: SenderStore, pause: float) -> None:
        self._store = store
        self._pause = pause

    async def __call__(self, numbers: Sequence[str]) -> Sequence[None]:
        try:
            await self._store.pause_senders(set(numbers), self._pause)
        except Unavailable:
            # Twilio will say it again.
            log.warning("pause_not_stored", extra={"senders": len(numbers)})
        return [None] * len(numbers)


class HeedErrors:
    """`pause` stops a sender. An alarm is raised once for a sender and a code, until it is over."""

    def __init__(self, claims: Claims, pause: Callable[[str], object]) -> None:
        self._claims = claims
        self._pause = pause
        self._raised: dict[tuple[str, int], bool] = {}
        """Whether a report raised it: then only a delivery ends it."""

    def __call__(self, notice: Notice) -> None:
        row = notice.row
        match row.stops:
            case Stops.SENDER:
                self._pause(notice.sender)
            case Stops.ACCOUNT if row.where == REPORT:
                self._claims.refuse_account(row.code)
            case _:
                pass
        # What stops the account is told by who stops it.
        if row.told and row.stops is not Stops.ACCOUNT and (notice.sender, row.code) not in self._raised:
            self._raised[notice.sender, row.code] = row.where == REPORT
            extra = {"error_code": row.code, "meaning": row.meaning, "message_id": notice.delivery_id}
            log.error("twilio_refuses_sender", extra=extra)

    def accepted(self, sender: str) -> None:
        """Twilio has taken a text from the sender."""
        if self._raised:
            self._end(sender, by_report=False)

    def delivered(self, sender: str) -> None:
        """A text from the sender has arrived."""
        if self._raised:
            self._end(sender, by_report=True)

    def _end(self, sender: str, by_report: bool) -> None:
        for key in [key for key, reported in self._raised.items() if key[0] == sender and reported == by_report]:
            del self._raised[key]
            log.info("twilio_refuses_sender_no_more", extra={"error_code": key[1]})
