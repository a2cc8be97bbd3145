"""A PhoneNumber resource as the rules see it: what its owner wants (spec) and what we have noted (status)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parley_operator.domain.conditions import Conditions
from parley_operator.domain.durations import seconds

GROUP, VERSION, PLURAL, KIND = "parley.dev", "v1alpha1", "phonenumbers", "PhoneNumber"
FINALIZER = "parley.dev/phone-number"
HELM_RELEASE = "meta.helm.sh/release-name"
ALLOW_RELEASE = "parley.dev/allow-release"
"""An annotation: its resource's number may be released though Helm put the resource there."""

BOUGHT, ADOPTED = "Bought", "Adopted"
RELEASE, RETAIN = "Release", "Retain"
NAME_LENGTH = 64
"""Twilio's limit of a FriendlyName."""

WISHES = {
    "greeting": "greeting",
    "settle": "settle",
    "fallbackText": "fallback_text",
    "onOpenSession": "on_open_session",
    "inactiveAfter": "inactive_after",
    "grace": "grace",
    "warningText": "warning_text",
    "closingText": "closing_text",
    "unengagedTtl": "unengaged_ttl",
    "textLimit": "text_limit",
    "repeatLimit": "repeat_limit",
    "turnLimit": "turn_limit",
}
DURATIONS = frozenset({"settle", "inactive_after", "grace", "unengaged_ttl"})

Key = tuple[str, str]
"""A resource's namespace and name."""
Wishes = Mapping[str, object]
"""The settings that a number wants otherwise than its agent; durations in seconds."""


@dataclass(frozen=True, slots=True)
class Spec:
    country: str
    agent: str
    type: str = "local"
    area_code: str = ""
    contains: str = field(default="", repr=False)
    phone_number: str = field(default="", repr=False)
    settings: Wishes = field(default_factory=dict, repr=False)
    keywords: str = "twilio"
    segments_per_second: float = 0.0
    """0: as many as Twilio takes."""
    messaging_service_sid: str = ""
    address_sid: str = ""
    bundle_sid: str = ""
    account: str = "default"
    purchase_policy: str = "IfMissing"
    release_policy: str = RETAIN
    sending: bool = True
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Times are seconds since 1970. `chosen_number` is the intent to buy: written before, cleared after."""

    phone_number: str = field(default="", repr=False)
    sid: str = ""
    origin: str = ""
    ingest_from: float = 0.0
    chosen_number: str = field(default="", repr=False)
    chosen_time: float = 0.0
    release_policy: str = ""
    """What the spec said when it was last acted upon, before a deletion."""
    observed_generation: int = 0
    conditions: Conditions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    namespace: str
    name: str
    uid: str
    version: str
    """The API server's resourceVersion: what is written is written against it."""
    generation: int
    created: str
    spec: Spec
    status: Status = Status()
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_guarded(self) -> bool:
        """Whether it stays until we have given up its number."""
        return FINALIZER in self.finalizers

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    @property
    def friendly_name(self) -> str:
        """What a number that was bought for this resource is called at Twilio: the evidence that it is ours."""
        return f"parley {self.uid} {self.namespace}/{self.name}"[:NAME_LENGTH]

    @property
    def age_rank(self) -> tuple[str, str]:
        """Orders resources by their age, the oldest first."""
        return self.created, self.uid

    @property
    def holds(self) -> set[str]:
        """The numbers that nobody else may take."""
        return {number for number in (self.status.phone_number, self.status.chosen_number) if number}

    @property
    def counts_as_purchase(self) -> bool:
        """Whether the namespace's limit counts this: a number bought, or one about to be."""
        return self.status.origin == BOUGHT or bool(self.status.chosen_number)


def read_spec(raw: Mapping[str, Any]) -> Spec:
    """The API server has checked it against the CRD."""
    wishes = {WISHES[name]: value for name, value in raw.get("settings", {}).items() if name in WISHES}
    return Spec(
        country=raw.get("country", ""),
        agent=raw.get("agent", ""),
        type=raw.get("type", "local"),
        area_code=raw.get("areaCode", ""),
        contains=raw.get("contains", ""),
        phone_number=raw.get("phoneNumber", ""),
        settings={name: seconds(str(value)) if name in DURATIONS else value for name, value in wishes.items()},
        keywords=raw.get("keywords", "twilio"),
        segments_per_second=float(raw.get("segmentsPerSecond", 0)),
        messaging_service_sid=raw.get("messagingServiceSid", ""),
        address_sid=raw.get("addressSid", ""),
        bundle_sid=raw.get("bundleSid", ""),
        account=raw.get("account", "default"),
        purchase_policy=raw.get("purchasePolicy", "IfMissing"),
        release_policy=raw.get("releasePolicy", RETAIN),
        sending=raw.get("sending", True),
        paused=raw.get("paused", False),
    )
