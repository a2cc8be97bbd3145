"""The control plane's messaging services and opt-outs."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parley_simulator.domain.keywords import Keyword
from parley_simulator.domain.messaging_services import MessagingService
from parley_simulator.errors import BadRequestError
from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.routes.control_input import Fields, text_list
from parley_simulator.simulator import Simulator


def service_routes(simulator: Simulator) -> list[Route]:
    control = _ServiceControl(simulator)
    return [
        Route("/services", control.services, methods=["GET"]),
        Route("/services", control.set_service, methods=["POST"]),
        Route("/services/{sid}", control.set_service, methods=["POST"]),
        Route("/opt-outs", control.opt_outs, methods=["GET"]),
        Route("/opt-outs", control.set_opt_outs, methods=["POST"]),
    ]


class _ServiceControl:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._world = simulator.world

    async def services(self, _: Request) -> Response:
        return JSONResponse({"services": [_service_view(service) for service in self._world.services]})

    async def set_service(self, request: Request) -> Response:
        """{friendly_name?, numbers?: [...], inbound_request_url?, use_inbound_webhook_on_number?, sticky_sender?,
        advanced_opt_out?: {stop?: [...], start?: [...], help?: [...]}}; `numbers` is the whole pool.
        """
        fields, sid = await Fields.of_body(request), request.path_params.get("sid")
        change = ServiceChange(
            friendly_name=fields.text("friendly_name"),
            numbers=fields.texts("numbers"),
            inbound_request_url=fields.text("inbound_request_url"),
            use_inbound_webhook_on_number=fields.flag("use_inbound_webhook_on_number"),
            sticky_sender=fields.flag("sticky_sender"),
            advanced_opt_out=_word_lists(fields.raw("advanced_opt_out")),
        )
        fields.nothing_else()
        return JSONResponse(_service_view(self._simulator.set_service(change, sid)), 200 if sid else 201)

    async def opt_outs(self, _: Request) -> Response:
        pairs = [{"sender": sender, "participant": participant} for sender, participant in self._world.opt_outs]
        return JSONResponse({"late": self._world.opt_outs.late, "opt_outs": pairs})

    async def set_opt_outs(self, request: Request) -> Response:
        """{late}: whether texts to those who opted out are accepted, and fail with 21610 afterwards."""
        fields = await Fields.of_body(request)
        late = fields.flag("late")
        fields.nothing_else()
        if late is None:
            raise BadRequestError("late: is missing; write true or false")
        self._world.opt_outs.late = late
        return await self.opt_outs(request)


def _service_view(service: MessagingService) -> dict[str, Any]:
    rules = service.advanced_opt_out
    return {
        "sid": service.sid,
        "friendly_name": service.friendly_name,
        "numbers": service.pool,
        "inbound_request_url": service.inbound_request_url,
        "use_inbound_webhook_on_number": service.use_inbound_webhook_on_number,
        "sticky_sender": service.sticky_sender,
        "advanced_opt_out": rules.words if rules is not None else None,
    }


def _word_lists(raw: Any) -> dict[Keyword, tuple[str, ...]] | None:
    if raw is None:
        return None
    names = {keyword.lower(): keyword for keyword in Keyword}
    if not isinstance(raw, dict) or not names.keys() >= raw.keys():
        raise BadRequestError("advanced_opt_out: write an object of lists; its fields are stop, start, help")
    return {names[name]: _words(name, words) for name, words in raw.items()}


def _words(name: str, raw: Any) -> tuple[str, ...]:
    return () if raw is None else text_list(f"advanced_opt_out.{name}", raw)
