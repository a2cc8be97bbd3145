"""Which of our numbers texts a participant first: the one they know, else one of their country, else any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zlib import crc32

E164 = re.compile(r"\+[1-9][0-9]{1,14}")

# Country calling codes of one and of two digits; all others have three (ITU-T E.164, assigned codes).
_ONE = frozenset("17")
_TWO_BY_FIRST = {
    "2": "07",
    "3": "0123469",
    "4": "013456789",
    "5": "12345678",
    "6": "0123456",
    "8": "1246",
    "9": "0123458",
}
_TWO = frozenset(first + second for first, seconds in _TWO_BY_FIRST.items() for second in seconds)


@dataclass(frozen=True, slots=True)
class Sender:
    """A number that can send, and when it was last in touch with the participant."""

    number: str = field(repr=False)
    active_time: datetime | None = None


def calling_code(number: str) -> str:
    """Of an E.164 number, without the plus."""
    digits = number[1:]
    if digits[:1] in _ONE:
        return digits[:1]
    return digits[:2] if digits[:2] in _TWO else digits[:3]


def choose_sender(senders: Sequence[Sender], participant: str) -> str | None:
    """The number to send from; None where there is none. Participants without history are spread over the numbers."""
    known = [(sender.active_time, sender.number) for sender in senders if sender.active_time]
    if known:
        return max(known)[1]
    country = calling_code(participant)
    near = [sender for sender in senders if calling_code(sender.number) == country] or list(senders)
    return near[crc32(participant.encode()) % len(near)].number if near else None
