"""The account's phone numbers and what may be configured on them.

Any application's sid is one of ours; what an application does with texts is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from parley_simulator.domain.form import Form
from parley_simulator.domain.inventory import NumberType, Terms
from parley_simulator.domain.keywords import is_toll_free
from parley_simulator.domain.refusals import Refusal

E164 = re.compile(r"\+[1-9]\d{6,14}")
APPLICATION_SID = re.compile(r"AP[0-9a-fA-F]{32}")
METHODS = ("GET", "POST")
ANYTHING = Terms(mms=True)
# Form field of the API -> attribute of Number.
FIELDS = {
    "FriendlyName": "friendly_name",
    "SmsUrl": "sms_url",
    "SmsMethod": "sms_method",
    "SmsFallbackUrl": "sms_fallback_url",
    "SmsFallbackMethod": "sms_fallback_method",
    "SmsApplicationSid": "sms_application_sid",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceUrl": "voice_url",
}


@dataclass(slots=True)
class Number:
    """A phone number of the account; "" is an unset URL, as on the wire. Times are seconds since the epoch."""

    sid: str
    phone_number: str = field(repr=False)
    created: float
    updated: float
    friendly_name: str = field(default="", repr=False)
    sms_url: str = field(default="", repr=False)
    sms_method: str = "POST"
    sms_fallback_url: str = field(default="", repr=False)
    sms_fallback_method: str = "POST"
    sms_application_sid: str = ""
    status_callback: str = field(default="", repr=False)
    status_callback_method: str = "POST"
    voice_url: str = field(default="", repr=False)
    country: str = ""
    type: NumberType = NumberType.LOCAL
    terms: Terms = ANYTHING
    address_sid: str = ""
    bundle_sid: str = ""

    def __post_init__(self) -> None:
        self.friendly_name = self.friendly_name or friendly(self.phone_number)
        if is_toll_free(self.phone_number):
            self.type = NumberType.TOLL_FREE

    @property
    def sms_capable(self) -> bool:
        return self.terms.sms


class Numbers:
    """The numbers by phone number and by sid, in the order they came."""

    def __init__(self) -> None:
        self._by_phone: dict[str, Number] = {}
        self._by_sid: dict[str, Number] = {}

    def __iter__(self) -> Iterator[Number]:
        return iter(self._by_phone.values())

    def add(self, number: Number) -> None:
        self._by_phone[number.phone_number] = number
        self._by_sid[number.sid] = number

    def remove(self, number: Number) -> None:
        del self._by_phone[number.phone_number], self._by_sid[number.sid]

    def find(self, phone_number: str) -> Number | None:
        return self._by_phone.get(phone_number)

    def get(self, sid: str) -> Number | None:
        return self._by_sid.get(sid)


def friendly(phone_number: str) -> str:
    """`+18089255327` as `(808) 925-5327`; other countries' numbers as they are."""
    if phone_number.startswith("+1") and len(phone_number) == 12:
        return f"({phone_number[2:5]}) {phone_number[5:8]}-{phone_number[8:]}"
    return phone_number


def update(number: Number, form: Form, now: float) -> None:
    """Applies the fields that are in the form, all or none. Raises Refusal 21402, 21403, 21406, 21407 or 21420."""
    changes = {attribute: form.get(name) for name, attribute in FIELDS.items() if name in form}
    for attribute, value in changes.items():
        if attribute.endswith("method") and value.upper() not in METHODS:
            raise Refusal(21403, f"{attribute} is not a valid HTTP method")
        if attribute.endswith(("url", "callback")) and value and not is_http_url(value):
            raise Refusal(21402, f"{attribute} is not a valid URL")
    _check_texts(number, changes)
    for attribute, value in changes.items():
        setattr(number, attribute, value.upper() if attribute.endswith("method") else value)
    number.friendly_name = number.friendly_name or friendly(number.phone_number)
    number.updated = now


def _check_texts(number: Number, changes: Mapping[str, str]) -> None:
    if len(changes.get("friendly_name", "")) > 64:
        raise Refusal(20422, "FriendlyName must be at most 64 characters")
    if changes.get("sms_fallback_url") and not changes.get("sms_url", number.sms_url):
        raise Refusal(21406, "SmsFallbackUrl needs an SmsUrl")
    application = changes.get("sms_application_sid")
    if application and not APPLICATION_SID.fullmatch(application):
        raise Refusal(21420, "SmsApplicationSid is not an application of this account")
    if not number.sms_capable and (changes.get("sms_url") or application):
        raise Refusal(21407, "This Phone Number type does not support SMS or MMS")


def is_http_url(url: str) -> bool:
    """http or https with a host that Twilio accepts (no underscore); loopback and private hosts are fine here."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and "_" not in (host or "") and len(url) <= 4000
