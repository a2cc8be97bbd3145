"""The HTTP API: its routes, what they need, and how they are described in its schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from parley_gateway.domain.tally import Tally
from parley_gateway.handlers.admit_caller import AdmitCaller
from parley_gateway.routes import models
from parley_gateway.routes.admission import key_schemes
from parley_gateway.routes.dead_letters import DeadLetterRoutes
from parley_gateway.routes.docs import add_docs
from parley_gateway.routes.door import Door
from parley_gateway.routes.outbound import OutboundRoutes
from parley_gateway.routes.problems import Problems
from parley_gateway.routes.sessions import SessionRoutes

DESCRIPTION = """\
Texts people, and shows what was said. Every call needs a key, made with `parley keys create`: as
`Authorization: Bearer <key>`, or in `X-PolyAi-Auth-Token`.
"""
PROBLEMS = {
    400: "A field is missing, unknown or cannot be used.",
    401: "No key, or one that is unknown, revoked or expired.",
    403: "The key is not for this agent, or not for this.",
    404: "There is no such session, agent or number.",
    409: "Right request, wrong state; or an Idempotency-Key that belongs to another request.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many calls: wait for as many seconds as Retry-After says.",
    503: "Not now: try again, with the same Idempotency-Key, after as many seconds as Retry-After says.",
}


@dataclass(frozen=True, slots=True)
class ApiRoutes:
    outbound: OutboundRoutes
    sessions: SessionRoutes
    dead_letters: DeadLetterRoutes


def api(admit: AdmitCaller, routes: ApiRoutes, body_limit: int, tally: Tally) -> ASGIApp:
    """The API as an ASGI application."""
    return Door(application(admit, routes, body_limit, tally), tally)


def application(admit: AdmitCaller, routes: ApiRoutes, body_limit: int, tally: Tally) -> FastAPI:
    app = FastAPI(
        title="Parley",
        version="1",
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.admit, app.state.body_limit = admit, body_limit
    router = APIRouter(prefix="/v1", responses=_described(), dependencies=key_schemes(), redirect_slashes=False)
    routes.outbound.add_to(router)
    routes.sessions.add_to(router)
    routes.dead_letters.add_to(router)
    app.include_router(router)
    add_docs(app)
    Problems(tally).add_to(app)
    return app


def _described() -> dict[int | str, dict[str, Any]]:
    """How every route refuses. One model a route, where one for each status would double the time of a start."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{models.Problem.__name__}"}}}
    described: dict[int | str, dict[str, Any]] = {
        status: {"description": description, "content": content} for status, description in PROBLEMS.items()
    }
    # Named, so that FastAPI does not promise statuses of its own.
    return {**described, "default": {"description": "Anything else.", "model": models.Problem}}
