"""The control plane's numbers: those of the account, those for sale, how Twilio sees the account, and its requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parley_simulator.domain.inventory import AddressNeed, NumberType
from parley_simulator.domain.numbers import Number
from parley_simulator.errors import BadRequestError
from parley_simulator.handlers.configure_number import TEXTS, NumberChange
from parley_simulator.handlers.stock_inventory import Place, TermsChange
from parley_simulator.routes.control_input import Fields
from parley_simulator.routes.control_views import call_view, number_view, offer_view
from parley_simulator.simulator import Simulator

TYPES = tuple(NumberType)


def number_routes(simulator: Simulator) -> list[Route]:
    control = _NumberControl(simulator)
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/numbers", control.numbers),
        ("POST", "/numbers", control.add_number),
        ("POST", "/numbers/{name}", control.change_number),
        ("DELETE", "/numbers/{name}", control.release_number),
        ("GET", "/inventory", control.inventory),
        ("POST", "/inventory", control.offer),
        ("DELETE", "/inventory", control.sell_out),
        ("DELETE", "/inventory/{country}/{type}", control.withdraw),
        ("POST", "/inventory/{phone_number}/take", control.take),
        ("GET", "/account", control.account),
        ("POST", "/account", control.set_account),
        ("GET", "/calls", control.calls),
    ]
    return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]


class _NumberControl:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._world = simulator.world

    async def numbers(self, _: Request) -> Response:
        return JSONResponse({"numbers": [self._view(number) for number in self._world.numbers]})

    async def add_number(self, request: Request) -> Response:
        """{phone_number, sms_url?, sms_fallback_url?, country?, type?}"""
        fields = await Fields.of_body(request)
        phone_number = fields.need_text("phone_number")
        url, fallback = fields.text("sms_url") or "", fields.text("sms_fallback_url") or ""
        country, kind = fields.text("country"), fields.one_of("type", TYPES)
        fields.nothing_else()
        number = self._simulator.add_number(
            phone_number,
            sms_url=url,
            sms_fallback_url=fallback,
            country=country,
            kind=NumberType(kind) if kind is not None else None,
        )
        return JSONResponse(self._view(number), 201)

    async def change_number(self, request: Request) -> Response:
        """{sms_url?, sms_method?, sms_fallback_url?, sms_fallback_method?, sms_application_sid?, friendly_name?,
        address_sid?, bundle_sid?, sms_capable?}: what another hand does to it; "" unsets.
        """
        fields = await Fields.of_body(request)
        texts = {name: fields.text(name) for name in TEXTS}
        change = NumberChange(**texts, sms_capable=fields.flag("sms_capable"))
        fields.nothing_else()
        return JSONResponse(self._view(self._simulator.change_number(request.path_params["name"], change)))

    async def release_number(self, request: Request) -> Response:
        self._simulator.release_number(request.path_params["name"])
        return Response(status_code=204)

    async def inventory(self, request: Request) -> Response:
        """?country= &type="""
        fields = Fields.of_query(request)
        country, kind = fields.text("country"), fields.one_of("type", TYPES)
        fields.nothing_else()
        found = [
            offer_view(offer)
            for offer in self._world.inventory
            if country in (None, offer.country) and kind in (None, offer.type)
        ]
        return JSONResponse({"offers": found})

    async def offer(self, request: Request) -> Response:
        """{country, type, count? | phone_numbers?: [...], area_code?, sms?, mms?, voice?, address_requirements?,
        bundle_required?, beta?, region?, locality?, postal_code?}
        """
        fields = await Fields.of_body(request)
        country, kind = fields.need_text("country"), fields.one_of("type", TYPES)
        if kind is None:
            raise BadRequestError(f"type: is missing; use one of {', '.join(TYPES)}")
        need = fields.one_of("address_requirements", tuple(AddressNeed))
        terms = TermsChange(
            fields.flag("sms"),
            fields.flag("mms"),
            fields.flag("voice"),
            AddressNeed(need) if need is not None else None,
            fields.flag("bundle_required"),
            fields.flag("beta"),
        )
        place = Place(fields.text("region") or "", fields.text("locality") or "", fields.text("postal_code") or "")
        offers = self._simulator.sale.offer(
            country,
            kind,
            count=fields.whole("count") or 0,
            phone_numbers=fields.texts("phone_numbers") or (),
            area_code=fields.text("area_code") or "",
            terms=terms,
            place=place,
        )
        return JSONResponse({"offers": [offer_view(offer) for offer in offers]}, 201)

    async def sell_out(self, request: Request) -> Response:
        """?country= &type=: none of these is for sale any more."""
        fields = Fields.of_query(request)
        country, kind = fields.text("country"), fields.one_of("type", TYPES)
        fields.nothing_else()
        self._simulator.sale.sell_out(country, kind)
        return Response(status_code=204)

    async def withdraw(self, request: Request) -> Response:
        kind = request.path_params["type"]
        if kind not in TYPES:
            raise BadRequestError(f"type: use one of {', '.join(TYPES)}")
        self._simulator.sale.withdraw(request.path_params["country"], kind)
        return Response(status_code=204)

    async def take(self, request: Request) -> Response:
        """{still_listed?: false}: somebody else bought it."""
        fields = await Fields.of_body(request)
        still_listed = fields.flag("still_listed")
        fields.nothing_else()
        self._simulator.sale.take(request.path_params["phone_number"], still_listed=still_listed or False)
        return Response(status_code=204)

    async def account(self, _: Request) -> Response:
        return JSONResponse({"sid": self._world.account.sid, **asdict(self._world.standing)})

    async def set_account(self, request: Request) -> Response:
        """{trial?, restricted?, suspended?, carriers_check?, owned_again?}"""
        fields = await Fields.of_body(request)
        changes = {name: fields.flag(name) for name in asdict(self._world.standing)}
        fields.nothing_else()
        for name, value in changes.items():
            if value is not None:
                setattr(self._world.standing, name, value)
        return await self.account(request)

    async def calls(self, request: Request) -> Response:
        """?operation=numbers.* &after=<index>: the requests to the REST API, in the order they came."""
        fields = Fields.of_query(request)
        operation, after = fields.text("operation") or "*", fields.whole("after") or 0
        fields.nothing_else()
        return JSONResponse({"calls": [call_view(call) for call in self._simulator.calls(operation, after)]})

    def _view(self, number: Number) -> dict[str, object]:
        service = self._world.services.of(number.phone_number)
        return number_view(number, service.sid if service is not None else None)
