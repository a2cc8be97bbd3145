"""What a request to the HTTP API must have before its fields are looked at: a key that opens this, a body in bounds."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from parley_gateway.domain.caller import Caller, Scope
from parley_gateway.domain.refusals import UnsupportedType
from parley_gateway.errors import KeyRefused
from parley_gateway.routes.webhooks import body_too_large, read_body

KEY_HEADER = "X-PolyAi-Auth-Token"


class AdmittedRoute(APIRoute):
    """A route for callers whose key has `scope`. The application's state holds `admit` and `body_limit`."""

    scope: ClassVar[Scope]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        has_body = "POST" in (self.methods or ())

        async def admitted(request: Request) -> Response:
            state = request.app.state
            request.state.caller = await state.admit(key_of(request.headers), self.scope)
            if has_body:
                body = await _json_of(request, state.body_limit)
                request = Request(request.scope, _again(body, request.receive))
            return await handle(request)

        return admitted


class SendRoute(AdmittedRoute):
    scope = Scope.SEND


class ReadRoute(AdmittedRoute):
    scope = Scope.READ


async def _caller_of(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


Admitted = Annotated[Caller, Depends(_caller_of)]


def key_of(headers: Headers) -> str:
    """The key that a request presents, empty for none. Raises KeyRefused for more than one."""
    found = set(headers.getlist(KEY_HEADER))
    for value in headers.getlist("authorization"):
        scheme, _, key = value.partition(" ")
        if scheme.lower() == "bearer":
            found.add(key.strip())
    if len(found) > 1:
        raise KeyRefused("send one key, not several")
    return found.pop() if found else ""


def key_schemes() -> list[Any]:
    """How a key is presented, for the schema: what admits a caller stands above."""
    bearer = HTTPBearer(auto_error=False, scheme_name="Bearer")
    header = APIKeyHeader(name=KEY_HEADER, auto_error=False, scheme_name=KEY_HEADER)
    return [Depends(bearer), Depends(header)]


async def _json_of(request: Request, limit: int) -> bytes:
    """The body, which may be empty. Raises TooLarge, UnsupportedType, or ClientDisconnect."""
    headers = request.headers
    if "content-encoding" in headers:
        raise UnsupportedType("CONTENT_ENCODING", "content-encoding: send the body as it is")
    if int(headers.get("content-length", "0")) > limit:
        raise body_too_large(limit)
    body = await read_body(request.receive, limit)
    if body is None:
        raise ClientDisconnect
    if body and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedType("CONTENT_TYPE", "content-type: only application/json is read")
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """What gives out a body that was read; after it, whatever comes."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving
