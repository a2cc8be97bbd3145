"""What one watcher of a session has been told, so that it is told all that changes, and little else twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from parley_session.domain.deliveries import FINAL


class Place(NamedTuple):
    """Where a watcher is: behind every message up to `position` in its last state, and behind a state of the session.

    `session` is a checksum of that state, 0 before any was told.
    """

    position: int = 0
    session: int = 0


class Shown(NamedTuple):
    """What may change about a message."""

    session_id: str | None
    delivery_state: int
    ignore_reason: str


class Told:
    """The messages that were told. Only those that may still change are kept, by position in the thread."""

    def __init__(self, session_id: str, last: int) -> None:
        self._session_id = session_id
        self._unsettled: dict[int, Shown] = {}
        self.last = last

    @property
    def unsettled(self) -> Mapping[int, Shown]:
        return self._unsettled

    @property
    def settled(self) -> int:
        """Position up to which nothing can change any more."""
        # Positions are first told in their order, and a dict keeps it.
        return next(iter(self._unsettled), self.last + 1) - 1

    @property
    def awaits_delivery(self) -> bool:
        return any(shown.delivery_state for shown in self._unsettled.values())

    def is_news(self, position: int, shown: Shown) -> bool:
        return position > self.last or self._unsettled.get(position) not in (None, shown)

    def tell(self, position: int, shown: Shown, *, is_taken: bool) -> None:
        """`is_taken`: a turn has taken the text, or none ever will."""
        self.last = max(self.last, position)
        if self._is_final(shown, is_taken):
            self._unsettled.pop(position, None)
        else:
            self._unsettled[position] = shown

    def _is_final(self, shown: Shown, is_taken: bool) -> bool:
        if shown.session_id != self._session_id:
            return True  # a text that no turn took has moved on to the thread's next session
        if shown.delivery_state:
            return shown.delivery_state >= FINAL
        return is_taken
