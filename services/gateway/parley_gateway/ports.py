"""What the webhooks need of the world: accounts to believe, a session service and a notifier to hand over to."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from parley_gateway.domain.inbound import Inbound
from parley_gateway.domain.report import Report


class Outcome(Enum):
    STORED = "stored"
    UNKNOWN_NUMBER = "unknown_number"
    REFUSED = "refused"


class Accounts(Protocol):
    def tokens_of(self, account_sid: str) -> Sequence[bytes]:
        """The live auth tokens of an account; empty for one that is not ours."""
        ...


class Sessions(Protocol):
    async def receive(self, inbound: Inbound) -> Outcome:
        """Hands a text over. STORED means committed, now or before. Raises ParleyError if nothing is known."""
        ...


class Deliveries(Protocol):
    async def report(self, report: Report) -> None:
        """Hands over what became of a message; returns once it is stored. Raises ParleyError."""
        ...


class AccountsFile(Accounts, Protocol):
    def reload(self) -> bool:
        """Says whether there was something new. Raises OSError or ValueError, and keeps what it had."""
        ...
