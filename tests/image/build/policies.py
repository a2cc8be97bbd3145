"""Judges by others' rules: checkov's for Dockerfiles and manifests, the Compose specification's for compose.yaml.

Each tool lives in an environment of its own, which uv makes and keeps: their requirements are not ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.image.dockerfile import ROOT
from tests.kube.store import MissingError

CHECKOV = "checkov==3.3.30"
COMPOSE_SPEC = "compose-spec==0.2.1"
BEFORE = "2026-11-20"
"""Newer releases of what the tools require are not taken: a door that opens today opens tomorrow."""
READ = "import sys, compose_spec; compose_spec.PyCompose.from_json(sys.stdin.read())"


@dataclass(frozen=True, order=True)
class Finding:
    """One rule that one thing breaks: `CKV_K8S_40`, `Deployment.parley.parley-gateway`, its file, what is wanted."""

    rule: str
    place: str
    file: str
    wanted: str


def checkov(framework: str, folder: Path) -> list[Finding]:
    """What `folder` breaks of the rules that .checkov.yaml leaves. Raises MissingError where checkov cannot be had.

    `framework` is `dockerfile`, or `kubernetes` for manifests as YAML.
    """
    options = ["--framework", framework, "--directory", str(folder), "--output", "json", "--soft-fail"]
    options += ["--config-file", str(ROOT / ".checkov.yaml")]
    done = _tool(["uv", "tool", "run", "--from", CHECKOV, "checkov", *options])
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise MissingError(f"checkov has not run: {done.stderr[-500:]}") from None
    assert report.get("results", {}).get("passed_checks"), f"checkov has looked at nothing in {folder}"
    failed = report["results"]["failed_checks"]
    return sorted(
        Finding(item["check_id"], item["resource"], Path(item["file_path"]).name, item["check_name"]) for item in failed
    )


def compose_problem(compose: dict[str, Any]) -> str:
    """What the Compose specification has against it; empty if nothing. Raises MissingError."""
    done = _tool(
        ["uv", "run", "--isolated", "--no-project", "--with", COMPOSE_SPEC, "python", "-c", READ], json.dumps(compose)
    )
    if done.returncode and "ValueError" not in done.stderr:
        raise MissingError(f"compose-spec has not run: {done.stderr[-500:]}")
    return done.stderr.splitlines()[-1] if done.returncode else ""


def _tool(command: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    program, *rest = command
    line = [str(Path(sys.executable).parent / program), *rest]
    at = next(n for n, word in enumerate(line) if word == "run") + 1
    line[at:at] = ["--quiet", "--exclude-newer", BEFORE, "--python", sys.executable]
    return subprocess.run(line, input=stdin, capture_output=True, text=True, check=False, cwd=ROOT)
