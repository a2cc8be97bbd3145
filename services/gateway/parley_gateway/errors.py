"""Why a webhook that is in order is answered `503`, to be repeated by Twilio.

ParleyError
├── PeerFailed           the service behind answered with an error
├── ResourceExhausted
│   └── Overloaded       too many webhooks wait already
└── Unavailable
    ├── PeerAway         the service behind did not answer
    ├── OutOfTime        the time to answer is used up; the item may still be stored
    └── NumberNotRegistered
"""

from __future__ import annotations

from parley_chassis.errors import ParleyError, ResourceExhausted, Unavailable


class PeerFailed(ParleyError):
    """`reason` names the service and its gRPC status."""


class PeerAway(Unavailable):
    """`reason` names the service and its gRPC status."""


class Overloaded(ResourceExhausted):
    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("too many webhooks are waiting; try again in a moment")


class OutOfTime(Unavailable):
    reason = "OUT_OF_TIME"

    def __init__(self) -> None:
        super().__init__("the webhook was not stored in time; try again")


class NumberNotRegistered(Unavailable):
    reason = "NUMBER_NOT_REGISTERED"

    def __init__(self) -> None:
        super().__init__("the number is not registered: add it, or take this webhook off it")
