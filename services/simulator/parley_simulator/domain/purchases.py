"""Judges a purchase: whether there is such a number, whether the account may have one, and with which papers.

Choices where nothing is documented: the number is judged before the account; neither PhoneNumber nor AreaCode is 21421.
"""

from __future__ import annotations

from dataclasses import dataclass

from parley_simulator.domain.form import Form
from parley_simulator.domain.inventory import NORTH_AMERICA, Inventory, NumberType, Offer
from parley_simulator.domain.numbers import E164, Number, Numbers, update
from parley_simulator.domain.papers import Papers
from parley_simulator.domain.refusals import Refusal
from parley_simulator.domain.search import area_code

TRIAL_NUMBERS = 1
INVALID = "+15005550001"


@dataclass(slots=True)
class Standing:
    """How Twilio sees the account."""

    trial: bool = False
    restricted: bool = False
    """From new long codes."""
    suspended: bool = False
    carriers_check: bool = False
    """Whether US carriers refuse texts from numbers that are not registered with them."""
    owned_again: bool = False
    """Whether buying a number that the account owns already changes it (201), as some report, and is not 21422."""


def choose(form: Form, wanted: NumberType | None, inventory: Inventory, numbers: Numbers) -> Offer:
    """The offer that a purchase is about; `wanted` where the path names a type. Raises Refusal."""
    if "PhoneNumber" not in form:
        return _in_area(form, wanted, inventory)
    phone_number = form.get("PhoneNumber")
    if not E164.fullmatch(phone_number) or phone_number == INVALID:
        raise Refusal(21421, f"{phone_number} is not a valid number")
    offer = inventory.find(phone_number)
    if offer is None or numbers.find(phone_number) is not None:
        raise Refusal(21422, f"{phone_number} is not available")
    if wanted not in (None, offer.type):
        raise Refusal(21458, f"{phone_number} is not of this type")
    return offer


def check_standing(offer: Offer, standing: Standing, numbers: Numbers) -> None:
    """Raises Refusal 21404 or 22300."""
    if standing.trial and len(list(numbers)) >= TRIAL_NUMBERS:
        raise Refusal(21404, "Trial accounts are allowed only one Twilio phone number. Upgrade to have more")
    if standing.restricted and offer.type is not NumberType.TOLL_FREE:
        raise Refusal(22300, "This account is restricted from provisioning new long codes", 403)


def change(number: Number, form: Form, papers: Papers, now: float, *, bought: bool = False) -> None:
    """Applies the fields that are in the form, all or none. Raises Refusal."""
    address = form.get("AddressSid", number.address_sid)
    bundle = form.get("BundleSid", number.bundle_sid)
    if bought or "AddressSid" in form or "BundleSid" in form:
        papers.check(number.country, number.type, number.terms, address, bundle)
    update(number, form, now)
    number.address_sid, number.bundle_sid = address, bundle


def _in_area(form: Form, wanted: NumberType | None, inventory: Inventory) -> Offer:
    if not form.get("AreaCode"):
        raise Refusal(21421, "Either a PhoneNumber or an AreaCode is required")
    if wanted is not None:
        raise Refusal(21457, "AreaCode cannot be used to buy a number of a named type")
    area = area_code(form.get("AreaCode"))
    offers = (
        offer
        for offer in inventory
        if offer.country in NORTH_AMERICA and offer.type is NumberType.LOCAL and offer.area_code == area
    )
    found = next((offer for offer in offers if not offer.stale), None)
    if found is None:
        raise Refusal(21452, f"No phone numbers found in area code {area}")
    return found
