"""What the tests of the operator and of the chart rest on: that this control plane decides as a cluster's does."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.kube.accounts import ServiceAccounts
from tests.kube.client import (
    CONFIG_MAPS,
    DEFINITIONS,
    NAMESPACES,
    PODS,
    ApiError,
    Client,
    Object,
    Resource,
    connected,
    has_condition,
)
from tests.kube.cluster import Cluster
from tests.kube.kubectl import Kubectl, KubectlError
from tests.kube.programs import pinned_version

KITES = Resource("tests.parley.dev/v1", "kites")
KITE_SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {"line": {"type": "integer"}, "colour": {"type": "string"}},
            "x-kubernetes-validations": [
                {"rule": "self.line <= 100", "message": "a line is at most 100 m long: make spec.line smaller"},
                {"rule": "self.colour == oldSelf.colour", "message": "a kite keeps its colour"},
            ],
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
KITE_DEFINITION: Object = {
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "kites.tests.parley.dev"},
    "spec": {
        "group": "tests.parley.dev",
        "names": {"kind": "Kite", "plural": "kites", "singular": "kite"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": KITE_SCHEMA},
            }
        ],
    },
}


@pytest.fixture
async def kites(kube: Client, namespace: str) -> Client:
    """The API, once it knows kites."""
    await kube.apply(DEFINITIONS, KITE_DEFINITION)
    await kube.wait_for(DEFINITIONS, "kites.tests.parley.dev", has_condition("Established"))
    await kube.wait_for(CONFIG_MAPS, "kube-root-ca.crt", lambda _: True)
    return kube


def kite(name: str, line: int = 50, colour: str = "red") -> Object:
    return {"kind": "Kite", "metadata": {"name": name}, "spec": {"line": line, "colour": colour}}


def settings(name: str, **data: str) -> Object:
    return {"kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod(name: str, **security: object) -> Object:
    return {
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "main", "image": "none.invalid/none", "securityContext": security}],
        },
    }


async def test_the_server_says_which_version_it_is(kube: Client) -> None:
    version = await kube.version()
    if "KUBEBUILDER_ASSETS" not in os.environ:
        assert version["gitVersion"] == pinned_version()
    assert int(version["major"]) == 1
    assert int(version["minor"]) >= 30


async def test_an_account_without_a_role_may_read_nothing(service_account: ServiceAccounts) -> None:
    async with connected(await service_account("nobody")) as nobody:
        with pytest.raises(ApiError) as refused:
            await nobody.find(CONFIG_MAPS)
    assert (refused.value.status, refused.value.reason) == (403, "Forbidden")


async def test_an_account_may_do_what_its_rules_say_and_no_more(
    service_account: ServiceAccounts, kubectl: Kubectl, namespace: str
) -> None:
    reading = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
    looking = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
    kubeconfig = await service_account("reader", rules=[reading], cluster_rules=[looking])
    async with connected(kubeconfig) as reader:
        assert await reader.find(CONFIG_MAPS) is not None
        assert (await reader.get(NAMESPACES, "kube-system"))["kind"] == "Namespace"
        with pytest.raises(ApiError, match="cannot create resource"):
            await reader.create(CONFIG_MAPS, settings("mine"))
        with pytest.raises(ApiError, match="cannot list resource"):
            await reader.find(CONFIG_MAPS, "kube-system")
    reader_kubectl = kubectl.as_user_of(kubeconfig)
    who = await reader_kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    assert who == f"system:serviceaccount:{namespace}:reader"
    assert (await reader_kubectl.say("auth", "can-i", "delete", "configmaps")).out == "no\n"


async def test_the_rules_of_a_definition_are_enforced(kites: Client, kubectl: Kubectl) -> None:
    with pytest.raises(ApiError, match=r"make spec\.line smaller") as refused:
        await kites.create(KITES, kite("high", line=101))
    assert refused.value.reason == "Invalid"
    await kites.create(KITES, kite("low"))
    with pytest.raises(ApiError, match="keeps its colour"):
        await kites.patch(KITES, "low", {"spec": {"colour": "blue"}})
    with pytest.raises(KubectlError, match="unknown field"):
        await kubectl.apply(
            "{apiVersion: tests.parley.dev/v1, kind: Kite, metadata: {name: odd}, spec: {line: 1, tail: 9}}"
        )


async def test_a_status_is_written_apart_from_the_spec(kites: Client) -> None:
    await kites.create(KITES, kite("windy"))
    condition = {"type": "Flying", "status": "True", "reason": "Wind", "observedGeneration": 1}
    status = {"status": {"conditions": [condition]}, "spec": {"line": 1}}
    await kites.patch(KITES, "windy", status, subresource="status")
    flying = await kites.wait_for(KITES, "windy", has_condition("Flying", reason="Wind"))
    assert flying["spec"]["line"] == 50
    changed = await kites.patch(KITES, "windy", {"spec": {"line": 60}})
    assert not has_condition("Flying")(changed), "what was observed of an earlier spec does not count"


async def test_pod_security_refuses_what_restricted_forbids(kube: Client, namespace: str) -> None:
    with pytest.raises(ApiError, match=r"violates PodSecurity .*privileged") as refused:
        await kube.create(PODS, pod("bold", privileged=True))
    assert refused.value.status == 403
    meek = await kube.create(PODS, pod("meek", allowPrivilegeEscalation=False, capabilities={"drop": ["ALL"]}))
    assert meek["spec"]["serviceAccountName"] == "default"


async def test_a_deleted_namespace_goes_with_all_it_holds(kube: Client) -> None:
    await kube.create(NAMESPACES, {"kind": "Namespace", "metadata": {"name": "leaving"}})
    await kube.create(CONFIG_MAPS, settings("baggage"), "leaving")
    await kube.delete(NAMESPACES, "leaving")
    await kube.wait_gone(NAMESPACES, "leaving")
    with pytest.raises(ApiError) as gone:
        await kube.get(CONFIG_MAPS, "baggage", "leaving")
    assert gone.value.reason == "NotFound"


async def test_what_an_object_owns_goes_with_it(kube: Client, namespace: str) -> None:
    owner = await kube.create(CONFIG_MAPS, settings("owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    owned = settings("owned")
    owned["metadata"]["ownerReferences"] = [reference]
    await kube.create(CONFIG_MAPS, owned)
    await kube.delete(CONFIG_MAPS, "owner")
    await kube.wait_gone(CONFIG_MAPS, "owned")


@pytest.mark.parametrize("part", ["apiserver", "etcd"])
async def test_a_killed_server_starts_again_with_its_data(
    cluster: Cluster, kube: Client, namespace: str, part: str
) -> None:
    await kube.create(CONFIG_MAPS, settings("kept", word="still here"))
    daemon = cluster.etcd if part == "etcd" else cluster.apiserver
    before = daemon.pid
    daemon.kill()
    assert not daemon.is_running
    await cluster.start()
    assert daemon.pid != before
    assert (await kube.get(CONFIG_MAPS, "kept"))["data"] == {"word": "still here"}
    await kube.create(CONFIG_MAPS, settings("new"))


async def test_a_watch_outlives_a_server_that_is_started_again(cluster: Cluster, kube: Client, namespace: str) -> None:
    waiting = asyncio.create_task(kube.wait_for(CONFIG_MAPS, "late", lambda found: found["data"]["word"] == "now"))
    await kube.create(CONFIG_MAPS, settings("late", word="not yet"))
    cluster.apiserver.kill()
    await cluster.start()
    assert not waiting.done()
    await kube.patch(CONFIG_MAPS, "late", {"data": {"word": "now"}})
    assert (await waiting)["metadata"]["name"] == "late"


async def test_kubectl_shows_what_it_applied(kubectl: Kubectl) -> None:
    manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: plain}, data: {word: hello}}"
    assert await kubectl.apply(manifest) == "configmap/plain created\n"
    assert "hello" in await kubectl.describe("configmap", "plain")
    with pytest.raises(KubectlError, match="not found"):
        await kubectl("get", "configmap", "absent")
