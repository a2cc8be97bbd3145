"""Finds the programs of a Kubernetes control plane, or builds them from the Go modules that `server/go.mod` pins.

`python -m tests.kube.programs` builds what is missing and prints the folder. Tests only look: a build takes minutes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.kube.store import MissingError, kept, store_folder
from tests.kube.toolchain import MODULE, find_go, go_version

COMMANDS = {
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "etcd": "go.etcd.io/etcd/server/v3",
}
# Helm and kubectl refuse a server that does not say which version it is; client-go says so in User-Agent.
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True)
class Programs:
    """A folder with all of COMMANDS in it."""

    folder: Path

    @property
    def apiserver(self) -> Path:
        return self.folder / "kube-apiserver"

    @property
    def controller_manager(self) -> Path:
        return self.folder / "kube-controller-manager"

    @property
    def kubectl(self) -> Path:
        return self.folder / "kubectl"

    @property
    def etcd(self) -> Path:
        return self.folder / "etcd"


def pinned_version() -> str:
    """The release of Kubernetes that is built here, as `v1.37.2`."""
    found = re.search(r"k8s\.io/kubernetes (v[\d.]+)", (MODULE / "go.mod").read_text())
    assert found, "server/go.mod requires k8s.io/kubernetes"
    return found[1]


def find_programs() -> Programs:
    """Raises MissingError. Where KUBEBUILDER_ASSETS is set, nothing else counts."""
    if given := os.environ.get("KUBEBUILDER_ASSETS"):
        return _complete(Path(given))
    entry = store_folder() / _entry_name()
    if not entry.exists():
        raise MissingError(f"no Kubernetes API server in {entry}: run `make test-kube`, which builds it once")
    return Programs(entry)


def build_programs() -> Programs:
    """Builds what is neither given nor in the store. Raises MissingError if that cannot be done."""
    if os.environ.get("KUBEBUILDER_ASSETS"):
        return find_programs()
    return Programs(kept(_entry_name(), _build))


def _complete(folder: Path) -> Programs:
    missing = [name for name in COMMANDS if not os.access(folder / name, os.X_OK)]
    if missing:
        raise MissingError(
            f"KUBEBUILDER_ASSETS={folder} has no {', '.join(missing)}. The archives of setup-envtest hold no controller"
            " manager, without which no namespace is ever deleted: add what is missing, of the same version,"
            " or unset KUBEBUILDER_ASSETS to have all of them built"
        )
    return Programs(folder)


def _entry_name() -> str:
    pins = hashlib.sha256((MODULE / "go.mod").read_bytes()).hexdigest()[:8]
    return f"{pinned_version()}-{go_version()}-{pins}"


def _build(folder: Path) -> None:
    go, version = find_go(), pinned_version()
    print(f"Building Kubernetes {version} with {go_version()}, this once: minutes of both cores.", file=sys.stderr)
    # A build that is broken off goes on where it was. Gigabytes, which nothing reads again when it is done.
    objects = store_folder() / "go-build"
    settings = {"GOCACHE": str(objects), "GOROOT": "", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    command = [str(go), "build", "-trimpath", f"-ldflags={_linker_flags(version)}", "-o", f"{folder}/"]
    done = subprocess.run([*command, *COMMANDS.values()], cwd=MODULE, env=os.environ | settings, check=False)
    if done.returncode:
        raise MissingError(f"Kubernetes {version} could not be built: see above")
    # Go names a program after its package.
    (folder / "server").rename(folder / "etcd")
    shutil.rmtree(objects, ignore_errors=True)


def _linker_flags(version: str) -> str:
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    settings = [f"-X {package}.{name}={value}" for package in VERSION_PACKAGES for name, value in values.items()]
    return " ".join(["-s -w", *settings])


if __name__ == "__main__":
    try:
        print(build_programs().folder)
    except MissingError as error:
        sys.exit(str(error))
