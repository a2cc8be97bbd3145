"""The REST API as an ASGI application: who asks, what for, and Twilio's headers and error bodies around the answer."""

from __future__ import annotations

import base64
import hmac
import json
import time
from email.utils import formatdate
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from parley_simulator.domain.calls import Call
from parley_simulator.domain.form import Form
from parley_simulator.domain.refusals import (
    Refusal,
    method_not_allowed,
    not_found,
    suspended,
    too_many_requests,
    unauthorized,
)
from parley_simulator.domain.world import Account, World
from parley_simulator.errors import ConnectionCut
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock, Ids
from parley_simulator.routes.paths import Endpoint, Paths
from parley_simulator.routes.request import API_VERSION, ApiRequest, Reply

ACCOUNTS = f"/{API_VERSION}/Accounts/"


class Api:
    """Raw ASGI: this is what a load is sent to."""

    def __init__(self, world: World, paths: Paths, clock: Clock, ids: Ids, watch: Watch) -> None:
        self._world = world
        self._paths = paths
        self._clock = clock
        self._ids = ids
        self._watch = watch
        self._under_way = 0
        self._accepted_credentials = _credentials(world.account)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, token = time.perf_counter(), self._ids()
        self._under_way += 1
        concurrent = self._under_way
        try:
            body = await _read(receive)
            status, payload = await self._answer(scope, body, token, concurrent)
        except ConnectionCut:
            await _cut(scope, receive)
            return
        finally:
            self._under_way -= 1
        headers = [
            (b"content-type", b"application/json;charset=utf-8"),
            (b"date", formatdate(usegmt=True).encode()),
            (b"twilio-concurrent-requests", b"%d" % concurrent),
            (b"twilio-request-duration", b"%.3f" % (time.perf_counter() - started)),
            (b"twilio-request-id", b"RQ" + token.encode()),
            (b"x-api-domain", b"api.twilio.com"),
            (b"x-home-region", b"us1"),
        ]
        if status == 401:
            headers.append((b"www-authenticate", b'Basic realm="Twilio API"'))
        content = json.dumps(payload).encode() if payload is not None else b""
        headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, body: bytes, token: str, concurrent: int) -> Reply:
        call = self._world.calls.add(self._clock(), scope["method"], scope["path"])
        try:
            endpoint, names = self._find(scope)
            query, form = Form.parse(scope["query_string"]), Form.parse(body)
            self._world.calls.name(call, endpoint.operation, form if body else query)
            limit = self._world.limits.concurrency
            if limit and concurrent > limit:
                raise too_many_requests()
            sid, item = names.get("sid", ""), names.get("item", "")
            host = _header(scope, b"host").decode()
            reply = await endpoint.act(
                ApiRequest(endpoint.operation, scope["path"], sid, token, query, form, item, host)
            )
        except Refusal as refusal:
            reply = refusal.status, refusal.body()
        except ConnectionCut:
            self._count(call, "cut")
            raise
        self._count(call, str(reply[0]))
        return reply

    def _count(self, call: Call, outcome: str) -> None:
        call.outcome = outcome
        self._world.requests[f"{call.operation} {outcome}"] += 1
        self._watch.notify()

    def _find(self, scope: Scope) -> tuple[Endpoint, dict[str, str]]:
        """Raises Refusal for a stranger, and for a path that names nothing."""
        path, account = scope["path"], self._world.account.sid
        given = _header(scope, b"authorization")
        known = [hmac.compare_digest(given, accepted) for accepted in self._accepted_credentials]
        if not any(known) or (
            path.startswith(ACCOUNTS) and not path.startswith((f"{ACCOUNTS}{account}/", f"{ACCOUNTS}{account}."))
        ):
            raise unauthorized()
        if self._world.standing.suspended:
            raise suspended()
        found = self._paths.find(path)
        if found is None:
            raise not_found(unquote(path))
        if scope["method"] not in found.by_method:
            raise method_not_allowed()
        return found.by_method[scope["method"]], found.names


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")


def _credentials(account: Account) -> list[bytes]:
    pairs = [(account.sid, account.auth_token), *account.api_keys.items()]
    return [b"Basic " + base64.b64encode(f"{user}:{secret}".encode()) for user, secret in pairs]


async def _read(receive: Receive) -> bytes:
    chunks = []
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ConnectionCut
        chunks.append(event.get("body", b""))
        if not event.get("more_body", False):
            return b"".join(chunks)


async def _cut(scope: Scope, receive: Receive) -> None:
    scope["state"]["abort"]()
    while (await receive())["type"] != "http.disconnect":
        pass
