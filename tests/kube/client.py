"""A small client of the Kubernetes API: objects as on the wire, waiting by watch; what users type is kubectl's.

A call raises ApiError with what the API server says; one that waits raises AssertionError with the state at the end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from tests.kube.credentials import Identity

Object = dict[str, Any]
Predicate = Callable[[Object], bool]
FIELD_MANAGER = "parley-tests"
PATIENCE_SECONDS = 60.0
"""How long a wait takes before it fails; a machine that is busy needs some of it."""
RETRY_SECONDS = 0.05
# A kind that is new, and a server that is starting, answer so for a moment.
NOT_YET = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
WATCH_SECONDS = "3"
"""How long one watch lasts before the state is read anew: a server whose store was away may have nothing to tell."""
WATCH_LIMIT = aiohttp.ClientTimeout(total=10)
UNREACHABLE = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)


class ApiError(Exception):
    """The API server refused: its HTTP status, its reason (`Forbidden`, `Invalid`, ...) and its message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Resource:
    """A kind of object by its place in the API: `Resource("apps/v1", "deployments")`."""

    api_version: str
    plural: str
    is_namespaced: bool = True

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        root = "/apis" if "/" in self.api_version else "/api"
        # Without a namespace a namespaced resource is that of all of them.
        place = f"/namespaces/{namespace}" if self.is_namespaced and namespace else ""
        return "/".join(filter(None, [f"{root}/{self.api_version}{place}/{self.plural}", name, subresource]))


NAMESPACES = Resource("v1", "namespaces", is_namespaced=False)
SERVICE_ACCOUNTS = Resource("v1", "serviceaccounts")
CONFIG_MAPS = Resource("v1", "configmaps")
SECRETS = Resource("v1", "secrets")
PODS = Resource("v1", "pods")
EVENTS = Resource("v1", "events")
ROLES = Resource("rbac.authorization.k8s.io/v1", "roles")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io/v1", "rolebindings")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io/v1", "clusterroles", is_namespaced=False)
CLUSTER_ROLE_BINDINGS = Resource("rbac.authorization.k8s.io/v1", "clusterrolebindings", is_namespaced=False)
DEFINITIONS = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions", is_namespaced=False)


