"""A text from a participant, as the fields of Twilio's incoming-message webhook give it.

Refuses channels other than SMS, and fields that have no meaning: what is signed is still checked, because the signed
text does not tell where one field ends and the next begins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from parley_gateway.domain.forms import Pair, fields_of
from parley_gateway.domain.refusals import Malformed

MAX_MEDIA = 10
MAX_URL = 2048
MEDIA_URLS = tuple(f"MediaUrl{index}" for index in range(MAX_MEDIA))
KNOWN = (
    *("AccountSid", "MessageSid", "From", "To", "Body", "NumMedia"),
    *MEDIA_URLS,
    *("OptOutType", "ErrorCode", "ErrorUrl"),
)
OPT_OUT_TYPES = frozenset({"STOP", "START", "HELP"})

MESSAGE_SID = re.compile("(?:SM|MM)[0-9a-fA-F]{32}")
# E.164, or a short code.
_NUMBER = re.compile(r"\+[1-9][0-9]{1,14}|[0-9]{3,8}")
# A sender that shows a name can be read, not answered; the session service decides what becomes of its texts.
_NAMED_SENDER = re.compile(r"(?!\+)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9 &+_.\-]{1,11}")
_CHANNEL_ADDRESS = re.compile("[a-z]+:.*", re.DOTALL)
_MEDIA_COUNT = re.compile("[0-9]|10")
_URL = re.compile("https?://[!-~]+")
_ERROR_CODE = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Inbound:
    """`received_ns` is nanoseconds since 1970; `source_id` is Twilio's MessageSid."""

    endpoint: str = field(repr=False)
    participant: str = field(repr=False)
    source_id: str
    text: str = field(repr=False)
    media_urls: tuple[str, ...] = field(repr=False)
    received_ns: int
    traceparent: str
    opt_out_type: str = ""
    """STOP, START or HELP, where Twilio took the text for one and has answered it; else empty."""


@dataclass(frozen=True, slots=True)
class PrimaryFailure:
    """What the request to the fallback URL says about the one before: its error, 0 if it cannot be read, and where."""

    error_code: int
    error_url: str
    """Without its query."""


def inbound_fields(pairs: list[Pair]) -> dict[str, str]:
    return fields_of(pairs, KNOWN)


def parse_inbound(fields: Mapping[str, str], received_ns: int, traceparent: str) -> Inbound:
    """Raises Malformed naming the field."""
    source_id = required(fields, "MessageSid")
    if not MESSAGE_SID.fullmatch(source_id):
        raise Malformed("MessageSid", "is not SM or MM with 32 hexadecimal digits")
    endpoint, participant = _address(fields, "To"), required(fields, "From")
    if not _NAMED_SENDER.fullmatch(participant):
        participant = _address(fields, "From")
    return Inbound(
        endpoint,
        participant,
        source_id,
        required(fields, "Body"),
        _media_urls(fields),
        received_ns,
        traceparent,
        _opt_out_type(fields),
    )


def primary_failure(fields: Mapping[str, str]) -> PrimaryFailure | None:
    """What failed before, if this is the repetition at the fallback URL. Only for the log, so nothing is refused."""
    code, url = fields.get("ErrorCode"), fields.get("ErrorUrl", "").partition("?")[0]
    if not code:
        return None
    is_url = len(url) <= MAX_URL and _URL.fullmatch(url)
    return PrimaryFailure(int(code) if _ERROR_CODE.fullmatch(code) else 0, url if is_url else "")


def required(fields: Mapping[str, str], name: str) -> str:
    try:
        return fields[name]
    except KeyError:
        raise Malformed(name, "is missing") from None


def _address(fields: Mapping[str, str], name: str) -> str:
    value = required(fields, name)
    if _NUMBER.fullmatch(value):
        return value
    if _CHANNEL_ADDRESS.fullmatch(value):
        raise Malformed(name, "is an address of another channel; only SMS is served here")
    raise Malformed(name, "is neither an E.164 number nor a short code")


def _opt_out_type(fields: Mapping[str, str]) -> str:
    # Of a type that Twilio may add nothing is known here: its text is one like others.
    given = fields.get("OptOutType", "").upper()
    return given if given in OPT_OUT_TYPES else ""


def _media_urls(fields: Mapping[str, str]) -> tuple[str, ...]:
    counted = fields.get("NumMedia", "0")
    if not _MEDIA_COUNT.fullmatch(counted):
        raise Malformed("NumMedia", f"is not a number from 0 to {MAX_MEDIA}")
    count = int(counted)
    for name in MEDIA_URLS[count : count + 1]:
        if name in fields:
            raise Malformed("NumMedia", f"does not count {name}")
    return tuple([_media_url(fields, name) for name in MEDIA_URLS[:count]])


def _media_url(fields: Mapping[str, str], name: str) -> str:
    url = required(fields, name)
    if not _URL.fullmatch(url) or len(url) > MAX_URL:
        raise Malformed(name, f"is not an http(s) URL of at most {MAX_URL} characters")
    return url
