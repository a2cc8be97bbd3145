"""Searches for numbers for sale: the filters of AvailablePhoneNumbers, and how its patterns are read.

Assumed, since undocumented: AreaCode counts in the US and Canada only, and a pattern that cannot be read is 20001.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from parley_simulator.domain.form import Form
from parley_simulator.domain.inventory import NORTH_AMERICA, AddressNeed, Offer
from parley_simulator.domain.refusals import Refusal

AREA_CODE = re.compile(r"[2-9]\d\d")
PATTERN = re.compile(r"\+?%?([0-9A-Z*]+)%?\$?")
KEYPAD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
CAPABILITIES = {"SmsEnabled": "sms", "MmsEnabled": "mms", "VoiceEnabled": "voice"}
EXCLUSIONS = {
    "ExcludeAllAddressRequired": (AddressNeed.ANY, AddressNeed.LOCAL, AddressNeed.FOREIGN),
    "ExcludeLocalAddressRequired": (AddressNeed.LOCAL,),
    "ExcludeForeignAddressRequired": (AddressNeed.FOREIGN,),
}
PLACES = {"InRegion": "region", "InLocality": "locality", "InPostalCode": "postal_code"}


@dataclass(frozen=True, slots=True)
class Search:
    """What a number must fit."""

    area_code: str
    contains: re.Pattern[str] | None = field(repr=False)
    capabilities: tuple[tuple[str, bool], ...]
    excluded: frozenset[AddressNeed]
    beta: bool
    places: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, query: Form) -> Search:
        """Raises Refusal 20001 or 21451."""
        capabilities = tuple((name, _flag(query, field)) for field, name in CAPABILITIES.items() if query.get(field))
        excluded = {need for field, needs in EXCLUSIONS.items() if _flag(query, field) for need in needs}
        places = tuple((name, query.get(field)) for field, name in PLACES.items() if query.get(field))
        return cls(
            area_code(query.get("AreaCode")) if query.get("AreaCode") else "",
            pattern(query.get("Contains")) if query.get("Contains") else None,
            capabilities,
            frozenset(excluded),
            _flag(query, "Beta", default=True),
            places,
        )

    def among(self, offers: Iterable[Offer]) -> list[Offer]:
        return [offer for offer in offers if self._fits(offer)]

    def _fits(self, offer: Offer) -> bool:
        terms = offer.terms
        return (
            (not self.area_code or offer.country not in NORTH_AMERICA or offer.area_code == self.area_code)
            and (self.contains is None or self.contains.search(offer.phone_number) is not None)
            and all(getattr(terms, name) is wanted for name, wanted in self.capabilities)
            and terms.address not in self.excluded
            and (self.beta or not terms.beta)
            and all(getattr(offer, name).lower() == wanted.lower() for name, wanted in self.places)
        )


def area_code(text: str) -> str:
    """Raises Refusal 21451."""
    if not AREA_CODE.fullmatch(text):
        raise Refusal(21451, f"{text} is not a valid area code")
    return text


def pattern(text: str) -> re.Pattern[str]:
    """`*` is any one digit, `%` at an end any digits, `+` the start, `$` the end; letters are those of a keypad."""
    found = PATTERN.fullmatch(text.upper())
    if found is None or not 2 <= len(text) <= 16 or len(found[1].replace("*", "")) < 2:
        raise Refusal(20001, f"Contains: {text} is not a pattern of 2 to 16 characters, two of them digits or letters")
    body = found[1].translate(KEYPAD).replace("*", r"\d")
    start, end = text.startswith("+"), text.endswith("$")
    before = r"^\+" if start else ""
    after = "$" if end else ""
    loose_start, loose_end = text.lstrip("+").startswith("%"), text.rstrip("$").endswith("%")
    return re.compile(f"{before}{_any(loose_start)}{body}{_any(loose_end)}{after}")


def _any(loose: bool) -> str:
    return r"\d*" if loose else ""


def _flag(query: Form, name: str, *, default: bool = False) -> bool:
    text = query.get(name).lower()
    if text not in ("", "true", "false"):
        raise Refusal(20001, f"{name} must be true or false")
    return text == "true" if text else default
