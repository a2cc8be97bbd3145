"""What an answer of Twilio to a send means, or its absence: the one table that decides about a second send."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from parley_notifier.domain.delivery import Event
from parley_notifier.domain.reports import OPTED_OUT


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
NOT_STARTED = Outcome("not_started", Event.GIVE_BACK)
UNREACHABLE = Outcome("unreachable", Event.GIVE_BACK, Wait.BACKOFF)
THROTTLED = Outcome("throttled", Event.GIVE_BACK, Wait.BACKOFF)
QUEUE_FULL = Outcome("queue_full", Event.GIVE_BACK, Wait.PAUSE)
ACCOUNT_REFUSED = Outcome("account_refused", Event.GIVE_BACK, Wait.PAUSE)
OPTED_OUT_NOW = Outcome("opted_out", Event.OPT_OUT)
REFUSED = Outcome("refused", Event.REFUSE)
UNKNOWN = Outcome("unknown", Event.DOUBT)

BY_ERROR_CODE = {
    20003: ACCOUNT_REFUSED,  # bad or suspended credentials: the texts are kept, somebody has to act
    20005: ACCOUNT_REFUSED,  # account not active
    20429: THROTTLED,
    OPTED_OUT: OPTED_OUT_NOW,
    21611: QUEUE_FULL,
}


def outcome_of(answer: Answer) -> Outcome:
    """The first row that fits.

    | answer                                          | outcome                  |
    |-------------------------------------------------|--------------------------|
    | none, and no byte left                          | unreachable              |
    | 2xx with a sid                                  | accepted                 |
    | 429                                             | throttled: never processed |
    | 4xx with one of the codes above                 | theirs                   |
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
        return BY_ERROR_CODE.get(answer.error_code, REFUSED)
    return UNKNOWN
