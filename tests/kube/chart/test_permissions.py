"""What each ServiceAccount of a release may do on a real API server, as `kubectl auth can-i --list` says it.

`PARLEY_WRITE_GOLDEN=1` writes the files in golden/ anew instead of comparing.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chart.rendering import SERVICES, Object, values_of
from tests.kube.chart.release import Release
from tests.kube.client import NAMESPACES, Client
from tests.kube.kubectl import Kubectl

FOLDER = Path(__file__).parent / "golden"


async def installed(release: Release, values: Object) -> None:
    """The objects are there; nothing waits for pods, which nobody runs."""
    await replace(release, flags=("--no-hooks",)).install(values)


async def permissions(kubectl: Kubectl, account: str, namespace: str) -> str:
    said = await replace(kubectl, namespace=namespace)(
        "auth", "can-i", "--list", f"--as=system:serviceaccount:{kubectl.namespace}:{account}"
    )
    title, *lines = said.splitlines()
    columns = [title, *sorted(line for line in lines if not line.startswith(" "))]
    return "\n".join([" ".join(line.split()) for line in columns]) + "\n"


def check(name: str, text: str) -> None:
    file = FOLDER / f"{name}.txt"
    if os.environ.get("PARLEY_WRITE_GOLDEN") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert text == (file.read_text() if file.exists() else ""), f"otherwise than in {file}"


@pytest.fixture
async def nobody(kubectl: Kubectl, namespace: str) -> str:
    """What every account may do."""
    return await permissions(kubectl, "nobody", namespace)


async def test_an_operator_for_all_namespaces(release: Release, kubectl: Kubectl, namespace: str, nobody: str) -> None:
    await installed(release, values_of("minimal"))
    for service in SERVICES:
        found = await permissions(kubectl, f"parley-{service}", namespace)
        check(f"all-namespaces/{service}", found)
        assert (found == nobody) is (service != "operator"), "the operator alone speaks to the API server"
    assert await permissions(kubectl, "parley-operator", "default") == found


async def test_an_operator_for_some_namespaces(
    release: Release, kubectl: Kubectl, kube: Client, namespace: str, nobody: str
) -> None:
    values = values_of("operator-namespaced")
    for name in values["operator"]["namespaces"]:
        await kube.apply(NAMESPACES, {"kind": "Namespace", "metadata": {"name": name}})
    await installed(release, values)
    for service in SERVICES:
        check(f"some-namespaces/{service}", await permissions(kubectl, f"parley-{service}", namespace))
    one, other = [await permissions(kubectl, "parley-operator", name) for name in values["operator"]["namespaces"]]
    assert one == other
    check("some-namespaces/operator-in-one-of-them", one)
    elsewhere = await permissions(kubectl, "parley-operator", "default")
    assert "\nphonenumbers" not in elsewhere
    assert "\nevents" not in elsewhere
    assert await permissions(kubectl, "parley-session", "default") == nobody


def test_each_golden_file_belongs_to_an_account() -> None:
    names = {str(file.relative_to(FOLDER).with_suffix("")) for file in FOLDER.rglob("*.txt")}
    some = {f"some-namespaces/{name}" for name in (*SERVICES, "operator-in-one-of-them")}
    assert names == {f"all-namespaces/{name}" for name in SERVICES} | some
