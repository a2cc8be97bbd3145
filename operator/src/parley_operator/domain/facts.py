"""What one decision is made from: the resource, what Twilio and the session service show, the terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from parley_operator.domain.failures import Failure
from parley_operator.domain.resource import Resource
from parley_operator.domain.steps import Registration, Step


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """A number of the Twilio account. Its URLs are "" when unset; `created` is in seconds since 1970."""

    sid: str
    phone_number: str = field(repr=False)
    friendly_name: str = field(default="", repr=False)
    sms: bool = True
    sms_url: str = field(default="", repr=False)
    sms_method: str = "POST"
    sms_fallback_url: str = field(default="", repr=False)
    sms_fallback_method: str = "POST"
    sms_application_sid: str = ""
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class Offer:
    """A number for sale. `address` is what the country asks for: none, any, local or foreign."""

    phone_number: str = field(repr=False)
    address: str = "none"


@dataclass(frozen=True, slots=True)
class Service:
    """A messaging service. `members` are the sids of its numbers."""

    sid: str
    members: frozenset[str] = frozenset()
    defers_to_number: bool = True
    inbound_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Campaign:
    """An A2P 10DLC campaign and the brand behind it; statuses in Twilio's words, "" when there is none."""

    status: str = ""
    brand_status: str = ""
    errors: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """Of a toll-free number. `status` is "" when nobody has asked for one."""

    status: str = ""
    rejection: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator was told about itself. Durations in seconds."""

    sms_url: str
    sms_fallback_url: str
    purchase_limit: int = 20
    """Numbers that are bought in one namespace; 0: none."""
    dry_run: bool = False
    settle: float = 60.0
    """So long after an unclear purchase Twilio's list is believed when it does not show the number."""


@dataclass(frozen=True, slots=True)
class Facts:
    """None means: not looked at, or not known. `failures` are of this run, by the step's class."""

    resource: Resource
    terms: Terms
    now: float
    account_problem: str = ""
    """Why the spec's Twilio account cannot be used."""
    twilio: Failure | None = None
    """Why Twilio was not seen; then the numbers and services below are not known."""
    held: OwnedNumber | None = None
    """The number with the status's sid."""
    named: OwnedNumber | None = None
    """The number that carries our resource's name, as long as it holds none."""
    wanted: OwnedNumber | None = None
    """The account's number with the phone number that was chosen or fixed, as long as the resource holds none."""
    looked: bool = False
    """Whether these three were asked from Twilio itself, after the last step that could have changed them."""
    offers: tuple[Offer, ...] | None = None
    searches: int = 0
    """Searches in this run."""
    excluded: frozenset[str] = frozenset()
    """Phone numbers that were refused in this run, and those that other resources hold."""
    tries: int = 0
    """Numbers that were refused in this run."""
    is_first_attempt: bool = False
    """Whether nobody can have bought the chosen number for us before this run."""
    rival: str = ""
    """Another resource with the number that this one holds or names, if that one goes before."""
    purchases: int = 0
    """Numbers bought in the namespace, or about to be, without this one."""
    service: Service | None = None
    """The messaging service that the number is in."""
    wanted_service: Service | None = None
    campaign: Campaign | None = None
    verification: Verification | None = None
    bundle_status: str | None = None
    registration: Registration | None = None
    """None: not registered, if `session` is None."""
    session: Failure | None = None
    """Why the session service was not seen."""
    namespace_ending: bool | None = None
    kind_ending: bool | None = None
    """Whether the namespace, or the CRD, is being deleted. None: not known, or not asked."""
    failures: Mapping[type[Step], Failure] = field(default_factory=dict)

    @property
    def is_blind(self) -> bool:
        """Whether Twilio does not show us anything now."""
        return bool(self.account_problem) or self.twilio is not None

    @property
    def number(self) -> OwnedNumber | None:
        """The number that the resource has."""
        return self.held if self.resource.status.sid else None
