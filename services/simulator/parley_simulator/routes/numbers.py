"""IncomingPhoneNumbers: the account's numbers are bought, listed, changed and released."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from parley_simulator.domain.form import Form
from parley_simulator.domain.inventory import NumberType
from parley_simulator.domain.numbers import Number
from parley_simulator.domain.purchases import change
from parley_simulator.domain.refusals import not_found
from parley_simulator.domain.world import World
from parley_simulator.handlers.buy_number import BuyNumber
from parley_simulator.handlers.release_number import ReleaseNumber
from parley_simulator.ports import Clock
from parley_simulator.routes.available import PATHS
from parley_simulator.routes.listing import listed
from parley_simulator.routes.request import ACCOUNT, API_VERSION, ApiRequest, Entry, Reply, rfc2822


class NumberRoutes:
    def __init__(self, world: World, clock: Clock, buy: BuyNumber, release: ReleaseNumber) -> None:
        self._world = world
        self._clock = clock
        self._buy = buy
        self._release = release

    def entries(self) -> Iterator[Entry]:
        several = f"{ACCOUNT}/IncomingPhoneNumbers"
        yield from self._list_and_buy(f"{several}.json", None)
        for kind, name in PATHS.items():
            yield from self._list_and_buy(f"{several}/{name}.json", kind)
        one = f"{several}/{{sid}}.json"
        yield Entry("GET", one, "numbers.fetch", self.fetch_number)
        yield Entry("POST", one, "numbers.update", self.update_number)
        yield Entry("DELETE", one, "numbers.delete", self.release_number)

    def _list_and_buy(self, path: str, kind: NumberType | None) -> Iterator[Entry]:
        yield Entry("GET", path, "numbers.list", self._lister(kind))
        yield Entry("POST", path, "numbers.create", self._buyer(kind))

    def _lister(self, kind: NumberType | None) -> Callable[[ApiRequest], Reply]:
        def list_numbers(request: ApiRequest) -> Reply:
            found = [
                number
                for number in self._world.numbers
                if kind in (None, number.type) and _matches(number, request.query)
            ]
            return listed(request, "incoming_phone_numbers", found, self._resource)

        return list_numbers

    def _buyer(self, kind: NumberType | None) -> Callable[[ApiRequest], Reply]:
        def buy_number(request: ApiRequest) -> Reply:
            return 201, self._resource(self._buy(request.form, kind))

        return buy_number

    def fetch_number(self, request: ApiRequest) -> Reply:
        return 200, self._resource(self._find(request))

    def update_number(self, request: ApiRequest) -> Reply:
        number = self._find(request)
        change(number, request.form, self._world.papers, self._clock())
        return 200, self._resource(number)

    def release_number(self, request: ApiRequest) -> Reply:
        self._release(self._find(request))
        return 204, None

    def _find(self, request: ApiRequest) -> Number:
        number = self._world.numbers.get(request.sid)
        if number is None:
            raise not_found(request.path)
        return number

    def _resource(self, number: Number) -> dict[str, object]:
        account, terms = self._world.account.sid, number.terms
        return {
            "account_sid": account,
            "address_requirements": str(terms.address),
            "address_sid": number.address_sid or None,
            "api_version": API_VERSION,
            "beta": terms.beta,
            "bundle_sid": number.bundle_sid or None,
            "capabilities": {"voice": terms.voice, "sms": terms.sms, "mms": terms.mms, "fax": False},
            "date_created": rfc2822(number.created),
            "date_updated": rfc2822(number.updated),
            "emergency_address_sid": None,
            "emergency_address_status": "unregistered",
            "emergency_status": "Inactive",
            "friendly_name": number.friendly_name,
            "identity_sid": None,
            "origin": "twilio",
            "phone_number": number.phone_number,
            "sid": number.sid,
            "sms_application_sid": number.sms_application_sid,
            "sms_fallback_method": number.sms_fallback_method,
            "sms_fallback_url": number.sms_fallback_url,
            "sms_method": number.sms_method,
            "sms_url": number.sms_url,
            "status": "in-use",
            "status_callback": number.status_callback,
            "status_callback_method": number.status_callback_method,
            "trunk_sid": None,
            "type": str(number.type),
            "uri": f"/{API_VERSION}/Accounts/{account}/IncomingPhoneNumbers/{number.sid}.json",
            "voice_application_sid": None,
            "voice_caller_id_lookup": False,
            "voice_fallback_method": "POST",
            "voice_fallback_url": None,
            "voice_method": "POST",
            "voice_receive_mode": "voice",
            "voice_url": number.voice_url or None,
        }


def _matches(number: Number, query: Form) -> bool:
    """PhoneNumber is a part of the number, `*` any digits; FriendlyName is the whole name."""
    wanted, name = query.get("PhoneNumber"), query.get("FriendlyName")
    if wanted and not re.search(re.escape(wanted).replace(r"\*", ".*"), number.phone_number):
        return False
    return not name or number.friendly_name == name
