"""Runs inside an image, on its Python alone: prints as JSON what is there, who one is and where one may write."""

import importlib.util
import json
import os
import shutil
import ssl
import stat
from importlib import metadata
from pathlib import Path

# What could fetch, install or compile more.
TOOLS = ["cc", "gcc", "g++", "make", "ld", "pip", "pip3", "uv", "curl", "wget", "git", "cyclonedx-py", "hatchling"]
OTHER_FILES = ("/proc", "/sys", "/dev", "/run/secrets")


def walk() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"privileged": [], "writable": []}
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in OTHER_FILES]
        if os.access(folder, os.W_OK):
            found["writable"].append(folder)
        for path in (Path(folder) / name for name in files):
            if not path.is_symlink() and path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
                found["privileged"].append(str(path))
    return found


def status() -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)


distributions = {found.metadata["Name"]: found for found in metadata.distributions()}
print(
    json.dumps(
        {
            "user": [os.getuid(), os.getgid()],
            "capabilities": status()["CapEff"],
            "no_new_privileges": status()["NoNewPrivs"],
            "tools": [name for name in TOOLS if shutil.which(name)],
            "modules": [name for name in ("ensurepip", "pip", "setuptools") if importlib.util.find_spec(name)],
            "authorities": ssl.create_default_context().cert_store_stats()["x509_ca"],
            "distributions": {name: found.version for name, found in distributions.items()},
            "editable": [
                name
                for name, found in distributions.items()
                if '"editable"' in (found.read_text("direct_url.json") or "")
            ],
            "sources": [name for name in ("/src", "/tools", "/wheels") if os.path.exists(name)],
            "uncompiled": [
                str(path)
                for path in Path("/app/lib").rglob("parley*/**/*.py")
                if not Path(importlib.util.cache_from_source(str(path))).exists()
            ],
            **walk(),
        }
    )
)
