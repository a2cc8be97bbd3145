"""AvailablePhoneNumbers: the countries, and what each has for sale."""

from __future__ import annotations

from collections.abc import Iterator

from parley_simulator.domain.inventory import NumberType, Offer
from parley_simulator.domain.numbers import friendly
from parley_simulator.domain.paging import Place
from parley_simulator.domain.refusals import not_found
from parley_simulator.domain.search import Search
from parley_simulator.domain.world import World
from parley_simulator.routes.request import ACCOUNT, API_VERSION, ApiRequest, Entry, Reply

PATHS = {NumberType.LOCAL: "Local", NumberType.MOBILE: "Mobile", NumberType.TOLL_FREE: "TollFree"}
LINKS = {NumberType.LOCAL: "local", NumberType.MOBILE: "mobile", NumberType.TOLL_FREE: "toll_free"}


class AvailableRoutes:
    def __init__(self, world: World) -> None:
        self._world = world

    def entries(self) -> Iterator[Entry]:
        several = f"{ACCOUNT}/AvailablePhoneNumbers"
        yield Entry("GET", f"{several}.json", "available.countries.list", self.list_countries)
        yield Entry("GET", f"{several}/{{sid}}.json", "available.countries.fetch", self.fetch_country)
        yield Entry("GET", f"{several}/{{sid}}/{{item}}.json", "available.list", self.search)

    def list_countries(self, request: ApiRequest) -> Reply:
        countries = [self._country(code) for code in self._world.inventory.countries]
        return 200, {"countries": countries, "uri": request.path}

    def fetch_country(self, request: ApiRequest) -> Reply:
        if request.sid not in self._world.inventory.countries:
            raise not_found(request.path)
        return 200, self._country(request.sid)

    def search(self, request: ApiRequest) -> Reply:
        """404 for a type of number that the country has not."""
        inventory = self._world.inventory
        kind = next((kind for kind, name in PATHS.items() if name == request.item), None)
        if kind is None or inventory.shelf(request.sid, kind) is None:
            raise not_found(request.path)
        search, place = Search.read(request.query), Place.read(request.query)
        found = search.among(inventory.on_shelf(request.sid, kind))[: place.size]
        return 200, {"available_phone_numbers": [_offer(offer) for offer in found], "uri": request.path}

    def _country(self, code: str) -> dict[str, object]:
        inventory, path = self._world.inventory, f"/{API_VERSION}/Accounts/{self._world.account.sid}"
        path = f"{path}/AvailablePhoneNumbers/{code}"
        return {
            "beta": False,
            "country": inventory.countries[code],
            "country_code": code,
            "subresource_uris": {
                LINKS[shelf.type]: f"{path}/{PATHS[shelf.type]}.json" for shelf in inventory.shelves(code)
            },
            "uri": f"{path}.json",
        }


def _offer(offer: Offer) -> dict[str, object]:
    """The capabilities are written as they are seen at Twilio, in capitals where its own documents have none."""
    terms = offer.terms
    return {
        "address_requirements": str(terms.address),
        "beta": terms.beta,
        "capabilities": {"voice": terms.voice, "SMS": terms.sms, "MMS": terms.mms, "fax": False},
        "friendly_name": friendly(offer.phone_number),
        "iso_country": offer.country,
        "lata": None,
        "latitude": None,
        "locality": offer.locality or None,
        "longitude": None,
        "phone_number": offer.phone_number,
        "postal_code": offer.postal_code or None,
        "rate_center": None,
        "region": offer.region or None,
    }
