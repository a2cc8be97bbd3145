"""Twilio's error codes, one row each: what becomes of the text, what is stopped besides, and who has to know.

A code comes in the answer to a send, or later in a status callback. Nothing that Twilio has accepted is ever sent again
by itself: its place in the lane is behind it, so a second try is a new message at the lane's end, for the session
service's dead letters or for people. `later` says when such a try is worth it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

ANSWER, REPORT, BOTH = "answer", "report", "both"


class Verdict(StrEnum):
    """What becomes of the text."""

    RETRY = "sent again"
    """Certainly not processed."""
    SETTLE = "unknown"
    """Perhaps processed: evidence has to tell."""
    SUPPRESS = "suppressed"
    """The participant has opted out."""
    FAIL = "failed"
    """Or undelivered, where the carrier says so."""
    EXPIRE = "expired"
    HOLD = "held"
    """It may have arrived all the same: people decide."""


class Stops(StrEnum):
    """What else is not sent for a while."""

    NOTHING = ""
    EASE = "fewer at once"
    SENDER = "the sender"
    ACCOUNT = "the account"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """`told`: besides the session service, which learns of every final state, an alarm tells the operator."""

    code: int
    where: str
    meaning: str
    verdict: Verdict = Verdict.FAIL
    stops: Stops = Stops.NOTHING
    told: bool = False
    later: str = ""
    """When a new message may succeed; empty: not before somebody has changed something."""
    only_toll_free: bool = False
    """The verdict is for toll-free senders; others' texts fail."""


def _table(rows: Iterable[ErrorCode]) -> dict[int, ErrorCode]:
    return {row.code: row for row in rows}


ERROR_CODES = _table(
    (
        # ---- the account
        ErrorCode(20003, ANSWER, "credentials are wrong or suspended", Verdict.RETRY, Stops.ACCOUNT, told=True),
        ErrorCode(20005, ANSWER, "the account is not active", Verdict.RETRY, Stops.ACCOUNT, told=True),
        ErrorCode(20008, ANSWER, "the credentials are for tests only", Verdict.RETRY, Stops.ACCOUNT, told=True),
        ErrorCode(30002, REPORT, "the account was suspended", stops=Stops.ACCOUNT, told=True),
        ErrorCode(20429, ANSWER, "too many requests at once; not processed", Verdict.RETRY, Stops.EASE),
        ErrorCode(20500, ANSWER, "Twilio's own fault", Verdict.SETTLE),
        ErrorCode(20503, ANSWER, "Twilio is not available", Verdict.SETTLE),
        ErrorCode(20504, ANSWER, "Twilio took too long", Verdict.SETTLE),
        ErrorCode(21608, ANSWER, "a trial account may not text this participant", told=True),
        # ---- the request
        ErrorCode(20404, ANSWER, "the account is not there", told=True),
        ErrorCode(20422, ANSWER, "a parameter is wrong", told=True),
        ErrorCode(21602, ANSWER, "the text is empty"),
        ErrorCode(21603, ANSWER, "no sender was named", told=True),
        ErrorCode(21604, ANSWER, "no participant was named", told=True),
        ErrorCode(21609, ANSWER, "the callback URL is wrong", told=True),
        ErrorCode(21617, ANSWER, "the text has more than 1600 characters"),
        ErrorCode(21620, ANSWER, "the media URL is wrong"),
        ErrorCode(21621, ANSWER, "the sender cannot send media"),
        ErrorCode(21623, ANSWER, "more than ten media"),
        ErrorCode(21624, ANSWER, "the validity period is wrong", told=True),
        # ---- the sender
        ErrorCode(21212, ANSWER, "the sender is not valid", told=True),
        ErrorCode(21606, ANSWER, "the sender is not ours, or sends no texts", told=True),
        ErrorCode(21659, ANSWER, "the sender is no number of Twilio's", told=True),
        ErrorCode(21660, ANSWER, "the sender belongs to another account", told=True),
        ErrorCode(21661, ANSWER, "the sender cannot send texts", told=True),
        ErrorCode(21611, ANSWER, "the sender's queue is full", Verdict.RETRY, Stops.SENDER, told=True),
        ErrorCode(21701, ANSWER, "the messaging service is not there", told=True),
        ErrorCode(21702, ANSWER, "the messaging service is not available", told=True),
        ErrorCode(21703, ANSWER, "the messaging service has no number free", told=True, later="in minutes"),
        ErrorCode(21704, ANSWER, "the messaging service has no numbers", told=True),
        ErrorCode(21705, ANSWER, "the messaging service is not valid", told=True),
        ErrorCode(30001, REPORT, "the sender's queue overflowed", stops=Stops.SENDER, told=True, later="in minutes"),
        ErrorCode(30018, REPORT, "the sender has to be registered first", told=True),
        ErrorCode(30022, REPORT, "the campaign sends too fast", told=True, later="in minutes"),
        ErrorCode(30023, REPORT, "the campaign's limit for the day is reached", told=True, later="the next day"),
        ErrorCode(30024, REPORT, "the sender has to be registered first", told=True),
        ErrorCode(30027, REPORT, "T-Mobile's limit for the day is reached", told=True, later="the next day"),
        ErrorCode(30032, REPORT, "the toll-free number is not verified", told=True),
        ErrorCode(30033, REPORT, "the campaign is suspended", told=True),
        ErrorCode(30034, REPORT, "the number is in no registered campaign", told=True),
        ErrorCode(30035, REPORT, "the number is still being registered", told=True, later="in hours"),
        # ---- the participant
        ErrorCode(21211, ANSWER, "the participant's number is not valid"),
        ErrorCode(21266, ANSWER, "sender and participant are the same"),
        ErrorCode(21408, ANSWER, "the account may not text this country", told=True),
        ErrorCode(21610, BOTH, "the participant has opted out", Verdict.SUPPRESS),
        ErrorCode(21612, ANSWER, "the participant cannot be reached from this sender"),
        ErrorCode(21614, ANSWER, "the participant's number is no mobile one"),
        ErrorCode(30003, REPORT, "the handset cannot be reached", later="in hours"),
        ErrorCode(30004, REPORT, "the participant blocks the sender", Verdict.SUPPRESS, only_toll_free=True),
        ErrorCode(30005, REPORT, "the handset is not known"),
        ErrorCode(30006, REPORT, "a landline, or a carrier that takes no texts"),
        # ---- what was sent
        ErrorCode(21618, ANSWER, "the text is filtered everywhere", told=True),
        ErrorCode(30007, REPORT, "the carrier filtered the text", told=True),
        ErrorCode(30450, REPORT, "taken for pumping", told=True),
        ErrorCode(30610, REPORT, "the participant's quiet hours", later="in hours"),
        ErrorCode(30640, REPORT, "the participant is known to sue"),
        # ---- the way
        ErrorCode(30008, REPORT, "the carrier gives no reason", later="in minutes, once"),
        ErrorCode(30017, REPORT, "the carrier is congested", later="in minutes"),
        ErrorCode(30036, REPORT, "not sent within its time", Verdict.EXPIRE),
        ErrorCode(30410, REPORT, "the carrier did not answer", Verdict.HOLD),
    )
)


def in_answer(code: int) -> ErrorCode | None:
    """The row of a code that came in the answer to a send."""
    row = ERROR_CODES.get(code)
    return row if row is not None and row.where != REPORT else None


def in_report(code: int) -> ErrorCode | None:
    """The row of a code that came in a status callback."""
    row = ERROR_CODES.get(code)
    return row if row is not None and row.where != ANSWER else None
