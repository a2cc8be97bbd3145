"""How the HTTP API says no: a status, and `{"detail": "..."}` that names the field and the fix and quotes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from parley_chassis.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ParleyError,
    ResourceExhausted,
    Unauthenticated,
)
from parley_gateway.domain.api_fields import missing, unknown, wrong
from parley_gateway.domain.refusals import Refusal, TooLarge
from parley_gateway.domain.tally import Tally
from parley_gateway.errors import NotAllowed, TooFast

STATUSES: tuple[tuple[type[ParleyError], int], ...] = (
    (InvalidArgument, 400),
    (Unauthenticated, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (FailedPrecondition, 409),
    (AlreadyExists, 409),
    (ResourceExhausted, 429),
)
# Whatever is wrong behind the gateway is not the caller's fault, and may be over in a moment.
NOT_NOW = 503
BACKLOG_WAIT = 30.0
NOT_JSON = "the body: write a JSON object in UTF-8"
NO_PATH = "nothing is served at this path: see /docs"


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps({"detail": detail}), status, headers, "application/json")


class Problems:
    """Answers what the routes raise, and counts it."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def add_to(self, app: FastAPI) -> None:
        app.add_exception_handler(ParleyError, self._refused)
        app.add_exception_handler(Refusal, self._unreadable)
        app.add_exception_handler(ClientDisconnect, self._gone)
        app.add_exception_handler(RequestValidationError, self._invalid)
        app.add_exception_handler(HTTPException, self._unserved)
        app.add_exception_handler(Exception, self._failed)

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, ParleyError)
        status = next((status for kind, status in STATUSES if isinstance(error, kind)), NOT_NOW)
        self._tally.refusals[error.error_reason] += 1
        headers = {}
        if status == 401:
            headers["www-authenticate"] = "Bearer"
        elif status in (429, NOT_NOW):
            headers["retry-after"] = str(math.ceil(_wait(error)))
        detail = f"{error.message}; try again" if status == NOT_NOW else error.message
        return problem(status, detail, headers)

    async def _unreadable(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        self._tally.refusals[error.reason] += 1
        # What is left of a body that is too large is not worth reading.
        status, headers = (413, {"connection": "close"}) if isinstance(error, TooLarge) else (415, None)
        return problem(status, error.detail, headers)

    async def _gone(self, request: Request, error: Exception) -> Response:
        return problem(400, "the request was given up")

    async def _invalid(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        self._tally.refusals["INVALID"] += 1
        return problem(400, sentence(error.errors()))

    async def _unserved(self, request: Request, error: Exception) -> Response:
        """What FastAPI refuses by itself."""
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return problem(404, NO_PATH)
        if error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "")
            return problem(405, f"this path takes {allowed or 'another method'}", error.headers)
        return problem(400, NOT_JSON)

    async def _failed(self, request: Request, error: Exception) -> Response:
        return problem(500, "the gateway failed; the log says where")


def _wait(error: ParleyError) -> float:
    """Seconds after which it is worth another try."""
    if isinstance(error, TooFast):
        return error.wait
    return BACKLOG_WAIT if error.error_reason == "BACKLOG" else 1.0


def sentence(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with the first field that is, of the errors as pydantic lists them."""
    first = errors[0]
    place, kind = first["loc"], first["type"]
    # ("body",) is the whole body, ("body", 17) a place in one that is no JSON.
    field = place[1] if len(place) > 1 else None
    if not isinstance(field, str):
        return NOT_JSON
    if kind == "extra_forbidden":
        return unknown(field)
    return missing(field) if kind == "missing" else wrong(field)
