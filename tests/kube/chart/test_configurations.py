"""Every supported configuration: linted by both helms, valid in every supported Kubernetes, admitted by a real one."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache

import pytest
import yaml

from tests.chart.rendering import CHART, CONFIGURATIONS, Object, Rendered, documents, merged, render, values_of
from tests.chart.wrong_values import WRONG, check_refusal
from tests.kube.chart.schemas import NOT_BUILT_IN, RELEASES, Schemas
from tests.kube.client import NAMESPACES, SERVICE_ACCOUNTS, Client, Resource
from tests.kube.kubectl import Kubectl, KubectlError
from tests.kube.tools import Helm

PRIORITIES = Resource("scheduling.k8s.io/v1", "priorityclasses", is_namespaced=False)
NAMES = [path.name.removesuffix("-values.yaml") for path in CONFIGURATIONS]
Configuration = Callable[[str], Rendered]


@pytest.fixture(scope="module")
def configuration(helms: list[Helm]) -> Configuration:
    """What comes of a file in ci/ by the newest helm, the CRD included."""
    return lru_cache(lambda name: render(helms[-1], values_of(name), "--include-crds"))


async def test_both_helms_find_nothing_to_complain_of(helms: list[Helm]) -> None:
    for helm in helms:
        files = [part for path in CONFIGURATIONS for part in (f"--values={path}",)]
        # One file at a time: what several say is merged.
        done = await asyncio.gather(*(lint(helm, file) for file in files))
        assert not [said for said in done if said]


async def lint(helm: Helm, file: str) -> str:
    """What it complains of."""
    command = [str(helm.program), "lint", str(CHART), "--strict", "--quiet", file]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    return f"helm {helm.version} {file}: {done.stdout}{done.stderr}" if done.returncode or done.stdout.strip() else ""


@pytest.mark.parametrize("name", NAMES)
def test_both_helms_render_the_same(helms: list[Helm], configuration: Configuration, name: str) -> None:
    older = render(helms[0], values_of(name), "--include-crds")

    def sorted_(rendered: Rendered) -> list[str]:
        return sorted(json.dumps(one, sort_keys=True) for one in rendered.objects)

    assert sorted_(older) == sorted_(configuration(name))


@pytest.mark.parametrize("name", WRONG)
def test_helm_3_refuses_wrong_values_too(helms: list[Helm], name: str) -> None:
    check_refusal(helms[0], name)


@pytest.mark.parametrize("release", RELEASES)
def test_every_object_is_valid_in_each_kubernetes(configuration: Configuration, release: str) -> None:
    schemas = Schemas(release)
    seen = set()
    for name in NAMES:
        if name == "agents-image-volume" and int(release.partition(".")[2]) < 31:
            continue  # that kind of volume came with 1.31
        for found in configuration(name).objects:
            text = json.dumps(found, sort_keys=True)
            if found["kind"] not in NOT_BUILT_IN and text not in seen:
                seen.add(text)
                assert not schemas.problems(found), name
    assert len(seen) > 30


def test_a_field_that_is_none_is_found(configuration: Configuration) -> None:
    service = configuration("minimal").the("Service", "session")
    assert not Schemas("1.37").problems(service)
    assert Schemas("1.37").problems(merged(service, {"spec": {"clusterIp": "None"}}))
    assert Schemas("1.30").problems(merged(service, {"spec": {"ports": None}, "metadata": {"labels": {"a": 1}}}))


@pytest.mark.parametrize("name", NAMES)
async def test_a_real_api_server_takes_every_object_and_every_pod(
    kube: Client, kubectl: Kubectl, namespace: str, helms: list[Helm], name: str
) -> None:
    rendered = await asyncio.to_thread(in_namespace, helms[-1], name, namespace)
    # What the configuration takes for granted.
    await kube.apply(PRIORITIES, {"kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000})
    places = {one["metadata"].get("namespace", namespace) for one in rendered.objects}
    for other in places - {namespace}:
        await kube.apply(NAMESPACES, {"kind": "Namespace", "metadata": {"name": other}})
    for account in rendered.of_kind("ServiceAccount"):
        # Without it no pod of its would be looked at.
        content = {"kind": "ServiceAccount", "metadata": {"name": account["metadata"]["name"]}}
        await kube.apply(SERVICE_ACCOUNTS, content)
    pods = [pod_of(one) for one in rendered.of_kind("Deployment", "Job")]
    assert len(pods) >= 4
    everything = [one for one in [*rendered.objects, *pods] if one["kind"] not in NOT_BUILT_IN]
    for place in places:
        mine = [one for one in everything if one["metadata"].get("namespace", namespace) == place]
        await take(replace(kubectl, namespace=place), mine)


async def take(kubectl: Kubectl, objects: list[Object]) -> None:
    """Fails with what the server complains or warns of."""
    apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"]
    said = await kubectl.say(*apply, stdin=yaml.safe_dump_all(objects))
    assert not said.err
    assert (said.code, len(said.out.splitlines())) == (0, len(objects))


def in_namespace(helm: Helm, name: str, namespace: str) -> Rendered:
    command = [str(helm.program), "template", "parley", str(CHART), f"--namespace={namespace}", "--include-crds"]
    values = f"--values={CHART}/ci/{name}-values.yaml"
    done = subprocess.run([*command, values], capture_output=True, text=True, check=True)
    return Rendered(list(documents(done.stdout)))


def pod_of(workload: Object) -> Object:
    """The pod that a controller would make."""
    template = deepcopy(workload["spec"]["template"])
    metadata = {**template["metadata"], "name": workload["metadata"]["name"]}
    return {"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata}


async def test_a_pod_that_is_not_restricted_is_refused(
    kubectl: Kubectl, configuration: Configuration, kube: Client
) -> None:
    pod = pod_of(configuration("minimal").the("Deployment", "gateway"))
    account = {"kind": "ServiceAccount", "metadata": {"name": pod["spec"]["serviceAccountName"]}}
    await kube.apply(SERVICE_ACCOUNTS, account)
    del pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"]
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        await kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod))


def test_certificates_of_cert_manager_are_for_the_names_that_callers_use(configuration: Configuration) -> None:
    rendered = configuration("tls-cert-manager")
    certificates = rendered.of_kind("Certificate")
    secrets = {
        volume["secret"]["secretName"]
        for pod in rendered.pods.values()
        for volume in pod["spec"]["volumes"]
        if volume["name"] == "tls"
    }
    assert {one["spec"]["secretName"] for one in certificates} == secrets
    called = {one["metadata"]["name"] for one in rendered.of_kind("Service")}
    assert called <= {name for one in certificates for name in one["spec"]["dnsNames"]}
    for one in certificates:
        assert one["spec"]["issuerRef"]["name"]
        assert set(one["spec"]["usages"]) >= {"server auth", "client auth"}
