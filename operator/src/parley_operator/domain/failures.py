"""What Twilio's refusals mean: a class that says who can help, a reason, words that name the next step, and a pause.

The table is of codes; what it does not list is judged by the HTTP status.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

SOON, LATER, HOURLY = 5.0, 60.0, 3600.0
"""Seconds until a step is tried again: what passes by itself, what an administrator mends, what a changed spec does."""


class Kind(Enum):
    MARKET = "the number went to somebody else: choose another"
    SPEC = "the resource asks for what cannot be"
    ADMIN = "the account needs an administrator"
    BUSY = "too many requests at once"
    TRANSIENT = "refused for a moment; nothing was done"
    OPEN = "the outcome is not known"
    GONE = "what the request was about is not there"
    DONE = "it was as wanted already"


@dataclass(frozen=True, slots=True)
class Failure:
    kind: Kind
    reason: str
    message: str = field(repr=False)
    retry_after: float
    code: int = 0

    @property
    def is_passing(self) -> bool:
        """Whether it says nothing about the resource."""
        return self.kind in (Kind.BUSY, Kind.TRANSIENT, Kind.OPEN)


BUNDLE = (
    "Have a regulatory bundle for the country and type approved in Twilio's console, and put its Sid into "
    "spec.bundleSid."
)
ADDRESS = "Create an address in Twilio's console, and put its Sid into spec.addressSid."
REFUSED = {
    20003: (
        Kind.ADMIN,
        "AccountRefused",
        "Twilio refuses the account's credentials. Put valid ones into the mounted account.",
    ),
    20005: (
        Kind.ADMIN,
        "AccountSuspended",
        "Twilio says that the account is not active. Settle that with Twilio.",
    ),
    20404: (
        Kind.GONE,
        "NotFound",
        "Twilio does not know it.",
    ),
    20429: (
        Kind.BUSY,
        "TwilioBusy",
        "Twilio has too many requests of this account under way. It is tried again.",
    ),
    21402: (
        Kind.ADMIN,
        "WebhookUrlRefused",
        "Twilio refuses the webhook's URL. Set PARLEY_OPERATOR_PUBLIC_URL to a public https URL.",
    ),
    21403: (
        Kind.ADMIN,
        "WebhookUrlRefused",
        "Twilio refuses the webhook's URL. Set PARLEY_OPERATOR_PUBLIC_URL to a public https URL.",
    ),
    21404: (
        Kind.ADMIN,
        "TrialAccount",
        "A trial account can have no further number. Upgrade it, or adopt its number by spec.phoneNumber.",
    ),
    21406: (
        Kind.TRANSIENT,
        "FallbackAlone",
        "Twilio takes no fallback webhook without a webhook. Both are set again.",
    ),
    21407: (
        Kind.SPEC,
        "NoSms",
        "Numbers of this type carry no SMS. Create a PhoneNumber of another spec.type.",
    ),
    21421: (
        Kind.SPEC,
        "NumberInvalid",
        "Twilio says that this is no phone number that can be bought. Correct spec.phoneNumber.",
    ),
    21422: (
        Kind.MARKET,
        "NumberUnavailable",
        "Twilio has no such number for sale, and the account does not own it. Choose another, or remove "
        "spec.phoneNumber to have one searched.",
    ),
    21451: (
        Kind.SPEC,
        "AreaCodeInvalid",
        "Twilio knows no such area code. Correct or remove spec.areaCode.",
    ),
    21452: (
        Kind.SPEC,
        "NoneAvailable",
        "Twilio has no number in this area code now. Change or remove spec.areaCode and spec.contains, or wait.",
    ),
    21613: (
        Kind.SPEC,
        "AddressRequired",
        f"The country wants a certified address for this number. {ADDRESS}",
    ),
    21615: (
        Kind.SPEC,
        "AddressRequired",
        f"The country wants a local address for this number. {ADDRESS}",
    ),
    21631: (
        Kind.SPEC,
        "AddressRequired",
        f"The country wants an address for this number. {ADDRESS}",
    ),
    21649: (
        Kind.SPEC,
        "BundleRequired",
        f"The country wants a regulatory bundle. {BUNDLE}",
    ),
    21650: (
        Kind.SPEC,
        "IdentityRequired",
        f"The country wants a verified identity. {BUNDLE}",
    ),
    21710: (
        Kind.DONE,
        "Attached",
        "The number is in the messaging service.",
    ),
    21711: (
        Kind.GONE,
        "NotInService",
        "The number is not in the messaging service.",
    ),
    21712: (
        Kind.SPEC,
        "InAnotherService",
        "The number is in another messaging service. Take it out there, or name that one in spec.messagingServiceSid.",
    ),
    21714: (
        Kind.ADMIN,
        "ServiceFull",
        "The messaging service can take no more numbers. Name another in spec.messagingServiceSid.",
    ),
    21715: (
        Kind.SPEC,
        "NoSms",
        "The number lacks a capability that the messaging service needs. Name another in spec.messagingServiceSid.",
    ),
    22300: (
        Kind.ADMIN,
        "AccountRestricted",
        "Twilio lets this account have no new long codes. Ask Twilio's support, or use a toll-free number.",
    ),
}
PAUSES = {Kind.SPEC: HOURLY, Kind.ADMIN: LATER, Kind.GONE: LATER, Kind.BUSY: SOON, Kind.MARKET: LATER}

UNREACHABLE = Failure(Kind.TRANSIENT, "TwilioUnavailable", "Twilio cannot be reached. It is tried again.", SOON)
UNCLEAR = Failure(Kind.OPEN, "TwilioUnclear", "Twilio did not say what became of a request. It is looked up.", SOON)


def refusal(http_status: int, code: int, detail: str = "") -> Failure:
    """What an answer other than success means. `detail` is Twilio's own text, where there is no code."""
    if code in REFUSED:
        kind, reason, message = REFUSED[code]
        return Failure(kind, reason, message, PAUSES.get(kind, SOON), code)
    if http_status == 429:
        return refusal(429, 20429)
    if http_status in (401, 403):
        return refusal(401, 20003)
    if http_status == 404:
        return refusal(404, 20404)
    if http_status >= 500:
        # It may have been done all the same.
        return UNCLEAR
    words = f"Twilio refuses this (error {code}). See https://www.twilio.com/docs/api/errors/{code}" if code else detail
    return Failure(Kind.SPEC, "TwilioRefused", words or f"Twilio refuses this (status {http_status}).", HOURLY, code)
