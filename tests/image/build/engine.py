"""Builds and runs images on this machine, without a Docker engine and without an image from anywhere.

The base is a Debian that debootstrap makes once, kept in a cache folder outside the checkout, as layers are.
`python -m tests.image.build.engine` builds all images; PARLEY_IMAGE_BASE names another base, one that can be pulled.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.image.dockerfile import ROOT
from tests.kube.store import MissingError, kept, store_folder

PACKAGES = ("agent", "gateway", "notifier", "operator", "session")
PROGRAMS = ("buildah", "podman", "runc", "debootstrap")
SUITE = "bookworm"
LOCAL_BASE = "localhost/parley-base"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SOURCES = f"""\
deb http://deb.debian.org/debian {SUITE} main
deb http://deb.debian.org/debian {SUITE}-updates main
deb http://deb.debian.org/debian-security {SUITE}-security main
"""
KEPT_FOR = "168h"
"""So long layers that no image has any more serve as a cache."""
HARDENED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=host")
# Where no limit may be raised, what the engine would ask for is refused.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


class BuildError(Exception):
    """An image could not be built; the text ends with what the build said last."""


@dataclass(frozen=True)
class Engine:
    """buildah and podman on a storage of their own. Images are named `localhost/parley-<package>`."""

    folder: Path
    driver: str
    base: str

    def build(self, package: str, log: Path) -> str:
        """The image of `package`; what has not changed comes from the cache. Raises BuildError."""
        name = image_of(package)
        arguments = {"BASE": self.base, "PACKAGE": package, "VERSION": "0.1.0+test", "REVISION": "of-a-test"}
        options = ["--isolation", "chroot", "--network", "host", "--layers", "--format", "oci", "--tag", name]
        for key, value in arguments.items():
            options += ["--build-arg", f"{key}={value}"]
        with log.open("wb") as file:
            done = subprocess.run([*self.buildah("bud", *options, str(ROOT))], stdout=file, stderr=file, check=False)
        if done.returncode:
            raise BuildError(f"{name} was not built:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-20:]))
        return name

    def buildah(self, command: str, *arguments: str) -> list[str]:
        return ["buildah", *self._storage, command, *arguments]

    def podman(self, command: str, *arguments: str) -> list[str]:
        return ["podman", *self._storage, "--runtime", "runc", "--cgroup-manager", "cgroupfs", command, *arguments]

    def run(
        self, image: str, command: Sequence[str] = (), environment: Mapping[str, str] = {}, options: Sequence[str] = ()
    ) -> list[str]:
        """The command line of a hardened container, which is removed when it ends."""
        told = [part for key, value in environment.items() for part in ("--env", f"{key}={value}")]
        return self.podman("run", "--rm", "--pull=never", *HARDENED, *LIMITS, *told, *options, image, *command)

    def output(self, image: str, *command: str) -> str:
        """What `command` writes in a container that has ended well."""
        done = subprocess.run(self.run(image, command), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command} in {image}: {done.stderr[-2000:]}"
        return done.stdout

    def prune(self) -> None:
        """Lets go of layers that have served no image for long."""
        old = self.podman("image", "prune", "--force", "--filter", f"until={KEPT_FOR}")
        subprocess.run(old, stdout=subprocess.DEVNULL, check=False)

    @property
    def _storage(self) -> list[str]:
        root, run = str(self.folder / "storage"), str(self.folder / "run")
        return ["--root", root, "--runroot", run, "--storage-driver", self.driver]


def image_of(package: str) -> str:
    return f"localhost/parley-{package}"


def find_engine() -> Engine:
    """Makes the base if it is missing, which takes minutes. Raises MissingError."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise MissingError(f"no {', '.join(missing)} on this machine: apt-get install {' '.join(PROGRAMS)}")
    if os.geteuid() != 0:
        raise MissingError("images are built and run as root here: become root, or let the CI do it")
    folder = store_folder().parent / "image"
    driver = "overlay" if "\toverlay\n" in Path("/proc/filesystems").read_text() else "vfs"
    if base := os.environ.get("PARLEY_IMAGE_BASE"):
        return Engine(folder, driver, base)
    engine = Engine(folder, driver, LOCAL_BASE)
    if subprocess.run(engine.podman("image", "exists", LOCAL_BASE), check=False).returncode:
        _import_base(engine, kept(f"base-{SUITE}", _make_base, folder) / "root")
    return engine


def _make_base(folder: Path) -> None:
    """What the image debian:bookworm-slim is made of, and the authorities that this machine trusts."""
    root = folder / "root"
    made = ["debootstrap", "--variant=minbase", SUITE, str(root), "http://deb.debian.org/debian"]
    done = subprocess.run(made, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingError(f"debootstrap has made no base: {done.stdout[-500:]}")
    (root / "etc/apt/sources.list").write_text(SOURCES)
    for archive in root.glob("var/cache/apt/archives/*.deb"):
        archive.unlink()
    if CERTIFICATES.exists():
        ours = root / "usr/local/share/ca-certificates"
        ours.mkdir(parents=True, exist_ok=True)
        shutil.copy(CERTIFICATES, ours / "of-this-machine.crt")


def _import_base(engine: Engine, root: Path) -> None:
    container = _said(engine.buildah("from", "scratch"))
    _said(engine.buildah("add", "--quiet", container, str(root), "/"))
    _said(engine.buildah("commit", "--quiet", "--rm", container, LOCAL_BASE))


def _said(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> int:
    try:
        engine = find_engine()
        engine.folder.mkdir(parents=True, exist_ok=True)
        for package in PACKAGES:
            began = time.monotonic()
            name = engine.build(package, engine.folder / f"{package}.log")
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    except (MissingError, BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
