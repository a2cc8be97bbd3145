"""Changes a number of the account behind its owner's back, as another hand in Twilio's console would."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from parley_simulator.domain.numbers import METHODS, Number, is_http_url
from parley_simulator.errors import BadRequestError

URLS = ("sms_url", "sms_fallback_url")
SMS_METHODS = ("sms_method", "sms_fallback_method")
TEXTS = (*URLS, *SMS_METHODS, "sms_application_sid", "friendly_name", "address_sid", "bundle_sid")


@dataclass(frozen=True, slots=True)
class NumberChange:
    """None leaves a thing as it is, "" unsets it."""

    sms_url: str | None = field(default=None, repr=False)
    sms_method: str | None = None
    sms_fallback_url: str | None = field(default=None, repr=False)
    sms_fallback_method: str | None = None
    sms_application_sid: str | None = None
    friendly_name: str | None = field(default=None, repr=False)
    address_sid: str | None = None
    bundle_sid: str | None = None
    sms_capable: bool | None = None


def configure_number(number: Number, change: NumberChange, now: float) -> None:
    """Does all or nothing. Raises BadRequestError."""
    for name in URLS:
        url = getattr(change, name)
        if url and not is_http_url(url):
            raise BadRequestError(f"{name}: write an http or https URL whose host has no underscore")
    for name in SMS_METHODS:
        if getattr(change, name) not in (None, *METHODS):
            raise BadRequestError(f"{name}: use one of {', '.join(METHODS)}")
    for name in TEXTS:
        if (value := getattr(change, name)) is not None:
            setattr(number, name, value)
    if change.sms_capable is not None:
        number.terms = replace(number.terms, sms=change.sms_capable)
    number.updated = now
