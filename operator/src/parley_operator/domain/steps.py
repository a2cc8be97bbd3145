"""What may be done next, as data: one step at a time, and what was seen is looked at again after each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from parley_operator.domain.resource import Wishes


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Before anything that costs or lasts."""


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """The resource may go. `why` becomes an event."""

    reason: str = "Retained"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """Asks Twilio itself instead of remembering: for the number by its sid, its phone number and our name."""


@dataclass(frozen=True, slots=True)
class Search:
    country: str
    type: str
    area_code: str = ""
    contains: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Choose:
    """Writes the intent to buy this number, before it is bought."""

    phone_number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForgetChoice:
    """The chosen number is somebody else's. It is not chosen again in this run."""

    phone_number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Buy:
    """Without a webhook: no text arrives before somebody is there for it."""

    phone_number: str = field(repr=False)
    friendly_name: str
    address_sid: str = ""
    bundle_sid: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Writes that the resource has this number from now on."""

    phone_number: str = field(repr=False)
    sid: str
    origin: str
    ingest_from: float


@dataclass(frozen=True, slots=True)
class Registration:
    """What the session service is to know about a number. `ingest_from` is in seconds since 1970."""

    phone_number: str = field(repr=False)
    agent: str
    settings: Wishes = field(repr=False)
    keywords: str
    opt_out_scope: str
    sending: bool
    ingest_from: float
    segments_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Register:
    registration: Registration


@dataclass(frozen=True, slots=True)
class Deregister:
    phone_number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attach:
    service_sid: str
    sid: str


@dataclass(frozen=True, slots=True)
class Detach:
    service_sid: str
    sid: str


@dataclass(frozen=True, slots=True)
class Configure:
    """Sets fields of the number, by the names of Twilio's API. `repairs` names what had drifted; empty at first."""

    sid: str
    fields: Mapping[str, str] = field(repr=False)
    repairs: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """Gives the number back to Twilio, for good."""

    sid: str
    phone_number: str = field(repr=False)


Step = (
    AddFinalizer
    | RemoveFinalizer
    | Look
    | Search
    | Choose
    | ForgetChoice
    | Buy
    | Hold
    | Register
    | Deregister
    | Attach
    | Detach
    | Configure
    | Release
)
