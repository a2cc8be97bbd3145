"""What US carriers want to see before they take texts: brands and campaigns (A2P 10DLC), toll-free verifications.

Nothing moves by itself: whoever runs the simulator says what was decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from parley_simulator.domain.inventory import NumberType
from parley_simulator.domain.numbers import Number
from parley_simulator.domain.records import Records

UNVERIFIED_TOLL_FREE, CAMPAIGN_SUSPENDED, UNREGISTERED = 30032, 30033, 30034

BRAND_STATUSES = (
    "PENDING",
    "APPROVED",
    "FAILED",
    "IN_REVIEW",
    "DELETION_PENDING",
    "DELETION_FAILED",
    "SUSPENDED",
)
IDENTITY_STATUSES = ("SELF_DECLARED", "UNVERIFIED", "VERIFIED", "VETTED_VERIFIED")
CAMPAIGN_STATUSES = ("IN_PROGRESS", "PENDING", "VERIFIED", "FAILED", "SUSPENDED")
VERIFICATION_STATUSES = ("PENDING_REVIEW", "IN_REVIEW", "TWILIO_APPROVED", "TWILIO_REJECTED")


@dataclass(slots=True)
class Brand:
    """Times are seconds since the epoch, here and in all that follows."""

    sid: str
    created: float
    updated: float
    status: str = "PENDING"
    identity_status: str = "UNVERIFIED"
    failure_reason: str = ""
    brand_type: str = "STANDARD"
    customer_profile_bundle_sid: str = ""
    a2p_profile_bundle_sid: str = ""


@dataclass(slots=True)
class Campaign:
    """`errors`: why it failed, in words."""

    sid: str
    created: float
    updated: float
    service_sid: str
    brand_sid: str
    status: str = "IN_PROGRESS"
    errors: tuple[str, ...] = ()
    usecase: str = "CUSTOMER_CARE"
    description: str = field(default="", repr=False)
    message_flow: str = field(default="", repr=False)
    message_samples: tuple[str, ...] = field(default=(), repr=False)


@dataclass(slots=True)
class Verification:
    sid: str
    created: float
    updated: float
    number_sid: str
    phone_number: str = field(repr=False)
    status: str = "PENDING_REVIEW"
    rejection_reason: str = ""
    edit_allowed: bool = False
    business_name: str = field(default="", repr=False)


@dataclass(slots=True)
class Registrations:
    brands: Records[Brand] = field(default_factory=Records)
    campaigns: Records[Campaign] = field(default_factory=Records)
    verifications: Records[Verification] = field(default_factory=Records)

    def hindrance(self, number: Number, service_sid: str, to: str) -> int | None:
        """The error code with which US carriers refuse a text from the number, which is in this service, if any."""
        if not to.startswith("+1"):
            return None
        if number.type is NumberType.TOLL_FREE:
            approved = any(found.status == "TWILIO_APPROVED" for found in self.of_number(number.sid))
            return None if approved else UNVERIFIED_TOLL_FREE
        if number.country != "US":
            return None
        statuses = {campaign.status for campaign in self.of_service(service_sid)}
        if "VERIFIED" in statuses:
            return None
        return CAMPAIGN_SUSPENDED if "SUSPENDED" in statuses else UNREGISTERED

    def of_service(self, service_sid: str) -> list[Campaign]:
        return [campaign for campaign in self.campaigns if campaign.service_sid == service_sid]

    def of_number(self, number_sid: str) -> list[Verification]:
        return [verification for verification in self.verifications if verification.number_sid == number_sid]
