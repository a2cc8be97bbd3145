"""An ingress controller: leads HTTPS requests by the rules of the namespace's Ingresses to pods that are ready."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from tests.kube.chart.node.names import SERVICES, SLICES, ready_addresses
from tests.kube.chart.node.network import Network
from tests.kube.client import Client, Object, Resource

INGRESSES = Resource("networking.k8s.io/v1", "ingresses")
HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


@dataclass
class Ingress:
    kube: Client
    namespace: str
    http: aiohttp.ClientSession

    async def handle(self, request: web.Request) -> web.Response:
        for found in await self.kube.find(INGRESSES, self.namespace):
            for rule in found["spec"]["rules"]:
                if rule.get("host") == request.host:
                    for path in rule["http"]["paths"]:
                        if _fits(path, request.path):
                            return await self._pass_on(request, path["backend"]["service"])
        return web.Response(status=404, text="no rule of an Ingress fits")

    async def _pass_on(self, request: web.Request, backend: Object) -> web.Response:
        service = await self.kube.get(SERVICES, backend["name"], self.namespace)
        slices = await self.kube.find(SLICES, self.namespace)
        addresses = ready_addresses(service, slices)
        if not addresses:
            return web.Response(status=503, text="no pod is ready")
        port = _port(service, slices, backend["port"])
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        url = f"http://{addresses[0]}:{port}{request.raw_path}"
        body = await request.read()
        async with self.http.request(request.method, url, headers=headers, data=body) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


@asynccontextmanager
async def ingress_at(
    address: str, network: Network, kube: Client, namespace: str, tls: ssl.SSLContext
) -> AsyncIterator[None]:
    async with network.http(auto_decompress=False) as http:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", Ingress(kube, namespace, http).handle)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            listening = await network.listening(address, 443)
            await web.SockSite(runner, listening, ssl_context=tls).start()
            yield
        finally:
            await runner.cleanup()


def _fits(rule: Object, path: str) -> bool:
    if rule["pathType"] == "Exact":
        return bool(path == rule["path"])
    assert rule["pathType"] == "Prefix", "what else it may mean is each controller's own"
    prefix = rule["path"].rstrip("/")
    return path == prefix or path.startswith(f"{prefix}/")


def _port(service: Object, slices: list[Object], wanted: Object) -> int:
    """The pods' port behind a Service's, given by name or number."""
    [port] = [one for one in service["spec"]["ports"] if wanted in ({"name": one.get("name")}, {"number": one["port"]})]
    name = service["metadata"]["name"]
    numbers = {
        one["port"]
        for found in slices
        if found["metadata"]["labels"].get("kubernetes.io/service-name") == name
        for one in found["ports"]
        if one.get("name", "") == port.get("name", "")
    }
    [number] = numbers
    return int(number)
