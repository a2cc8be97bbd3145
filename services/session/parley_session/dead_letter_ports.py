"""What dead letters need of the world: where they are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from parley_session.ports import MessageRecord


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that did not reach its participant. The numbers are never logged."""

    message: MessageRecord
    channel: int
    endpoint: str = field(repr=False)
    participant: str = field(repr=False)
    agent: str
    at_most_once: bool
    retry_id: str | None
    """The message that its text was sent again as."""


class DeadLetterStore(Protocol):
    async def list_dead_letters(
        self, limit: int, after: str, created_since: datetime | None, agent: str
    ) -> list[DeadLetter]:
        """Those that nobody has settled, the latest first, behind the one with the id `after`."""
        ...

    async def get_dead_letter(self, message_id: str) -> DeadLetter | None:
        """Also one that is settled."""
        ...

    async def settle_dead_letter(self, message_id: str, retry_id: str | None) -> bool:
        """What it was settled as first stays; False where there is no such dead letter."""
        ...
