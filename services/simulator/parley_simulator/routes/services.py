"""The Messaging API: /v1/Services and the numbers in each."""

from __future__ import annotations

from datetime import UTC, datetime

from parley_simulator.domain.faults import Occasion
from parley_simulator.domain.messaging_services import MessagingService, update
from parley_simulator.domain.numbers import Number
from parley_simulator.domain.paging import Place, cut, meta
from parley_simulator.domain.refusals import Refusal, not_found
from parley_simulator.domain.world import World
from parley_simulator.handlers.disturb_request import Interference
from parley_simulator.ports import Clock, Ids
from parley_simulator.routes.request import ApiRequest, Reply


class ServiceRoutes:
    def __init__(self, world: World, clock: Clock, ids: Ids, interference: Interference) -> None:
        self._world = world
        self._clock = clock
        self._ids = ids
        self._interference = interference

    async def create_service(self, request: ApiRequest) -> Reply:
        await self._meet(request, accepted=False)
        now = self._clock()
        service = MessagingService(f"MG{self._ids()}", now, now)
        update(service, request.form, now)
        self._world.services.add(service)
        await self._meet(request, accepted=True)
        return 201, self._resource(service, request)

    async def update_service(self, request: ApiRequest) -> Reply:
        service = await self._find(request)
        update(service, request.form, self._clock())
        await self._meet(request, accepted=True)
        return 200, self._resource(service, request)

    async def fetch_service(self, request: ApiRequest) -> Reply:
        return 200, self._resource(await self._find(request), request)

    async def list_services(self, request: ApiRequest) -> Reply:
        await self._meet(request, accepted=False)
        place = Place.read(request.query)
        page, older, newer = cut(list(self._world.services), place)
        sids, url = [service.sid for service in page], _url(request, "/v1/Services")
        paging = meta(url, "services", request.query, place, sids, older=older, newer=newer)
        return 200, {"meta": paging, "services": [self._resource(service, request) for service in page]}

    async def attach_number(self, request: ApiRequest) -> Reply:
        service = await self._find(request)
        number = self._world.numbers.get(request.form.get("PhoneNumberSid"))
        if number is None:
            raise Refusal(21421, "PhoneNumberSid is not a number of this account")
        self._world.services.attach(service, number.phone_number)
        await self._meet(request, accepted=True)
        return 201, self._attached(service, number, request)

    async def fetch_number(self, request: ApiRequest) -> Reply:
        service = await self._find(request)
        return 200, self._attached(service, self._member(service, request), request)

    async def detach_number(self, request: ApiRequest) -> Reply:
        service = await self._find(request)
        self._world.services.detach(service, self._member(service, request).phone_number)
        await self._meet(request, accepted=True)
        return 204, None

    async def list_numbers(self, request: ApiRequest) -> Reply:
        service = await self._find(request)
        place = Place.read(request.query)
        page, older, newer = cut(self._members(service), place)
        sids, url = [number.sid for number in page], _url(request, request.path)
        paging = meta(url, "phone_numbers", request.query, place, sids, older=older, newer=newer)
        return 200, {"meta": paging, "phone_numbers": [self._attached(service, number, request) for number in page]}

    async def _find(self, request: ApiRequest) -> MessagingService:
        await self._meet(request, accepted=False)
        service = self._world.services.get(request.sid)
        if service is None:
            raise not_found(request.path)
        return service

    def _members(self, service: MessagingService) -> list[Number]:
        return [number for number in map(self._world.numbers.find, service.pool) if number is not None]

    def _member(self, service: MessagingService, request: ApiRequest) -> Number:
        found = [number for number in self._members(service) if number.sid == request.item]
        if not found:
            raise not_found(request.path)
        return found[0]

    async def _meet(self, request: ApiRequest, *, accepted: bool) -> None:
        await self._interference.meet(Occasion(request.operation), accepted=accepted)

    def _resource(self, service: MessagingService, request: ApiRequest) -> dict[str, object]:
        url = _url(request, f"/v1/Services/{service.sid}")
        return {
            "account_sid": self._world.account.sid,
            "area_code_geomatch": False,
            "date_created": _iso8601(service.created),
            "date_updated": _iso8601(service.updated),
            "fallback_method": service.fallback_method,
            "fallback_to_long_code": False,
            "fallback_url": service.fallback_url or None,
            "friendly_name": service.friendly_name,
            "inbound_method": service.inbound_method,
            "inbound_request_url": service.inbound_request_url or None,
            "links": {"phone_numbers": f"{url}/PhoneNumbers"},
            "mms_converter": True,
            "scan_message_content": "inherit",
            "sid": service.sid,
            "smart_encoding": False,
            "status_callback": service.status_callback or None,
            "sticky_sender": service.sticky_sender,
            "synchronous_validation": False,
            "url": url,
            "us_app_to_person_registered": False,
            "use_inbound_webhook_on_number": service.use_inbound_webhook_on_number,
            "usecase": "undeclared",
            "validity_period": 36_000,
        }

    def _attached(self, service: MessagingService, number: Number, request: ApiRequest) -> dict[str, object]:
        return {
            "account_sid": self._world.account.sid,
            "capabilities": ["MMS", "SMS", "Voice"] if number.sms_capable else ["Voice"],
            "country_code": "US" if number.phone_number.startswith("+1") else None,
            "date_created": _iso8601(number.created),
            "date_updated": _iso8601(number.updated),
            "phone_number": number.phone_number,
            "service_sid": service.sid,
            "sid": number.sid,
            "url": _url(request, f"/v1/Services/{service.sid}/PhoneNumbers/{number.sid}"),
        }


def _url(request: ApiRequest, path: str) -> str:
    """Twilio's links are absolute here; these lead back to where the request came in."""
    return f"http://{request.host}{path}"


def _iso8601(at: float) -> str:
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%SZ}"
