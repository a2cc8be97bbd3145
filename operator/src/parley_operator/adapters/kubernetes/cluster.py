"""Reads and writes PhoneNumbers, and posts events about them. What is written is written against what was read."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from parley_operator.adapters.kubernetes.access import Access
from parley_operator.adapters.kubernetes.bodies import resource_of, status_body
from parley_operator.domain.durations import timestamp
from parley_operator.domain.resource import FINALIZER, GROUP, KIND, PLURAL, VERSION, Key, Resource, Status
from parley_operator.errors import ClusterUnavailable, Conflict

PAGE = 500
TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
CONNECTIONS = 16
MERGE = {"Content-Type": "application/merge-patch+json"}
API = f"/apis/{GROUP}/{VERSION}"
KINDS = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{PLURAL}.{GROUP}"
COMPONENT = "parley-operator"


@asynccontextmanager
async def cluster_at(access: Access, namespaces: Sequence[str]) -> AsyncIterator[KubernetesCluster]:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=access.tls())
    async with aiohttp.ClientSession(
        connector=connector, timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield KubernetesCluster(session, access, namespaces)


class KubernetesCluster:
    """The port Cluster, for the resources of `namespaces`, or of all when there are none."""

    def __init__(self, session: aiohttp.ClientSession, access: Access, namespaces: Sequence[str]) -> None:
        self._session = session
        self._access = access
        self._lists = [f"{API}/namespaces/{namespace}/{PLURAL}" for namespace in namespaces] or [f"{API}/{PLURAL}"]

    async def list(self) -> Sequence[Resource]:
        found: list[Resource] = []
        for path in self._lists:
            token = ""
            while True:
                query = {"limit": str(PAGE)} | ({"continue": token} if token else {})
                page = await self._call("GET", path, query=query)
                found += [resource_of(item) for item in page["items"]]
                token = page["metadata"].get("continue", "")
                if not token:
                    break
        return found

    async def get(self, key: Key) -> Resource | None:
        body = await self._call("GET", _path(key), or_none=(404,))
        return resource_of(body) if body is not None else None

    async def write_status(self, resource: Resource, status: Status) -> Resource:
        return await self._patch(f"{_path(resource.key)}/status", resource, {"status": status_body(status)})

    async def write_finalizer(self, resource: Resource, *, present: bool) -> Resource | None:
        others = [name for name in resource.finalizers if name != FINALIZER]
        finalizers = [*others, FINALIZER] if present else others
        patch = {"metadata": {"finalizers": finalizers}}
        written = await self._patch(_path(resource.key), resource, patch)
        return None if written.deleting and not written.finalizers else written

    async def post_event(self, resource: Resource, reason: str, message: str, *, is_warning: bool) -> None:
        now = timestamp(time.time())
        event = {
            "metadata": {"generateName": f"{resource.name[:200]}.", "namespace": resource.namespace},
            "involvedObject": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": KIND,
                "namespace": resource.namespace,
                "name": resource.name,
                "uid": resource.uid,
                "resourceVersion": resource.version,
            },
            "type": "Warning" if is_warning else "Normal",
            "reason": reason,
            "message": message[:1024],
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        await self._call("POST", f"/api/v1/namespaces/{resource.namespace}/events", body=event)

    async def is_namespace_ending(self, namespace: str) -> bool | None:
        return await self._is_ending(f"/api/v1/namespaces/{namespace}")

    async def is_kind_ending(self) -> bool | None:
        return await self._is_ending(KINDS)

    async def _is_ending(self, path: str) -> bool | None:
        body = await self._call("GET", path, or_none=(401, 403, 404))
        return "deletionTimestamp" in body["metadata"] if body is not None else None

    async def _patch(self, path: str, resource: Resource, patch: Mapping[str, Any]) -> Resource:
        guarded = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": resource.version}}
        return resource_of(await self._call("PATCH", path, body=guarded))

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        or_none: Sequence[int] = (),
    ) -> Any:
        try:
            bearer = self._access.bearer()
            headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
            headers |= MERGE if method == "PATCH" else {}
            url = f"{self._access.server}{path}"
            async with self._session.request(method, url, params=query, json=body, headers=headers) as answer:
                if answer.status < 300:
                    return await answer.json()
                status = answer.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ClusterUnavailable(f"the API server did not answer ({type(error).__name__})") from None
        if status in or_none:
            return None
        if method != "GET" and status in (404, 409):
            raise Conflict("the resource is not as it was read")
        raise ClusterUnavailable(
            f"the API server refuses {method} (status {status})", is_forbidden=status in (401, 403)
        )


def _path(key: Key) -> str:
    namespace, name = key
    return f"{API}/namespaces/{namespace}/{PLURAL}/{name}"
