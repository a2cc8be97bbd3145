"""What the gateway needs of the world: accounts and keys to believe, and services behind it to hand over to."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from parley_gateway.domain.caller import Caller
from parley_gateway.domain.inbound import Inbound
from parley_gateway.domain.records import DeadLetter, Message, Number, OutboundText, Page, PageRequest, Session, Started
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


class Keys(Protocol):
    async def check(self, text: str) -> Caller | None:
        """Whose key this is; None for one that is unknown, revoked or expired. Raises ParleyError."""
        ...


class SessionApi(Protocol):
    """The session service as the HTTP API needs it. Raises ParleyError, whose text is for the caller of the API."""

    async def start_session(self, request_id: str, outbound: OutboundText, traceparent: str) -> Started: ...

    async def send_message(
        self, request_id: str, session_id: str, text: str, traceparent: str, *, at_most_once: bool
    ) -> str:
        """The id of the message."""
        ...

    async def end_session(self, session_id: str) -> Session: ...

    async def hand_off_session(self, session_id: str, destination: str, reason: str) -> Session: ...

    async def resume_session(self, session_id: str) -> Session: ...

    async def get_session(self, session_id: str) -> Session: ...

    async def list_sessions(self, page: PageRequest, participant: str, endpoint: str) -> Page[Session]: ...

    async def list_messages(self, session_id: str, page: PageRequest) -> Page[Message]: ...

    async def list_numbers(self, page: PageRequest) -> Page[Number]: ...


class DeadLetters(Protocol):
    """The messages that did not reach their participants. Raises as SessionApi does."""

    async def list_dead_letters(self, page: PageRequest) -> Page[DeadLetter]: ...

    async def get_dead_letter(self, message_id: str) -> DeadLetter: ...

    async def retry_dead_letter(self, message_id: str) -> str:
        """The id of the message that the text is sent again as."""
        ...

    async def drop_dead_letter(self, message_id: str) -> None: ...
