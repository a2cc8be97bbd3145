"""Puts numbers up for sale, has somebody else take them, and sells out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from parley_simulator.domain.inventory import AddressNeed, NumberType, Offer, Shelf, Terms
from parley_simulator.domain.numbers import E164
from parley_simulator.domain.stock import AREA_CODES
from parley_simulator.domain.world import World
from parley_simulator.errors import BadRequestError
from parley_simulator.handlers.watch_log import Watch

MOST = 10_000


@dataclass(frozen=True, slots=True)
class TermsChange:
    """None: as the country and type have it."""

    sms: bool | None = None
    mms: bool | None = None
    voice: bool | None = None
    address: AddressNeed | None = None
    bundle: bool | None = None
    beta: bool | None = None

    def on(self, terms: Terms) -> Terms:
        given = {name: getattr(self, name) for name in self.__slots__}
        return replace(terms, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Place:
    region: str = ""
    locality: str = ""
    postal_code: str = field(default="", repr=False)


class StockInventory:
    def __init__(self, world: World, watch: Watch) -> None:
        self._world = world
        self._watch = watch

    def offer(
        self,
        country: str,
        kind: NumberType | str,
        *,
        count: int = 0,
        phone_numbers: Sequence[str] = (),
        area_code: str = "",
        terms: TermsChange | None = None,
        place: Place | None = None,
    ) -> list[Offer]:
        """`count` new numbers, or these; neither: the country has the type, and none is for sale beyond those that are.

        Raises BadRequestError.
        """
        inventory, kind = self._world.inventory, NumberType(kind)
        shelf = inventory.shelf(country, kind) or Shelf(country, kind, Terms(), "", 0)
        shelf = replace(shelf, terms=(terms or TermsChange()).on(shelf.terms))
        self._check(shelf, count, phone_numbers, area_code)
        known = inventory.shelf(country, kind) is not None
        if not known:
            inventory.add_shelf(shelf)
        code = area_code or AREA_CODES.get((country, kind), ("",))[0]
        offers = [Offer(phone_number, country, kind, shelf.terms) for phone_number in phone_numbers]
        for offer in offers:
            inventory.put(offer)
        offers += inventory.stock(shelf, count, code) if count else []
        where = place or Place()
        for offer in offers:
            offer.region, offer.locality, offer.postal_code = where.region, where.locality, where.postal_code
        self._watch.notify()
        return offers

    def take(self, phone_number: str, *, still_listed: bool = False) -> None:
        """Somebody else has it now. `still_listed`: searches go on to find it until a purchase fails."""
        offer = self._world.inventory.find(phone_number)
        if offer is None:
            raise BadRequestError("phone_number: not for sale; GET /inventory lists what is")
        if still_listed:
            offer.stale = True
        else:
            self._world.inventory.take(phone_number)
        self._watch.notify()

    def sell_out(self, country: str | None = None, kind: NumberType | str | None = None) -> None:
        self._world.inventory.empty(country, NumberType(kind) if kind is not None else None)
        self._watch.notify()

    def withdraw(self, country: str, kind: NumberType | str) -> None:
        """The country has no such type any more: searches for it are 404."""
        self._world.inventory.drop_shelf(country, NumberType(kind))
        self._watch.notify()

    def _check(self, shelf: Shelf, count: int, phone_numbers: Sequence[str], area_code: str) -> None:
        if len(shelf.country) != 2 or not shelf.country.isupper():
            raise BadRequestError("country: write a code of two capitals, for example US")
        if count > MOST:
            raise BadRequestError(f"count: at most {MOST}")
        if count and not shelf.prefix:
            raise BadRequestError("count: a new country or type has no numbering plan here; write phone_numbers")
        if area_code and not (len(area_code) == 3 and area_code.isdigit()):
            raise BadRequestError("area_code: write three digits")
        for phone_number in phone_numbers:
            if not E164.fullmatch(phone_number):
                raise BadRequestError("phone_numbers: write numbers in E.164, for example +15550001111")
            if self._world.numbers.find(phone_number) is not None:
                raise BadRequestError("phone_numbers: one is the account's own; release it first")
