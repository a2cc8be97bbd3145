"""Why a request that could be read is refused: a webhook with `503`, to be repeated; a call of the API by its kind.

ParleyError
├── PeerFailed           the service behind answered with an error
├── NotAllowed           the key is not for this
├── InvalidArgument      a field cannot be used; named in the message
├── NotFound
├── FailedPrecondition   right request, wrong state
├── AlreadyExists        the Idempotency-Key belongs to another request
├── Unauthenticated
│   └── KeyRefused
├── ResourceExhausted
│   ├── Overloaded       too many webhooks wait already
│   └── TooFast          more calls than the key may make
└── Unavailable
    ├── PeerAway         the service behind did not answer
    ├── OutOfTime        the time to answer is used up; the item may still be stored
    └── NumberNotRegistered
"""

from __future__ import annotations

from parley_chassis.errors import ParleyError, ResourceExhausted, Unauthenticated, Unavailable


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


class KeyRefused(Unauthenticated):
    reason = "KEY_REFUSED"


class NotAllowed(ParleyError):
    reason = "NOT_ALLOWED"


class TooFast(ResourceExhausted):
    """`wait` is the seconds until the next call may be made."""

    reason = "TOO_FAST"

    def __init__(self, wait: float) -> None:
        super().__init__("the key makes more calls than it may: slow down")
        self.wait = wait
