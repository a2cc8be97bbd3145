"""The Messaging API: /v1/Services and the numbers in each."""

from __future__ import annotations

from collections.abc import Iterator

from parley_simulator.domain.messaging_services import MessagingService, update
from parley_simulator.domain.numbers import Number
from parley_simulator.domain.refusals import Refusal, not_found
from parley_simulator.domain.world import World
from parley_simulator.ports import Clock, Ids
from parley_simulator.routes.listing import listed_in_meta
from parley_simulator.routes.request import ApiRequest, Entry, Reply, iso8601


class ServiceRoutes:
    def __init__(self, world: World, clock: Clock, ids: Ids) -> None:
        self._world = world
        self._clock = clock
        self._ids = ids

    def entries(self) -> Iterator[Entry]:
        several, one = "/v1/Services", "/v1/Services/{sid}"
        yield Entry("GET", several, "services.list", self.list_services)
        yield Entry("POST", several, "services.create", self.create_service)
        yield Entry("GET", one, "services.fetch", self.fetch_service)
        yield Entry("POST", one, "services.update", self.update_service)
        yield Entry("DELETE", one, "services.delete", self.delete_service)
        pool, member = f"{one}/PhoneNumbers", f"{one}/PhoneNumbers/{{item}}"
        yield Entry("GET", pool, "services.numbers.list", self.list_numbers)
        yield Entry("POST", pool, "services.numbers.create", self.attach_number)
        yield Entry("GET", member, "services.numbers.fetch", self.fetch_number)
        yield Entry("DELETE", member, "services.numbers.delete", self.detach_number)

    def create_service(self, request: ApiRequest) -> Reply:
        now = self._clock()
        service = MessagingService(f"MG{self._ids()}", now, now)
        update(service, request.form, now)
        self._world.services.add(service)
        return 201, self._resource(service, request)

    def update_service(self, request: ApiRequest) -> Reply:
        service = self._find(request)
        update(service, request.form, self._clock())
        return 200, self._resource(service, request)

    def fetch_service(self, request: ApiRequest) -> Reply:
        return 200, self._resource(self._find(request), request)

    def delete_service(self, request: ApiRequest) -> Reply:
        """Its numbers stay the account's."""
        service = self._find(request)
        for campaign in self._world.registrations.of_service(service.sid):
            self._world.registrations.campaigns.remove(campaign)
        self._world.services.remove(service)
        return 204, None

    def list_services(self, request: ApiRequest) -> Reply:
        services = list(self._world.services)
        return listed_in_meta(request, "services", services, lambda service: self._resource(service, request))

    def attach_number(self, request: ApiRequest) -> Reply:
        service = self._find(request)
        number = self._world.numbers.get(request.form.get("PhoneNumberSid"))
        if number is None:
            raise Refusal(21421, "PhoneNumberSid is not a number of this account")
        if not number.sms_capable:
            raise Refusal(21715, "The number has none of the capabilities that a Messaging Service needs")
        self._world.services.attach(service, number.phone_number, self._world.limits.pool)
        return 201, self._attached(service, number, request)

    def fetch_number(self, request: ApiRequest) -> Reply:
        service = self._find(request)
        return 200, self._attached(service, self._member(service, request), request)

    def detach_number(self, request: ApiRequest) -> Reply:
        service = self._find(request)
        self._world.services.detach(service, self._member(service, request).phone_number)
        return 204, None

    def list_numbers(self, request: ApiRequest) -> Reply:
        service = self._find(request)
        members = self._members(service)
        return listed_in_meta(
            request, "phone_numbers", members, lambda number: self._attached(service, number, request)
        )

    def _find(self, request: ApiRequest) -> MessagingService:
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

    def _resource(self, service: MessagingService, request: ApiRequest) -> dict[str, object]:
        url = request.url(f"/v1/Services/{service.sid}")
        return {
            "account_sid": self._world.account.sid,
            "area_code_geomatch": False,
            "date_created": iso8601(service.created),
            "date_updated": iso8601(service.updated),
            "fallback_method": service.fallback_method,
            "fallback_to_long_code": False,
            "fallback_url": service.fallback_url or None,
            "friendly_name": service.friendly_name,
            "inbound_method": service.inbound_method,
            "inbound_request_url": service.inbound_request_url or None,
            "links": {"phone_numbers": f"{url}/PhoneNumbers", "us_app_to_person": f"{url}/Compliance/Usa2p"},
            "mms_converter": True,
            "scan_message_content": "inherit",
            "sid": service.sid,
            "smart_encoding": False,
            "status_callback": service.status_callback or None,
            "sticky_sender": service.sticky_sender,
            "synchronous_validation": False,
            "url": url,
            "us_app_to_person_registered": any(
                campaign.status == "VERIFIED" for campaign in self._world.registrations.of_service(service.sid)
            ),
            "use_inbound_webhook_on_number": service.use_inbound_webhook_on_number,
            "usecase": "undeclared",
            "validity_period": 36_000,
        }

    def _attached(self, service: MessagingService, number: Number, request: ApiRequest) -> dict[str, object]:
        terms = number.terms
        return {
            "account_sid": self._world.account.sid,
            "capabilities": [
                name for name, has in (("MMS", terms.mms), ("SMS", terms.sms), ("Voice", terms.voice)) if has
            ],
            "country_code": number.country or None,
            "date_created": iso8601(number.created),
            "date_updated": iso8601(number.updated),
            "phone_number": number.phone_number,
            "service_sid": service.sid,
            "sid": number.sid,
            "url": request.url(f"/v1/Services/{service.sid}/PhoneNumbers/{number.sid}"),
        }
