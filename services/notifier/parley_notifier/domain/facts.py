"""What comes into a decision about deliveries, and what a decision hands out to be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from parley_notifier.domain.delivery import Delivery
from parley_notifier.domain.error_codes import ErrorCode
from parley_notifier.domain.lane import Lane
from parley_notifier.domain.opt_out import OptOut
from parley_notifier.domain.outcomes import Answer, Outcome
from parley_notifier.domain.settlement import Look
from parley_notifier.domain.terms import validity


@dataclass(frozen=True, slots=True)
class Submission:
    """One text that the session service has committed, or takes back."""

    message_id: str
    thread_id: str
    seq: int
    sender: str = field(repr=False)
    participant: str = field(repr=False)
    text: str = field(repr=False)
    canceled: bool = False
    create_time: float = 0.0
    traceparent: str = ""
    opt_out_scope: str = field(default="", repr=False)
    at_most_once: bool = False
    expire_time: float | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one text once, until the lease ends."""

    delivery_id: str
    thread_id: str
    attempt: int
    sender: str = field(repr=False)
    participant: str = field(repr=False)
    text: str = field(repr=False)
    traceparent: str = ""
    scope: str = field(default="", repr=False)
    """What the sender shares its opt-outs with; the sid of a messaging service is named to Twilio."""
    may_be_sent: bool = False
    """A state of the database that is lost may have sent it: Twilio's list of that time is asked first."""
    validity: int = 0
    """Seconds after which Twilio is to give the text up; 0: after as many as it takes at the most."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a sender found out about its attempt."""

    claim: Claim
    outcome: Outcome
    answer: Answer
    began: float
    ended: float
    """On the process's own clock, in seconds."""
    jitter: float = 0.0
    """0 to 1, chosen by chance: shortens the back-off."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a look at Twilio's list showed."""

    look: Look
    sid: str
    """Empty: it was not there."""
    asked: float
    """When the list was asked for, on the process's own clock, in seconds."""


@dataclass(frozen=True, slots=True)
class Report:
    """One signed status callback."""

    delivery_id: str
    message_sid: str
    status: str
    error_code: int = 0
    receive_time: float = 0.0


Fact = Submission | Finding | Sighting | Report | OptOut


@dataclass(frozen=True, slots=True)
class Attempt:
    """The evidence that one send leaves. Times are of the database's clock."""

    claim: Claim
    started_time: float
    finished_time: float
    outcome: Outcome
    answer: Answer


@dataclass(frozen=True, slots=True)
class Notice:
    """An error code of the table came for a sender's text."""

    row: ErrorCode
    delivery_id: str
    sender: str = field(repr=False)


class Alarm(StrEnum):
    """What must not happen and did; a person has to see it."""

    SUBMISSION_CONFLICT = "submission_conflict"
    """Another message has this place in the thread, or another thread has this pair of numbers. Not stored."""
    DUPLICATE_SUSPECTED = "duplicate_suspected"
    """Twilio has two messages for one delivery."""
    PROOF_AFTER_FINAL = "proof_after_final"
    """Twilio has a message that counted as never sent."""


def claim_of(lane: Lane, head: Delivery, now: float, *, may_be_sent: bool) -> Claim:
    return Claim(
        head.id,
        lane.thread_id,
        head.attempt,
        lane.sender,
        lane.participant,
        head.text,
        head.traceparent,
        lane.opt_out_scope,
        may_be_sent,
        validity(head.expire_time, now),
    )


def look_of(lane: Lane, head: Delivery) -> Look:
    started = head.started_time if head.started_time is not None else 0.0
    return Look(lane.thread_id, head.id, head.attempt, started, lane.sender, lane.participant, head.text)
