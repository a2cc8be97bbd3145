"""IncomingPhoneNumbers.json and IncomingPhoneNumbers/{sid}.json."""

from __future__ import annotations

import re

from parley_simulator.domain.faults import Occasion
from parley_simulator.domain.form import Form
from parley_simulator.domain.numbers import Number, update
from parley_simulator.domain.paging import Place, cut, links
from parley_simulator.domain.refusals import not_found
from parley_simulator.domain.world import World
from parley_simulator.handlers.disturb_request import Interference
from parley_simulator.ports import Clock
from parley_simulator.routes.messages import API_VERSION, rfc2822
from parley_simulator.routes.request import ApiRequest, Reply


class NumberRoutes:
    def __init__(self, world: World, clock: Clock, interference: Interference) -> None:
        self._world = world
        self._clock = clock
        self._interference = interference

    async def fetch_number(self, request: ApiRequest) -> Reply:
        return 200, self._resource(await self._find(request))

    async def update_number(self, request: ApiRequest) -> Reply:
        number = await self._find(request)
        update(number, request.form, self._clock())
        await self._interference.meet(Occasion(request.operation, (number.phone_number,)), accepted=True)
        return 200, self._resource(number)

    async def list_numbers(self, request: ApiRequest) -> Reply:
        await self._interference.meet(Occasion(request.operation), accepted=False)
        place = Place.read(request.query)
        found = [number for number in self._world.numbers if _matches(number, request.query)]
        page, older, newer = cut(found, place)
        sids = [number.sid for number in page]
        paging = links(request.path, request.query, place, sids, older=older, newer=newer)
        return 200, {**paging, "incoming_phone_numbers": [self._resource(number) for number in page]}

    async def _find(self, request: ApiRequest) -> Number:
        number = self._world.numbers.get(request.sid)
        parties = (number.phone_number,) if number else ()
        await self._interference.meet(Occasion(request.operation, parties), accepted=False)
        if number is None:
            raise not_found(request.path)
        return number

    def _resource(self, number: Number) -> dict[str, object]:
        account = self._world.account.sid
        return {
            "account_sid": account,
            "address_requirements": "none",
            "address_sid": None,
            "api_version": API_VERSION,
            "beta": False,
            "bundle_sid": None,
            "capabilities": {"voice": True, "sms": number.sms_capable, "mms": number.sms_capable, "fax": False},
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
            "type": number.kind,
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
