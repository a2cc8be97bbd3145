"""The control plane's addresses, bundles, brands, campaigns and toll-free verifications: file one, decide on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parley_simulator.domain.papers import Address
from parley_simulator.handlers.decide_papers import Decided, Verdict
from parley_simulator.routes.control_input import Fields
from parley_simulator.routes.control_views import time_view
from parley_simulator.simulator import Simulator

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def paper_routes(simulator: Simulator) -> list[Route]:
    control = _PaperControl(simulator)
    kinds = ("addresses", "bundles", "brands", "campaigns", "verifications")
    routes = []
    for kind in kinds:
        routes.append(Route(f"/{kind}", control.lister(kind), methods=["GET"]))
        routes.append(Route(f"/{kind}", control.filer(kind), methods=["POST"]))
        if kind != "addresses":
            routes.append(Route(f"/{kind}/{{sid}}", control.decide, methods=["POST"]))
    return routes


class _PaperControl:
    def __init__(self, simulator: Simulator) -> None:
        self._papers = simulator.papers
        world = simulator.world
        self._records: dict[str, Iterable[Address | Decided]] = {
            "addresses": world.papers.addresses,
            "bundles": world.papers.bundles,
            "brands": world.registrations.brands,
            "campaigns": world.registrations.campaigns,
            "verifications": world.registrations.verifications,
        }
        self._file: dict[str, Callable[[Fields], Address | Decided]] = {
            "addresses": self._address,
            "bundles": self._bundle,
            "brands": self._brand,
            "campaigns": self._campaign,
            "verifications": self._verification,
        }

    def lister(self, kind: str) -> Callable[[Request], Any]:
        async def list_records(_: Request) -> Response:
            return JSONResponse({kind: [_view(record) for record in self._records[kind]]})

        return list_records

    def filer(self, kind: str) -> Callable[[Request], Any]:
        async def file_record(request: Request) -> Response:
            return JSONResponse(_view(self._file[kind](await Fields.of_body(request))), 201)

        return file_record

    async def decide(self, request: Request) -> Response:
        """{status, reason?, identity_status?}; the last is a brand's."""
        fields = await Fields.of_body(request)
        verdict = Verdict(fields.need_text("status"), fields.text("reason") or "", fields.text("identity_status") or "")
        fields.nothing_else()
        return JSONResponse(_view(self._papers.decide(request.path_params["sid"], verdict)))

    def _address(self, fields: Fields) -> Address:
        """{iso_country}"""
        country = fields.need_text("iso_country")
        fields.nothing_else()
        return self._papers.file_address(country)

    def _bundle(self, fields: Fields) -> Decided:
        """{iso_country?, number_type?, status?}"""
        country, kind = fields.text("iso_country") or "", fields.text("number_type") or ""
        status = fields.text("status") or "draft"
        fields.nothing_else()
        return self._papers.file_bundle(country, kind, status)

    def _brand(self, fields: Fields) -> Decided:
        """{status?}"""
        status = fields.text("status") or "PENDING"
        fields.nothing_else()
        return self._papers.file_brand(status)

    def _campaign(self, fields: Fields) -> Decided:
        """{service_sid, brand_sid?, status?}"""
        service, brand = fields.need_text("service_sid"), fields.text("brand_sid") or ""
        status = fields.text("status") or "IN_PROGRESS"
        fields.nothing_else()
        return self._papers.file_campaign(service, brand, status)

    def _verification(self, fields: Fields) -> Decided:
        """{phone_number, status?}"""
        phone_number, status = fields.need_text("phone_number"), fields.text("status") or "PENDING_REVIEW"
        fields.nothing_else()
        return self._papers.file_verification(phone_number, status)


def _view(record: DataclassInstance) -> dict[str, Any]:
    shown = asdict(record)
    return {**shown, "created": time_view(shown["created"]), "updated": time_view(shown["updated"])}
