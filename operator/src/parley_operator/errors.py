"""What the operator's parts tell each other.

ParleyError
├── Refused       Twilio or the session service did not do it; says what that means
├── Conflict      a resource is not as it was read: read it again
└── Unavailable   ── ClusterUnavailable: the API server did not do it, or nobody knows
"""

from __future__ import annotations

from parley_chassis.errors import ParleyError, Unavailable
from parley_operator.domain.failures import Failure


class Refused(ParleyError):
    reason = "REFUSED"

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Conflict(ParleyError):
    reason = "CONFLICT"


class ClusterUnavailable(Unavailable):
    """`is_forbidden`: it answered, and we may not."""

    reason = "CLUSTER_UNAVAILABLE"

    def __init__(self, message: str, *, is_forbidden: bool = False) -> None:
        super().__init__(message)
        self.is_forbidden = is_forbidden