class Client:
    """One user's view of the API. `namespace` is where calls go that name none."""

    def __init__(self, session: aiohttp.ClientSession, namespace: str) -> None:
        self.namespace = namespace
        self._session = session

    async def version(self) -> Object:
        return await self._call("GET", "/version")

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        return await self._call("GET", resource.path(namespace or self.namespace, name))

    async def find(self, resource: Resource, namespace: str | None = None, **query: str) -> list[Object]:
        """`query` as the API has it: `labelSelector="app=parley"`, `fieldSelector=...`."""
        found = await self._call("GET", resource.path(namespace or self.namespace), query=query)
        items: list[Object] = found["items"]
        return items

    async def create(self, resource: Resource, content: Object, namespace: str | None = None) -> Object:
        return await self._call("POST", resource.path(namespace or self.namespace), _typed(resource, content))

    async def apply(self, resource: Resource, content: Object, namespace: str | None = None) -> Object:
        """Creates it or makes the fields that `content` names as they are there (server-side apply)."""
        path = resource.path(namespace or self.namespace, content["metadata"]["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self._call("PATCH", path, _typed(resource, content), "application/apply-patch+yaml", query)

    async def patch(
        self, resource: Resource, name: str, patch: Object, namespace: str | None = None, subresource: str = ""
    ) -> Object:
        """A JSON merge patch; `subresource="status"` for a status."""
        path = resource.path(namespace or self.namespace, name, subresource)
        return await self._call("PATCH", path, patch, "application/merge-patch+json")

    async def delete(
        self, resource: Resource, name: str, namespace: str | None = None, grace_seconds: int | None = None
    ) -> None:
        """Returns when the deletion is accepted: finalizers may still hold the object, see `wait_gone`.

        `grace_seconds=0` says of a pod that it has ended, as its kubelet does.
        """
        query = {} if grace_seconds is None else {"gracePeriodSeconds": str(grace_seconds)}
        await self._call("DELETE", resource.path(namespace or self.namespace, name), query=query)

    async def token(self, account: str, namespace: str | None = None, seconds: int = 3600) -> str:
        """A token of the service account `account`."""
        path = SERVICE_ACCOUNTS.path(namespace or self.namespace, account, "token")
        answer = await self._call("POST", path, {"spec": {"expirationSeconds": seconds}})
        token: str = answer["status"]["token"]
        return token

    async def events(self, about: str, namespace: str | None = None) -> list[Object]:
        """The events about the objects of that name, oldest first."""
        found = await self.find(EVENTS, namespace, fieldSelector=f"involvedObject.name={about}")
        return sorted(found, key=lambda event: str(event["metadata"]["creationTimestamp"]))

    async def wait_for(
        self,
        resource: Resource,
        name: str,
        is_so: Predicate,
        namespace: str | None = None,
        timeout: float = PATIENCE_SECONDS,
    ) -> Object:
        """The object as soon as it is there and `is_so`; outlives an API server that is started again."""
        last: Object = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    async with aclosing(self._states(resource, name, namespace or self.namespace)) as states:
                        async for last in states:
                            if is_so(last):
                                return last
                    await asyncio.sleep(RETRY_SECONDS)
        raise AssertionError(f"{resource.plural}/{name} is not so after {timeout} s:\n{json.dumps(last, indent=1)}")

    async def wait_gone(
        self, resource: Resource, name: str, namespace: str | None = None, timeout: float = PATIENCE_SECONDS
    ) -> None:
        last: Object = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    try:
                        last = await self.get(resource, name, namespace)
                    except ApiError as error:
                        if error.status == HTTPStatus.NOT_FOUND:
                            return
                        if error.status not in NOT_YET:
                            raise
                    except UNREACHABLE:
                        pass
                    await asyncio.sleep(RETRY_SECONDS)
        raise AssertionError(f"{resource.plural}/{name} is still there:\n{json.dumps(last, indent=1)}")

    async def _states(self, resource: Resource, name: str, namespace: str) -> AsyncGenerator[Object, None]:
        """The object's state now, if it is there, and those of the next moment, as far as the server can be reached."""
        query = {"watch": "true", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": WATCH_SECONDS}
        try:
            found = await self._call("GET", resource.path(namespace), query={"fieldSelector": query["fieldSelector"]})
            for item in found["items"]:
                yield item
            query["resourceVersion"] = found["metadata"]["resourceVersion"]
            async with self._session.get(resource.path(namespace), params=query, timeout=WATCH_LIMIT) as response:
                await _raise_refusal(response)
                try:
                    async for change in _changes(response):
                        if change["type"] in ("ADDED", "MODIFIED"):
                            yield change["object"]
                finally:
                    _abort(response)
        except (*UNREACHABLE, TimeoutError):
            return
        except ApiError as error:
            if error.status not in NOT_YET:
                raise

    async def _call(
        self,
        method: str,
        path: str,
        content: Object | None = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Object:
        body = None if content is None else json.dumps(content)
        headers = {"Content-Type": content_type}
        async with self._session.request(method, path, data=body, headers=headers, params=query) as response:
            await _raise_refusal(response)
            answer: Object = await response.json()
            return answer


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[Client]:
    """A client for the user of `kubeconfig`, which `write_kubeconfig` wrote."""
    identity = Identity.of(kubeconfig)
    async with aiohttp.ClientSession(
        identity.server,
        connector=aiohttp.TCPConnector(ssl=identity.tls),
        headers={"Authorization": f"Bearer {identity.token}"} if identity.token else {},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE_SECONDS),
    ) as session:
        yield Client(session, identity.namespace)


def has_condition(kind: str, status: str = "True", reason: str | None = None) -> Predicate:
    """For `wait_for`: the condition is there, with this status (and reason), for the spec as it is now."""

    def is_so(found: Object) -> bool:
        for condition in found.get("status", {}).get("conditions") or []:
            if condition["type"] == kind and condition["status"] == status:
                observed = condition.get("observedGeneration", found["metadata"].get("generation"))
                return reason in (None, condition.get("reason")) and observed == found["metadata"].get("generation")
        return False

    return is_so


def _typed(resource: Resource, content: Object) -> Object:
    """The content with its apiVersion, which its place in the API tells; its `kind` the caller gives."""
    return {"apiVersion": resource.api_version, **content}


async def _changes(response: aiohttp.ClientResponse) -> AsyncIterator[Object]:
    # By chunks, since one object may be longer than what a stream reads as a line.
    pending = b""
    async for chunk in response.content.iter_any():
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _abort(response: aiohttp.ClientResponse) -> None:
    """A watch that is left would be said goodbye to by TLS, for as long as its server goes on telling."""
    if response.connection and response.connection.transport:
        response.connection.transport.abort()


async def _raise_refusal(response: aiohttp.ClientResponse) -> None:
    if response.ok:
        return
    text = await response.text()
    try:
        said = json.loads(text)
    except ValueError:
        said = {}
    raise ApiError(response.status, said.get("reason", ""), said.get("message", text))
