"""What an answer of Twilio to a send means, or its absence: what decides about a second send."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from parley_notifier.domain.delivery import Event
from parley_notifier.domain.error_codes import ErrorCode, Stops, Verdict, in_answer


class Wait(StrEnum):
    """How long a text that was given back waits."""

    NONE = "none"
    BACKOFF = "backoff"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one send."""

    http_status: int = 0
    """0 when no answer came."""
    error_code: int = 0
    """Twilio's own code; 0 when the body held none."""
    sid: str = ""
    request_id: str = ""
    left: bool = True
    """False only when no byte of the request can have left this machine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    name: str
    event: Event
    wait: Wait = Wait.NONE


ACCEPTED = Outcome("accepted", Event.PROVE)
ADOPTED = Outcome("adopted", Event.PROVE)
"""Twilio has it already: a state of the database that is lost has sent it."""
NOT_STARTED = Outcome("not_started", Event.GIVE_BACK)
UNREACHABLE = Outcome("unreachable", Event.GIVE_BACK, Wait.BACKOFF)
THROTTLED = Outcome("throttled", Event.GIVE_BACK, Wait.BACKOFF)
QUEUE_FULL = Outcome("queue_full", Event.GIVE_BACK, Wait.PAUSE)
ACCOUNT_REFUSED = Outcome("account_refused", Event.GIVE_BACK, Wait.PAUSE)
OPTED_OUT_NOW = Outcome("opted_out", Event.OPT_OUT)
REFUSED = Outcome("refused", Event.REFUSE)
UNKNOWN = Outcome("unknown", Event.DOUBT)

RETRIES = {
    Stops.NOTHING: THROTTLED,
    Stops.EASE: THROTTLED,
    Stops.SENDER: QUEUE_FULL,
    Stops.ACCOUNT: ACCOUNT_REFUSED,
}
VERDICTS = {Verdict.SUPPRESS: OPTED_OUT_NOW, Verdict.SETTLE: UNKNOWN}


def outcome_of(answer: Answer) -> Outcome:
    """The first row that fits.

    | answer                                          | outcome                  |
    |-------------------------------------------------|--------------------------|
    | none, and no byte left                          | unreachable              |
    | 2xx with a sid                                  | accepted                 |
    | 429                                             | throttled: never processed |
    | 4xx with one of the codes of the table          | as its row says          |
    | 4xx with another of Twilio's codes              | refused                  |
    | anything else: no answer, 5xx, 2xx without sid, 4xx that is not Twilio's | unknown |
    """
    if not answer.left:
        return UNREACHABLE
    if 200 <= answer.http_status < 300 and answer.sid:
        return ACCEPTED
    if answer.http_status == 429:
        return THROTTLED
    if 400 <= answer.http_status < 500 and answer.error_code:
        return _by_code(in_answer(answer.error_code))
    return UNKNOWN


def _by_code(row: ErrorCode | None) -> Outcome:
    if row is None:
        return REFUSED
    return RETRIES[row.stops] if row.verdict is Verdict.RETRY else VERDICTS.get(row.verdict, REFUSED)
