"""Whether a participant may be sent texts: of several wishes the one that was said last counts, whenever it arrives."""

from __future__ import annotations

from dataclasses import dataclass, field

OptOutKey = tuple[str, str]
"""Scope and participant."""


@dataclass(frozen=True, slots=True)
class OptOut:
    """A STOP, or a START where `opted_out` is False."""

    scope: str = field(repr=False)
    participant: str = field(repr=False)
    opted_out: bool
    event_time: float
    """When it was said, in seconds since 1970, to the microsecond."""

    @property
    def key(self) -> OptOutKey:
        return self.scope, self.participant

    def overrides(self, known: OptOut | None) -> bool:
        """Whether it was said after `known`; of what was said at once the opt-out counts."""
        return known is None or (self.event_time, self.opted_out) > (known.event_time, known.opted_out)
