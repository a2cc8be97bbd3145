"""Phone numbers for sale, by country and type. What is bought or taken by somebody else never comes back by itself.

Assumed, since undocumented: a search gives the numbers in a fixed order, so that two who search choose the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count


class NumberType(StrEnum):
    LOCAL = "local"
    MOBILE = "mobile"
    TOLL_FREE = "tollfree"


class AddressNeed(StrEnum):
    NONE = "none"
    ANY = "any"
    LOCAL = "local"
    FOREIGN = "foreign"


NORTH_AMERICA = ("US", "CA")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the numbers of a country and type can do, and what Twilio wants to see before it sells one."""

    sms: bool = True
    mms: bool = False
    voice: bool = True
    address: AddressNeed = AddressNeed.NONE
    bundle: bool = False
    """Whether a regulatory bundle must be approved first."""
    beta: bool = False


@dataclass(slots=True)
class Offer:
    """A number for sale. `stale`: still listed, though somebody else has it already."""

    phone_number: str = field(repr=False)
    country: str
    type: NumberType
    terms: Terms
    region: str = ""
    locality: str = ""
    postal_code: str = ""
    stale: bool = False

    @property
    def area_code(self) -> str:
        """ "" outside North America."""
        return self.phone_number[2:5] if self.country in NORTH_AMERICA else ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A country and type that Twilio sells: `prefix` and `digits` say how its numbers are made."""

    country: str
    type: NumberType
    terms: Terms
    prefix: str
    digits: int
    """How many follow the prefix."""


class Inventory:
    """The offers by phone number, in the order they came, and the shelves that there are, also the empty ones."""

    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}
        self._shelves: dict[tuple[str, NumberType], Shelf] = {}
        self._gone: set[str] = set()
        self.countries: dict[str, str] = {}
        """Names by ISO code."""

    def __iter__(self) -> Iterator[Offer]:
        return iter(self._offers.values())

    def find(self, phone_number: str) -> Offer | None:
        return self._offers.get(phone_number)

    def shelf(self, country: str, kind: NumberType) -> Shelf | None:
        return self._shelves.get((country, kind))

    def shelves(self, country: str) -> list[Shelf]:
        return [shelf for shelf in self._shelves.values() if shelf.country == country]

    def plan_of(self, phone_number: str) -> Shelf | None:
        """The shelf whose numbers look like this one. Of those that are written alike, the first."""
        fitting = [shelf for shelf in self._shelves.values() if shelf.prefix and phone_number.startswith(shelf.prefix)]
        return max(fitting, key=lambda shelf: len(shelf.prefix), default=None)

    def add_shelf(self, shelf: Shelf) -> None:
        self.countries.setdefault(shelf.country, shelf.country)
        self._shelves[shelf.country, shelf.type] = shelf

    def drop_shelf(self, country: str, kind: NumberType) -> None:
        """The country has no such numbers any more; nobody can tell what became of them."""
        self._shelves.pop((country, kind), None)
        self.empty(country, kind)

    def empty(self, country: str | None = None, kind: NumberType | None = None) -> None:
        """Sold out."""
        for offer in list(self):
            if country in (None, offer.country) and kind in (None, offer.type):
                del self._offers[offer.phone_number]

    def on_shelf(self, country: str, kind: NumberType) -> list[Offer]:
        return [offer for offer in self if offer.country == country and offer.type is kind]

    def put(self, offer: Offer) -> None:
        self._gone.discard(offer.phone_number)
        self._offers[offer.phone_number] = offer

    def stock(self, shelf: Shelf, many: int, area_code: str = "") -> list[Offer]:
        """`many` more numbers with these terms, none that was ever here. An area code stands behind the prefix."""
        start = f"{shelf.prefix}{area_code}"
        digits = shelf.digits - len(area_code)
        made: list[Offer] = []
        for position in count(1):
            if len(made) == many or position >= 10**digits:
                break
            phone_number = f"{start}{_tail(position, digits)}"
            if phone_number not in self._offers and phone_number not in self._gone:
                made.append(Offer(phone_number, shelf.country, shelf.type, shelf.terms))
                self.put(made[-1])
        return made

    def take(self, phone_number: str) -> None:
        """Bought, by whomever."""
        self._offers.pop(phone_number, None)
        self._gone.add(phone_number)


def _tail(position: int, digits: int) -> str:
    """Seven digits begin with 555, as those of invented numbers do, as long as there are enough of them."""
    if digits == 7:
        return f"{(5_550_000 + position) % 10**7:07d}"
    return f"{position:0{digits}d}"
