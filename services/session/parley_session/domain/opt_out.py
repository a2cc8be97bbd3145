"""What is known of a participant's wish for texts: when each of STOP and START was said last.

What was said later counts, whatever the order of arrival; of equal moments the opt-out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from parley_session.domain.keywords import Keyword

PRECISION = timedelta(seconds=2)
"""The provider's list tells whole seconds; a text that came through its webhook was timed better than that."""


@dataclass(frozen=True, slots=True)
class OptOut:
    """The sources are those of the texts, or the id of the message that the provider refused to send."""

    stop_time: datetime | None = None
    stop_source: str = ""
    start_time: datetime | None = None
    start_source: str = ""

    @property
    def opted_out(self) -> bool:
        if self.stop_time is None:
            return False
        return self.start_time is None or self.stop_time >= self.start_time

    @property
    def event_time(self) -> datetime | None:
        """When what counts was said."""
        return self.stop_time if self.opted_out else self.start_time

    def hear(self, keyword: Keyword, moment: datetime, source: str) -> OptOut:
        """With a STOP or START said at `moment`. The same source again brings a better moment for it."""
        if self._says_it_less_exactly(moment, source):
            return self
        if keyword is Keyword.STOP:
            if source != self.stop_source and self.stop_time is not None and moment < self.stop_time:
                return self
            return replace(self, stop_time=moment, stop_source=source)
        if source != self.start_source and self.start_time is not None and moment < self.start_time:
            return self
        return replace(self, start_time=moment, start_source=source)

    def _says_it_less_exactly(self, moment: datetime, source: str) -> bool:
        known = {self.stop_source: self.stop_time, self.start_source: self.start_time}.get(source)
        return known is not None and abs(moment - known) < PRECISION

    def takes_back(self, known: OptOut) -> bool:
        """Whether something turned out to have been said earlier than `known` has it."""
        return _is_earlier(self.stop_time, known.stop_time) or _is_earlier(self.start_time, known.start_time)

    def merge(self, other: OptOut) -> OptOut:
        """With what was said elsewhere in the same scope."""
        stopped = other if other.stop_time and (not self.stop_time or other.stop_time > self.stop_time) else self
        started = other if other.start_time and (not self.start_time or other.start_time > self.start_time) else self
        return OptOut(stopped.stop_time, stopped.stop_source, started.start_time, started.start_source)

    def heard_from(self, source: str) -> Keyword | None:
        """What counts as said by `source`; None where it does not count, or does no more."""
        if self.stop_time and source == self.stop_source:
            return Keyword.STOP
        return Keyword.START if self.start_time and source == self.start_source else None

    def knows(self, source: str) -> bool:
        return self.heard_from(source) is not None


def _is_earlier(moment: datetime | None, known: datetime | None) -> bool:
    return moment is not None and known is not None and moment < known


NEVER_SAID = OptOut()
