"""What the notifier answers when it refuses, and what its own parts tell each other.

ParleyError
├── InvalidArgument   a field is missing or malformed; named in the message
├── RecordRefused     the session service does not take a record as it is
├── CallRefused       it does not serve a call, as an older one does not
├── GateRecovering    what was sent is not known yet: the gate stays closed
└── Unavailable       ── CarrierUnavailable, NotTaken, LeaseLost
"""

from __future__ import annotations

from parley_chassis.errors import FailedPrecondition, ParleyError, Unavailable


class RecordRefused(ParleyError):
    reason = "RECORD_REFUSED"


class CarrierUnavailable(Unavailable):
    """Twilio's list could not be read; nothing follows from that."""

    reason = "CARRIER_UNAVAILABLE"


class CallRefused(ParleyError):
    reason = "CALL_REFUSED"


class GateRecovering(FailedPrecondition):
    reason = "GATE_RECOVERING"

    def __init__(self) -> None:
        super().__init__("what a lost state of the database has sent is not known yet: wait, or open it with force")


class NotTaken(Unavailable):
    """The session service has not taken a text; it may be handed over again."""

    reason = "NOT_TAKEN"


class LeaseLost(Unavailable):
    reason = "LEASE_LOST"
