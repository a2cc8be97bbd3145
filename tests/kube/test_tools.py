"""The Helm command lines: both of them install a chart on the control plane and take it away again."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.kube.client import CONFIG_MAPS, ApiError, Client
from tests.kube.cluster import Cluster
from tests.kube.tools import Helm

CHART = "{apiVersion: v2, name: tiny, version: 0.1.0, kubeVersion: '>=1.30.0-0'}"
TEMPLATE = "{apiVersion: v1, kind: ConfigMap, metadata: {name: tiny}, data: {word: {{ .Values.word | quote }}}}"


def run(tool: Helm, *arguments: str) -> None:
    done = subprocess.run([tool.program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    chart = tmp_path / "tiny"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(CHART)
    (chart / "values.yaml").write_text("word: hello")
    (chart / "templates/tiny.yaml").write_text(TEMPLATE)
    return chart


async def test_each_helm_installs_upgrades_and_uninstalls(
    cluster: Cluster, kube: Client, namespace: str, helms: list[Helm], chart: Path
) -> None:
    assert [tool.version.split(".")[0] for tool in helms] == ["3", "4"]
    for tool in helms:
        helm = partial(run, tool, f"--kubeconfig={cluster.admin}", f"--namespace={namespace}")
        helm("install", "tiny", str(chart))
        assert (await kube.get(CONFIG_MAPS, "tiny"))["data"] == {"word": "hello"}
        helm("upgrade", "tiny", str(chart), "--set", "word=again")
        assert (await kube.get(CONFIG_MAPS, "tiny"))["data"] == {"word": "again"}
        helm("uninstall", "tiny")
        with pytest.raises(ApiError, match="not found"):
            await kube.get(CONFIG_MAPS, "tiny")
