"""The REST API as an ASGI application: who asks, what for, and Twilio's headers and error bodies around the answer."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from parley_simulator.domain.form import Form
from parley_simulator.domain.refusals import (
    Refusal,
    method_not_allowed,
    not_found,
    too_many_requests,
    unauthorized,
)
from parley_simulator.domain.world import Account, World
from parley_simulator.errors import ConnectionCut
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Ids
from parley_simulator.routes.messages import MessageRoutes
from parley_simulator.routes.numbers import NumberRoutes
from parley_simulator.routes.request import ApiRequest, Reply
from parley_simulator.routes.services import ServiceRoutes

PATH = re.compile(r"/2010-04-01/Accounts/(?P<account>[^/]+)/(?P<resource>\w+)(?:/(?P<sid>\w+))?\.json")
SERVICE_PATH = re.compile(r"/v1/Services(?:/(?P<sid>\w+)(?P<part>/PhoneNumbers(?:/(?P<item>\w+))?)?)?")
SERVICES, SERVICE_NUMBERS = "v1/Services", "v1/Services/PhoneNumbers"
Endpoint = Callable[[ApiRequest], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a path names; the sids are "" where it names none."""

    resource: str
    sid: str = ""
    item: str = ""

    @property
    def names_one(self) -> bool:
        return bool(self.item if self.resource == SERVICE_NUMBERS else self.sid)


class Api:
    """Raw ASGI: this is what a load is sent to."""

    def __init__(
        self,
        world: World,
        messages: MessageRoutes,
        numbers: NumberRoutes,
        services: ServiceRoutes,
        ids: Ids,
        watch: Watch,
    ) -> None:
        self._world = world
        self._ids = ids
        self._watch = watch
        self._under_way = 0
        self._accepted_credentials = _credentials(world.account)
        # (resource, whether one is named) -> method -> (operation, endpoint)
        self._endpoints: Mapping[tuple[str, bool], Mapping[str, tuple[str, Endpoint]]] = {
            ("Messages", False): {
                "POST": ("messages.create", messages.create_message),
                "GET": ("messages.list", messages.list_messages),
            },
            ("Messages", True): {"GET": ("messages.fetch", messages.fetch_message)},
            ("IncomingPhoneNumbers", False): {"GET": ("numbers.list", numbers.list_numbers)},
            ("IncomingPhoneNumbers", True): {
                "GET": ("numbers.fetch", numbers.fetch_number),
                "POST": ("numbers.update", numbers.update_number),
            },
            (SERVICES, False): {
                "GET": ("services.list", services.list_services),
                "POST": ("services.create", services.create_service),
            },
            (SERVICES, True): {
                "GET": ("services.fetch", services.fetch_service),
                "POST": ("services.update", services.update_service),
            },
            (SERVICE_NUMBERS, False): {
                "GET": ("services.numbers.list", services.list_numbers),
                "POST": ("services.numbers.create", services.attach_number),
            },
            (SERVICE_NUMBERS, True): {
                "GET": ("services.numbers.fetch", services.fetch_number),
                "DELETE": ("services.numbers.delete", services.detach_number),
            },
        }

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
        operation = "other"
        try:
            asked = self._asked(scope)
            operation, endpoint = self._route(scope, asked)
            limit = self._world.limits.concurrency
            if limit and concurrent > limit:
                raise too_many_requests()
            query, form = Form.parse(scope["query_string"]), Form.parse(body)
            host = _header(scope, b"host").decode()
            reply = await endpoint(
                ApiRequest(operation, scope["path"], asked.sid, token, query, form, asked.item, host)
            )
        except Refusal as refusal:
            reply = refusal.status, refusal.body()
        except ConnectionCut:
            self._count(operation, "cut")
            raise
        self._count(operation, str(reply[0]))
        return reply

    def _count(self, operation: str, outcome: str) -> None:
        self._world.requests[f"{operation} {outcome}"] += 1
        self._watch.notify()

    def _asked(self, scope: Scope) -> Asked:
        """Raises Refusal for a stranger, and for a path that names nothing."""
        found = PATH.fullmatch(scope["path"])
        given = _header(scope, b"authorization")
        known = [hmac.compare_digest(given, accepted) for accepted in self._accepted_credentials]
        if not any(known) or (found is not None and found["account"] != self._world.account.sid):
            raise unauthorized()
        if found is not None:
            return Asked(found["resource"], found["sid"] or "")
        found = SERVICE_PATH.fullmatch(scope["path"])
        if found is None:
            raise not_found(unquote(scope["path"]))
        return Asked(SERVICE_NUMBERS if found["part"] else SERVICES, found["sid"] or "", found["item"] or "")

    def _route(self, scope: Scope, asked: Asked) -> tuple[str, Endpoint]:
        methods = self._endpoints.get((asked.resource, asked.names_one))
        if methods is None:
            raise not_found(unquote(scope["path"]))
        if scope["method"] not in methods:
            raise method_not_allowed()
        return methods[scope["method"]]


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
