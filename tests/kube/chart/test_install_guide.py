"""The ten commands of docs/install.md, typed at the real API server: what they make is what the chart asks for."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kube.client import Client
from tests.kube.cluster import Cluster
from tests.kube.kubectl import Kubectl
from tests.kube.tools import Helm

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 120.0
MADE_BY_CLOUDNATIVE_PG = {"parley-db-ca"}
GIVEN = {"ACCOUNT_SID": "AC" + "0" * 32, "AUTH_TOKEN": "0" * 32, "KEY_SID": "SK" + "0" * 32, "KEY_SECRET": "0" * 32}
ACCEPTS_ANYTHING = {
    "type": "object",
    "x-kubernetes-preserve-unknown-fields": True,
}
CLOUDNATIVE_PG = yaml.safe_dump(
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "clusters.postgresql.cnpg.io"},
        "spec": {
            "group": "postgresql.cnpg.io",
            "names": {"kind": "Cluster", "plural": "clusters"},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": ACCEPTS_ANYTHING}}
            ],
        },
    }
)

Type = Callable[[str], Awaitable[str]]


def commands(heading: str) -> list[str]:
    """What is typed in the first console block under `heading`."""
    page = (ROOT / "docs/install.md").read_text()
    block = page.split(f"## {heading}\n")[1].split("```console\n")[1].split("```")[0]
    return [command.strip() for command in re.split(r"^\$ ", block, flags=re.MULTILINE) if command.strip()]


@pytest.fixture
def typed(cluster: Cluster, helms: list[Helm], namespace: str, tmp_path: Path) -> Type:
    """Types one at a terminal in the checkout, for a namespace of the test's own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(cluster.programs.kubectl)
    (programs / "helm").symlink_to(helms[-1].program)
    home = {f"HELM_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    path = {"PATH": f"{programs}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.admin), "HOME": str(tmp_path)}
    environment = os.environ | home | path | GIVEN

    async def run(command: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "bash", "-ec", command.replace("-n parley ", f"-n {namespace} "), cwd=ROOT, env=environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, _ = await process.communicate()
        assert process.returncode == 0, f"{command}\n{out.decode()}"
        return out.decode()

    return run


def asked_for(objects: Any) -> Iterator[tuple[str, str, str]]:
    """(kind, name, key) of each Secret and ConfigMap that pods refer to; key "" for all of them."""
    if isinstance(objects, list):
        for one in objects:
            yield from asked_for(one)
    elif isinstance(objects, dict):
        if reference := objects.get("secretKeyRef"):
            yield "secret", reference["name"], reference["key"]
        if (volume := objects.get("secret")) and "secretName" in volume:
            yield from (("secret", volume["secretName"], item["key"]) for item in volume.get("items", [{"key": ""}]))
        if volume := objects.get("configMap"):
            yield "configmap", volume["name"], ""
        for one in objects.values():
            yield from asked_for(one)


async def test_ten_commands_make_all_that_the_chart_asks_for(typed: Type, kube: Client, kubectl: Kubectl) -> None:
    build, make_namespace, *rest = commands("Ten commands")
    assert len(rest) <= 8
    assert build.count("docker") == 2
    assert "pod-security.kubernetes.io/enforce=restricted" in make_namespace  # The test's namespace has it.
    await kubectl.apply(CLOUDNATIVE_PG)
    await kubectl("wait", "--for=condition=Established", "crd/clusters.postgresql.cnpg.io")
    try:
        for command in rest:
            # No pods run here, and so no migration.
            await typed(command.replace("helm -n parley install", "helm -n parley install --no-hooks"))
        shown = await typed("helm -n parley get manifest parley; echo ---; helm -n parley get hooks parley")
        wanted = set(asked_for(list(yaml.safe_load_all(shown))))
        assert len({name for _, name, _ in wanted}) >= 7
        for kind, name, key in sorted(wanted):
            if name not in MADE_BY_CLOUDNATIVE_PG:
                found = yaml.safe_load(await kubectl("get", kind, name, "-o", "yaml"))
                assert not key or base64.b64decode(found["data"][key])
        assert "support" in await kubectl("get", "pn", "-o", "name")
    finally:
        for command in commands("The end"):
            await typed(command)
        await kubectl("delete", "crd", "clusters.postgresql.cnpg.io")
    assert await kubectl("get", "deployments,pn", "-o", "name") == ""
