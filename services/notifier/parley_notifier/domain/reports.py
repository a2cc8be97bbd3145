"""Twilio's status reports: which says more than another, and what the session service is told of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from parley_notifier.domain.delivery import Delivery, State
from parley_notifier.domain.error_codes import Verdict, in_report

# Reports arrive in any order; only one of a higher rank changes what is known.
RANKS = {
    "accepted": 0,
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "delivered": 4,
    "undelivered": 4,
    "failed": 4,
    "canceled": 4,
    "read": 5,
}

TOLL_FREE = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")


def rank(status: str) -> int:
    """-1 for a status that is not known, and for none."""
    return RANKS.get(status, -1)


class Told(StrEnum):
    """What the session service is told of a delivery."""

    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    UNDELIVERED = "UNDELIVERED"
    SUPPRESSED = "SUPPRESSED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    HELD = "HELD"


_BY_STATE = {
    State.UNKNOWN: Told.UNKNOWN,
    State.ACCEPTED: Told.ACCEPTED,
    State.FAILED: Told.FAILED,
    State.SUPPRESSED: Told.SUPPRESSED,
    State.CANCELED: Told.CANCELED,
    State.EXPIRED: Told.EXPIRED,
    State.HELD: Told.HELD,
}
_BY_STATUS = {
    "sent": Told.SENT,
    "delivered": Told.DELIVERED,
    "read": Told.DELIVERED,
    "undelivered": Told.UNDELIVERED,
    "failed": Told.FAILED,
    "canceled": Told.CANCELED,
}
_BY_VERDICT = {Verdict.SUPPRESS: Told.SUPPRESSED, Verdict.EXPIRE: Told.EXPIRED, Verdict.HOLD: Told.HELD}


@dataclass(frozen=True, slots=True)
class Record:
    message_id: str
    told: Told
    sid: str
    error_code: int
    event_time: float = 0.0
    """Of a suppressed one: when the refused send began, or when the opt-out was said that kept it from being sent."""


def record_of(delivery: Delivery, sender: str) -> Record | None:
    """What there is to tell of `delivery`; None while it only waits or is being sent."""
    told = _BY_STATE.get(delivery.state)
    if told is None:
        return None
    if delivery.state is State.ACCEPTED:
        told = _BY_STATUS.get(delivery.status, told)
        if told in (Told.FAILED, Told.UNDELIVERED):
            told = _by_code(delivery.error_code, sender) or told
    event_time = (delivery.started_time or 0.0) if told is Told.SUPPRESSED else 0.0
    return Record(delivery.id, told, delivery.sid, delivery.error_code, event_time)


def _by_code(error_code: int, sender: str) -> Told | None:
    row = in_report(error_code)
    # 30004 has many causes; from a toll-free number it is how the network tells of a STOP.
    if row is None or (row.only_toll_free and not sender.startswith(TOLL_FREE)):
        return None
    return _BY_VERDICT.get(row.verdict)
