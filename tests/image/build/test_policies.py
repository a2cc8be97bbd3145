"""checkov and the Compose specification have nothing to say against what we ship, and would say it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.image.build.policies import Finding, checkov, compose_problem
from tests.image.compose import ENV, read
from tests.image.dockerfile import ROOT
from tests.kube.store import MissingError
from tests.kube.tools import fetch_helms

OPERATOR = "Deployment.parley.parley-operator"

pytestmark = pytest.mark.timeout(600)  # the first one fetches checkov


def test_the_dockerfile_breaks_no_rule_of_checkov(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Dockerfile", tmp_path)
    assert checkov("dockerfile", tmp_path) == []


def test_a_dockerfile_whose_process_is_root_breaks_one(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text()
    (tmp_path / "Dockerfile").write_text(text.replace("USER 65532:65532", "USER root"))
    assert [finding.rule for finding in checkov("dockerfile", tmp_path)] == ["CKV_DOCKER_8"]


def test_compose_reads_compose_yaml() -> None:
    assert compose_problem(read(ENV)) == ""


def test_compose_would_refuse_a_word_that_it_does_not_know() -> None:
    compose: dict[str, Any] = json.loads(json.dumps(read(ENV)))
    compose["services"]["agent"]["cap_dorp"] = ["ALL"]
    assert "cap_dorp" in compose_problem(compose)


def test_checkov_judges_manifests_too(tmp_path: Path) -> None:
    pod = {"containers": [{"name": "a", "image": "b:1", "securityContext": {"privileged": True}}]}
    text = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": pod})
    (tmp_path / "pod.yaml").write_text(text)
    wanted = "Container should not be privileged"
    assert Finding("CKV_K8S_16", "Pod.default.a", "pod.yaml", wanted) in checkov("kubernetes", tmp_path)


def test_the_chart_breaks_no_rule_of_checkov_but_that_the_operator_has_a_token(tmp_path: Path) -> None:
    """In each configuration that helm/parley/ci has; without its token the operator could not ask the API server.

    Where OpenShift chooses users (CKV_K8S_40), the chart names none.
    """
    try:
        helm = fetch_helms()[-1].program
    except MissingError as error:
        pytest.skip(str(error))
    chart = ROOT / "helm" / "parley"
    for values in sorted(chart.glob("ci/*.yaml")):
        line = [helm, "template", "parley", chart, "--namespace", "parley", "--values", values]
        rendered = subprocess.run([*map(str, line)], check=True, capture_output=True, text=True).stdout
        (tmp_path / values.name).write_text(rendered)
    findings = checkov("kubernetes", tmp_path)
    assert {(found.rule, found.place) for found in findings} == {
        ("CKV_K8S_38", OPERATOR),
        *(
            ("CKV_K8S_40", found.place)
            for found in findings
            if "runAsUser: null" in (chart / "ci" / found.file).read_text()
        ),
    }
