"""What Twilio's message list says about an attempt whose outcome is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from parley_notifier.domain.segments import comparable

CLOCK_SKEW = 120.0
"""How much earlier than the attempt Twilio may date a message, in seconds."""
TRIAL_PREFIX = "Sent from your Twilio trial account - "


@dataclass(frozen=True, slots=True)
class Listed:
    """One message of Twilio's list, of the pair that was asked for."""

    sid: str
    direction: str
    text: str = field(repr=False)
    create_time: float
    """Seconds since 1970, by Twilio's clock; whole seconds."""
    sender: str = field(repr=False)
    """Empty while a messaging service keeps it open."""


@dataclass(frozen=True, slots=True)
class Listing:
    messages: Sequence[Listed]
    """Newest first."""
    complete: bool
    """False when older messages were left out."""


@dataclass(frozen=True, slots=True)
class Look:
    """One question to Twilio's list: has it the attempt that began at `started_time`?"""

    thread_id: str
    delivery_id: str
    attempt: int
    started_time: float
    sender: str = field(repr=False)
    participant: str = field(repr=False)
    text: str = field(repr=False)


def candidates(listing: Listing, look: Look) -> list[str]:
    """The sids of the messages that may be the attempt, oldest first."""
    wanted = comparable(look.text)
    earliest = look.started_time - CLOCK_SKEW
    return [
        message.sid
        for message in reversed(listing.messages)
        if message.direction == "outbound-api"
        and message.create_time >= earliest
        # Without a sender it may be another one's of the service: those that are known are left out by their sids.
        and message.sender in (look.sender, "")
        and comparable(message.text.removeprefix(TRIAL_PREFIX)) == wanted
    ]


def shows_absence(listing: Listing, look: Look) -> bool:
    """Whether the list reaches back far enough to show what there is not."""
    return listing.complete or any(message.create_time < look.started_time - CLOCK_SKEW for message in listing.messages)
