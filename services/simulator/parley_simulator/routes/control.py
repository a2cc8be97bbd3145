"""The control plane: what a test may do to the simulated Twilio, over HTTP and on a port of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parley_simulator.domain.faults import Kind
from parley_simulator.domain.messages import Media, Selection
from parley_simulator.errors import BadRequestError
from parley_simulator.handlers.hold_requests import Hold, Then
from parley_simulator.routes.control_input import Fields
from parley_simulator.routes.control_numbers import number_routes
from parley_simulator.routes.control_papers import paper_routes
from parley_simulator.routes.control_services import service_routes
from parley_simulator.routes.control_views import (
    alert_view,
    fault_view,
    hold_view,
    hook_view,
    message_view,
)
from parley_simulator.routes.phone import phone_routes
from parley_simulator.routes.same_origin import SameOrigin
from parley_simulator.simulator import Simulator

LONGEST_WAIT = 120.0
T = TypeVar("T")


def control_plane(simulator: Simulator) -> Starlette:
    control = _Control(simulator)
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/health", control.health),
        ("GET", "/messages", control.messages),
        ("POST", "/messages/{sid}", control.move),
        ("POST", "/inbound", control.inbound),
        ("POST", "/inbound/{sid}", control.inbound_again),
        ("GET", "/wait", control.wait),
        ("GET", "/requests", control.requests),
        ("GET", "/webhooks", control.webhooks),
        ("GET", "/alerts", control.alerts),
        ("GET", "/limits", control.limits),
        ("POST", "/limits", control.set_limits),
        ("GET", "/faults", control.faults),
        ("POST", "/faults", control.add_fault),
        ("DELETE", "/faults", control.clear_faults),
        ("DELETE", "/faults/{id:int}", control.clear_faults),
        ("GET", "/holds", control.holds),
        ("POST", "/holds", control.place_hold),
        ("GET", "/holds/{id:int}", control.hold),
        ("POST", "/holds/{id:int}/release", control.release_hold),
        ("DELETE", "/holds/{id:int}", control.remove_hold),
        ("POST", "/reset", control.reset),
    ]
    return Starlette(
        routes=[
            *phone_routes(simulator),
            *number_routes(simulator),
            *paper_routes(simulator),
            *service_routes(simulator),
            *(Route(path, endpoint, methods=[method]) for method, path, endpoint in table),
        ],
        middleware=[Middleware(SameOrigin)],
        exception_handlers={BadRequestError: _bad_request},
    )


async def _bad_request(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 400)


class _Control:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._world = simulator.world

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "twilio": self._simulator.api_url, "messages": len(self._world.log)})

    async def messages(self, request: Request) -> Response:
        """?participant= &number= &direction=inbound|outbound &status= &automatic= &after=<index>"""
        fields = Fields.of_query(request)
        selection = _selection(fields)
        fields.nothing_else()
        return JSONResponse({"messages": [message_view(message) for message in self._simulator.messages(selection)]})

    async def wait(self, request: Request) -> Response:
        """As /messages, with &count=1 &timeout=10: answers once so many are there, or with `satisfied` false.

        Only outbound messages count, and Twilio's own do not, unless direction and automatic say otherwise.
        """
        fields = Fields.of_query(request)
        selection = _selection(fields, outbound=True, automatic=False)
        count, timeout = fields.whole("count"), fields.number("timeout")
        fields.nothing_else()
        try:
            found = await self._simulator.wait_for_messages(selection, _or(count, 1), _patience(timeout))
        except TimeoutError:
            return JSONResponse(
                {"satisfied": False, "messages": [message_view(m) for m in self._simulator.messages(selection)]}
            )
        return JSONResponse({"satisfied": True, "messages": [message_view(message) for message in found]})

    async def move(self, request: Request) -> Response:
        """{status, error_code?}: the message's next status, now, with its callback."""
        fields = await Fields.of_body(request)
        status, error_code = fields.need_text("status"), fields.whole("error_code")
        fields.nothing_else()
        return JSONResponse(message_view(self._simulator.move(request.path_params["sid"], status, error_code)))

    async def inbound(self, request: Request) -> Response:
        """{from, to, body, media?: [{url, content_type}], wait?: true}: a participant texts."""
        fields = await Fields.of_body(request)
        from_, to, body = fields.need_text("from"), fields.need_text("to"), fields.text("body") or ""
        media, wait = _media(fields.raw("media")), fields.flag("wait")
        fields.nothing_else()
        inbound = await self._simulator.text(from_, to, body, media=media, wait=_or(wait, True))
        return JSONResponse({**message_view(inbound.message), "outcome": inbound.outcome}, 201)

    async def inbound_again(self, request: Request) -> Response:
        """{wait?: true}: calls the webhook for a text in the log, again or, if that was lost, at last."""
        fields = await Fields.of_body(request)
        wait = fields.flag("wait")
        fields.nothing_else()
        inbound = await self._simulator.deliver_again(request.path_params["sid"], wait=_or(wait, True))
        return JSONResponse({**message_view(inbound.message), "outcome": inbound.outcome})

    async def requests(self, _: Request) -> Response:
        """How many answers the REST API gave, by operation and status (`cut`: none)."""
        counts: dict[str, dict[str, int]] = {}
        for key, count in self._world.requests.items():
            operation, outcome = key.split(" ")
            counts.setdefault(operation, {})[outcome] = count
        return JSONResponse({"requests": counts})

    async def webhooks(self, _: Request) -> Response:
        return JSONResponse({"webhooks": [hook_view(record) for record in self._world.hooks]})

    async def alerts(self, _: Request) -> Response:
        return JSONResponse({"alerts": [alert_view(alert) for alert in self._simulator.alerts()]})

    async def limits(self, _: Request) -> Response:
        limits = self._world.limits
        return JSONResponse(
            {
                "concurrency": limits.concurrency,
                "segments_per_second": limits.segments_per_second,
                "queue_seconds": limits.queue_seconds,
                "pool": limits.pool,
            }
        )

    async def set_limits(self, request: Request) -> Response:
        """{concurrency?, segments_per_second?, queue_seconds?, pool?}; 0 is without limit."""
        fields, limits = await Fields.of_body(request), self._world.limits
        concurrency, pace = fields.whole("concurrency"), fields.number("segments_per_second")
        queue, pool = fields.number("queue_seconds"), fields.whole("pool")
        fields.nothing_else()
        limits.concurrency = _or(concurrency, limits.concurrency)
        limits.segments_per_second = _or(pace, limits.segments_per_second)
        limits.queue_seconds = _or(queue, limits.queue_seconds)
        limits.pool = _or(pool, limits.pool)
        return await self.limits(request)

    async def faults(self, _: Request) -> Response:
        return JSONResponse({"faults": [fault_view(fault) for fault in self._world.faults]})

    async def add_fault(self, request: Request) -> Response:
        """{kind, count?, probability?, participant?, number?, operation?, accepted?, status?, code?, seconds?,
        message_status?}; without a count one strike, with a probability no end; count 0: until it is removed.
        """
        fields = await Fields.of_body(request)
        kind = fields.one_of("kind", tuple(Kind))
        if kind is None:
            raise BadRequestError(f"kind: is missing; use one of {', '.join(Kind)}")
        probability, count = fields.chance("probability"), fields.whole("count")
        given = {
            "participant": fields.text("participant"),
            "number": fields.text("number"),
            "operation": fields.text("operation"),
            "accepted": fields.flag("accepted"),
            "status": fields.whole("status"),
            "code": fields.whole("code"),
            "seconds": fields.number("seconds"),
            "message_status": fields.one_of("message_status", ("sent", "delivered", "undelivered", "failed")),
            "probability": probability,
        }
        fields.nothing_else()
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        strikes = _or(count, 1 if probability is None else 0) or None
        fault = self._simulator.add_fault(kind, count=strikes, **options)
        return JSONResponse(fault_view(fault), 201)

    async def clear_faults(self, request: Request) -> Response:
        self._simulator.clear_faults(request.path_params.get("id"))
        return Response(status_code=204)

    async def holds(self, _: Request) -> Response:
        return JSONResponse({"holds": [hold_view(hold) for hold in self._simulator.holds.all()]})

    async def place_hold(self, request: Request) -> Response:
        """{accepted?, participant?, number?, operation?, count?}; count 0: all that come."""
        fields = await Fields.of_body(request)
        participant, number = fields.text("participant"), fields.text("number")
        accepted, operation, count = fields.flag("accepted"), fields.text("operation"), fields.whole("count")
        fields.nothing_else()
        hold = self._simulator.place_hold(
            accepted=_or(accepted, False),
            participant=participant,
            number=number,
            operation=operation or "messages.create",
            count=_or(count, 1) or None,
        )
        return JSONResponse(hold_view(hold), 201)

    async def hold(self, request: Request) -> Response:
        """?held=0 &timeout=10: answers once so many requests are held, or with `satisfied` false."""
        fields, hold = Fields.of_query(request), self._hold(request)
        held, timeout = fields.whole("held"), fields.number("timeout")
        fields.nothing_else()
        try:
            await hold.wait(_or(held, 0), _patience(timeout))
        except TimeoutError:
            return JSONResponse({**hold_view(hold), "satisfied": False})
        return JSONResponse({**hold_view(hold), "satisfied": True})

    async def release_hold(self, request: Request) -> Response:
        """{then?: continue|cut}: lets go of those held now; the hold stays for as many as it has left."""
        fields, hold = await Fields.of_body(request), self._hold(request)
        then = Then(fields.one_of("then", tuple(Then)) or Then.CONTINUE)
        fields.nothing_else()
        return JSONResponse({"released": hold.release(then)})

    async def remove_hold(self, request: Request) -> Response:
        """Lets go of those held, and holds no more."""
        self._simulator.holds.remove(self._hold(request).id)
        return Response(status_code=204)

    async def reset(self, _: Request) -> Response:
        self._simulator.reset()
        return Response(status_code=204)

    def _hold(self, request: Request) -> Hold:
        hold = self._simulator.holds.get(request.path_params["id"])
        if hold is None:
            raise BadRequestError("id: no hold has it; GET /holds lists them")
        return hold


def _selection(fields: Fields, *, outbound: bool | None = None, automatic: bool | None = None) -> Selection:
    direction = fields.one_of("direction", ("inbound", "outbound"))
    return Selection(
        participant=fields.text("participant"),
        number=fields.text("number"),
        outbound=outbound if direction is None else direction == "outbound",
        status=fields.text("status"),
        automatic=_or(fields.flag("automatic"), automatic),
        after=fields.whole("after") or 0,
    )


def _media(raw: Any) -> tuple[Media, ...]:
    items = [] if raw is None else raw
    fits = isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("url"), str) and isinstance(item.get("content_type"), str)
        for item in items
    )
    if not fits or len(items) > 10:
        raise BadRequestError("media: write a list of at most 10 objects with url and content_type")
    return tuple(Media(item["url"], item["content_type"]) for item in items)


def _or(value: T | None, default: T) -> T:
    return default if value is None else value


def _patience(timeout: float | None) -> float:
    return min(_or(timeout, 10.0), LONGEST_WAIT)
