"""What guarding the gate needs from outside: where it is kept, and Twilio's list of what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from parley_notifier.domain.facts import Claim
from parley_notifier.domain.gate import Gate


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One of ours as Twilio's list shows it."""

    sid: str
    sender: str = field(repr=False)
    participant: str = field(repr=False)
    text: str = field(repr=False)
    """As texts are compared."""
    create_time: float


@dataclass(frozen=True, slots=True)
class SentPage:
    messages: Sequence[SentMessage]
    oldest_time: float | None
    """Of all that the page shows; None for an empty one."""
    next_page: str


class SentList(Protocol):
    async def list_sent(self, page: str) -> SentPage:
        """What was sent from all numbers, the latest first: the first page, or a SentPage's `next_page`.

        Raises CarrierUnavailable.
        """


class GateStore(Protocol):
    """All methods raise Unavailable when the database does not answer."""

    async def read_gate(self) -> Gate: ...

    async def count_waiting(self) -> int: ...

    async def beat(self) -> None: ...

    async def know_server(self) -> None: ...

    async def begin_recovery(self, slack: float, since: float | None = None, *, again: bool = False) -> bool:
        """Closes the gate until the time since the last beat, or `since`, and `slack` seconds before is covered.

        False if somebody else has done so, unless it is to be begun again.
        """

    async def store_orphans(self, messages: Sequence[SentMessage]) -> None:
        """Those that no delivery has."""

    async def cover_outbound(self, recover_time: float) -> None: ...

    async def end_recovery(self) -> bool: ...

    async def close(self, reason: str) -> None:
        """Nothing is claimed once this has returned."""

    async def open(self, *, force: bool) -> None:
        """With `force` also where what was sent is not known yet."""

    async def adopt_orphan(self, claim: Claim) -> str:
        """The sid of the message that a lost state has sent for this text, now the claim's; empty if there is none."""

    async def forget_orphans(self, age: float) -> None:
        """`age` seconds after the recovery."""

    async def wake_lanes(self, limit: int) -> bool:
        """Has lanes looked at that sleep; True if there may be more."""
