"""What Twilio wants to see before it sells some numbers: addresses, and regulatory bundles that it has approved.

Assumed, since undocumented: an address must stand beside a bundle, not in it, and a bundle names one type of number.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from parley_simulator.domain.form import Form
from parley_simulator.domain.inventory import AddressNeed, NumberType, Terms
from parley_simulator.domain.records import Records
from parley_simulator.domain.refusals import Refusal

DRAFT, PENDING_REVIEW = "draft", "pending-review"
BUNDLE_STATUSES = (
    DRAFT,
    PENDING_REVIEW,
    "in-review",
    "twilio-rejected",
    "twilio-approved",
    "provisionally-approved",
)
APPROVED = ("twilio-approved", "provisionally-approved")
# The numbers API writes types otherwise than AvailablePhoneNumbers.
BUNDLE_TYPES = {"local": NumberType.LOCAL, "mobile": NumberType.MOBILE, "toll-free": NumberType.TOLL_FREE}
# Form field of the API -> attribute of Address.
ADDRESS_FIELDS = {
    "CustomerName": "customer_name",
    "Street": "street",
    "City": "city",
    "Region": "region",
    "PostalCode": "postal_code",
    "FriendlyName": "friendly_name",
}


@dataclass(slots=True)
class Address:
    """Times are seconds since the epoch, here and in all that follows."""

    sid: str
    created: float
    updated: float
    iso_country: str
    customer_name: str = field(default="", repr=False)
    street: str = field(default="", repr=False)
    city: str = field(default="", repr=False)
    region: str = field(default="", repr=False)
    postal_code: str = field(default="", repr=False)
    friendly_name: str = field(default="", repr=False)


@dataclass(slots=True)
class Bundle:
    """`number_type` and `iso_country` are "" for a bundle that fits any."""

    sid: str
    created: float
    updated: float
    friendly_name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    iso_country: str = ""
    number_type: str = ""
    end_user_type: str = "business"
    status: str = DRAFT

    def fits(self, country: str, kind: NumberType) -> bool:
        wanted = BUNDLE_TYPES.get(self.number_type)
        return self.iso_country in ("", country) and wanted in (None, kind)


class Papers:
    """The account's addresses and bundles."""

    def __init__(self) -> None:
        self.addresses: Records[Address] = Records()
        self.bundles: Records[Bundle] = Records()

    def check(self, country: str, kind: NumberType, terms: Terms, address_sid: str, bundle_sid: str) -> None:
        """Raises Refusal 21615, 21631 or 21649 when the number may not be had with these papers."""
        self._check_address(country, terms, address_sid)
        self._check_bundle(country, kind, terms, bundle_sid)

    def _check_address(self, country: str, terms: Terms, sid: str) -> None:
        address = self.addresses.get(sid)
        if sid and address is None:
            raise Refusal(21631, f"AddressSid {sid} is not an address of this account")
        need = terms.address
        if need is AddressNeed.LOCAL and (address is None or address.iso_country != country):
            raise Refusal(21615, f"Phone Number Requires a Local Address: AddressSid must be an address in {country}")
        if need is AddressNeed.FOREIGN and (address is None or address.iso_country == country):
            raise Refusal(21631, "Phone Number Requires an Address: AddressSid must be an address in another country")
        if need is AddressNeed.ANY and address is None:
            raise Refusal(21631, "Phone Number Requires an Address but the 'AddressSid' parameter was empty.")

    def _check_bundle(self, country: str, kind: NumberType, terms: Terms, sid: str) -> None:
        bundle = self.bundles.get(sid)
        if not sid and not terms.bundle:
            return
        if bundle is None:
            raise Refusal(
                21649, "To purchase or transfer this number you must provide a bundle compliant with the rules for it"
            )
        if bundle.status not in APPROVED:
            raise Refusal(21649, f"Bundle {sid} status is not twilio-approved")
        if not bundle.fits(country, kind):
            raise Refusal(21649, f"Bundle {sid} is not for numbers of this country and type")


def fill_address(address: Address, form: Form, now: float) -> None:
    """Applies the fields that are in the form, all or none. Raises Refusal 20001."""
    changes = {attribute: form.get(name) for name, attribute in ADDRESS_FIELDS.items() if name in form}
    for name in ("customer_name", "street", "city", "region", "postal_code"):
        if not changes.get(name, getattr(address, name)):
            raise Refusal(20001, f"{name} is required")
    for attribute, value in changes.items():
        setattr(address, attribute, value)
    address.updated = now
