"""As much of an API server as the operator speaks to: PhoneNumbers to list, watch and patch, events to post.

No schemas and no permissions: those are proven on a real one. Here a watch can be made to die silently.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

API = "/apis/parley.dev/v1alpha1"
ONE = API + "/namespaces/{namespace}/phonenumbers/{name}"
Body = dict[str, Any]


class ApiServer:
    def __init__(self) -> None:
        self.url = ""
        self.objects: dict[tuple[str, str], Body] = {}
        self.events: list[Body] = []
        self.requests: list[tuple[str, str]] = []
        self.watched: list[str] = []
        """The paths of the watches that were begun."""
        self.is_mute = False
        """Watches stay open and tell nothing."""
        self.refuses: int | None = None
        """The status that everything about PhoneNumbers is answered with."""
        self._watches: list[asyncio.Queue[Body]] = []
        self._changed = asyncio.Condition()
        self._version = 0

    async def apply(self, name: str, spec: Body, namespace: str = "shop") -> Body:
        known = self.objects.get((namespace, name))
        body: Body = known or {
            "metadata": {"name": name, "namespace": namespace, "uid": f"uid-of-{name}"},
            "status": {},
        }
        created = {"creationTimestamp": "2026-01-01T00:00:00Z", "generation": body["metadata"].get("generation", 0) + 1}
        return await self._store({**body, "metadata": {**body["metadata"], **created}, "spec": spec})

    async def delete(self, name: str, namespace: str = "shop") -> None:
        body = self.objects[namespace, name]
        await self._store({**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-01-02T00:00:00Z"}})

    async def wait_for(self, name: str, seen: Any, namespace: str = "shop") -> Body:
        """The object once `seen(object or None)` is true. Raises TimeoutError."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: seen(self.objects.get((namespace, name))))
        return self.objects.get((namespace, name), {})

    async def _store(self, body: Body) -> Body:
        self._version += 1
        meta = {**body["metadata"], "resourceVersion": str(self._version)}
        stored = {"apiVersion": "parley.dev/v1alpha1", "kind": "PhoneNumber", **body, "metadata": meta}
        key, is_gone = (meta["namespace"], meta["name"]), "deletionTimestamp" in meta and not meta.get("finalizers")
        kind = "DELETED" if is_gone else "MODIFIED" if key in self.objects else "ADDED"
        if is_gone:
            self.objects.pop(key, None)
        else:
            self.objects[key] = stored
        for watch in self._watches if not self.is_mute else ():
            watch.put_nowait({"type": kind, "object": stored})
        async with self._changed:
            self._changed.notify_all()
        return stored

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") == "true":
            return await self._watch(request)
        return web.json_response(
            {
                "kind": "PhoneNumberList",
                "apiVersion": "parley.dev/v1alpha1",
                "metadata": {"resourceVersion": str(self._version)},
                "items": [body for key, body in self.objects.items() if self._is_asked(request, key[0])],
            }
        )

    def _is_asked(self, request: web.Request, namespace: str) -> bool:
        return request.match_info.get("namespace", namespace) == namespace

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response, queue = web.StreamResponse(), asyncio.Queue[Body]()
        self._watches.append(queue)
        await response.prepare(request)
        self.watched.append(request.path)
        async with self._changed:
            self._changed.notify_all()
        try:
            while True:
                event = await queue.get()
                if not self._is_asked(request, event["object"]["metadata"]["namespace"]):
                    continue
                await response.write(json.dumps(event).encode() + b"\n")
        finally:
            self._watches.remove(queue)

    async def _get(self, request: web.Request) -> web.Response:
        body = self.objects.get((request.match_info["namespace"], request.match_info["name"]))
        return web.json_response(body) if body is not None else web.json_response({}, status=404)

    async def _patch(self, request: web.Request) -> web.Response:
        known = self.objects.get((request.match_info["namespace"], request.match_info["name"]))
        if known is None:
            return web.json_response({}, status=404)
        patch = await request.json()
        version = patch["metadata"].pop("resourceVersion")
        if version != known["metadata"]["resourceVersion"]:
            return web.json_response({}, status=409)
        part = {"status": patch["status"]} if request.path.endswith("/status") else {"metadata": patch["metadata"]}
        return web.json_response(await self._store(_merged(known, part)))

    async def _post_event(self, request: web.Request) -> web.Response:
        self.events.append(await request.json())
        async with self._changed:
            self._changed.notify_all()
        return web.json_response({"metadata": {}}, status=201)

    def application(self) -> web.Application:
        @web.middleware
        async def note(request: web.Request, handler: Any) -> web.StreamResponse:
            self.requests.append((request.method, request.path))
            if self.refuses is not None and "phonenumbers" in request.path:
                return web.json_response({"kind": "Status", "code": self.refuses}, status=self.refuses)
            answer: web.StreamResponse = await handler(request)
            return answer

        app = web.Application(middlewares=[note])
        app.add_routes(
            [
                web.get(f"{API}/phonenumbers", self._list),
                web.get(f"{API}/namespaces/{{namespace}}/phonenumbers", self._list),
                web.get(ONE, self._get),
                web.patch(ONE, self._patch),
                web.patch(f"{ONE}/status", self._patch),
                web.post("/api/v1/namespaces/{namespace}/events", self._post_event),
                web.get("/api/v1/namespaces/{namespace}", _answering({"metadata": {}})),
                web.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", _answering({"metadata": {}})),
                web.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", _forbid),
                *(web.get(path, _answering(body)) for path, body in DISCOVERY.items()),
            ]
        )
        return app


def _group(name: str, version: str) -> Body:
    one = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [one], "preferredVersion": one}


def _kinds(version: str, *names: tuple[str, str]) -> Body:
    verbs = ["get", "list", "watch", "patch"]
    kinds = [{"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind} for plural, kind in names]
    return {
        "kind": "APIResourceList",
        "groupVersion": version,
        "resources": [{**kind, "verbs": verbs} for kind in kinds],
    }


DISCOVERY: dict[str, Body] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": _kinds("v1", ("namespaces", "Namespace"), ("events", "Event")),
    "/apis": {
        "kind": "APIGroupList",
        "groups": [_group("parley.dev", "v1alpha1"), _group("apiextensions.k8s.io", "v1")],
    },
    "/apis/apiextensions.k8s.io/v1": _kinds(
        "apiextensions.k8s.io/v1", ("customresourcedefinitions", "CustomResourceDefinition")
    ),
    API: _kinds("parley.dev/v1alpha1", ("phonenumbers", "PhoneNumber")),
}


def _answering(body: Body) -> Any:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body)

    return answer


async def _forbid(_: web.Request) -> web.Response:
    return web.json_response({"kind": "Status", "code": 403}, status=403)


def _merged(known: Any, patch: Any) -> Any:
    """A JSON merge patch."""
    if not isinstance(patch, dict):
        return patch
    base = dict(known) if isinstance(known, dict) else {}
    for name, value in patch.items():
        if value is None:
            base.pop(name, None)
        else:
            base[name] = _merged(base.get(name), value)
    return base


@asynccontextmanager
async def api_server() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
