"""The version before this one, as git has it: the last code that was written before the newest migration.

It runs with the environment of this one. Where git has no such history there is none: NoEarlierVersion says why.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = "services/{0}/parley_{0}/adapters/postgres"
SERVICES = ("session", "notifier")
ACCEPTS_NEWER = ("services/chassis/parley_chassis/postgres/migrations.py", "oldest_code")
"""Code with this word in this file runs on a schema that newer code has migrated."""


class NoEarlierVersion(Exception):
    """There is nothing to compare with; the text says why."""


@dataclass(frozen=True)
class EarlierVersion:
    commit: str

    def read(self, path: str) -> str:
        return _git("show", f"{self.commit}:{path}").decode()

    def files(self, folder: str, suffix: str) -> list[str]:
        """The paths of the files that lie in `folder` itself."""
        names = _git("ls-tree", "--name-only", self.commit, f"{folder}/").decode().splitlines()
        return [name for name in names if name.endswith(suffix)]

    @property
    def accepts_newer_schemas(self) -> bool:
        path, word = ACCEPTS_NEWER
        return word in self.read(path)

    def unpack(self, folder: Path) -> str:
        """Writes its services to `folder`; returns the PYTHONPATH with which they run."""
        with tarfile.open(fileobj=BytesIO(_git("archive", self.commit, "services", "protos"))) as archive:
            archive.extractall(folder, filter="data")
        packages = [path.parent for path in folder.glob("services/*/pyproject.toml")]
        return os.pathsep.join(str(path) for path in [*packages, folder / "protos/gen"])


def before_newest_migration(*services: str) -> EarlierVersion:
    """The newest commit that lacks the newest migration of one of the services. Raises NoEarlierVersion."""
    if not (ROOT / ".git").exists():
        raise NoEarlierVersion("this is no checkout: there is no history")
    found = [_before(service) for service in services or SERVICES]
    return EarlierVersion(max(found, key=lambda commit: int(_git("rev-list", "--count", commit))))


def _before(service: str) -> str:
    folder = f"{FOLDER.format(service)}/migrations/versions"
    newest = max(path.name for path in (ROOT / folder).glob("[0-9]*.py"))
    added = _git("log", "--diff-filter=A", "--format=%H", "-n1", "--", f"{folder}/{newest}").decode().strip()
    try:
        # One that is not committed yet comes after all that is.
        return _git("rev-parse", "--verify", "--quiet", f"{added}^" if added else "HEAD").decode().strip()
    except NoEarlierVersion:
        raise NoEarlierVersion(f"the history does not reach behind the newest migration of {service}") from None


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=True)
    except FileNotFoundError:
        raise NoEarlierVersion("there is no git here") from None
    except subprocess.CalledProcessError as error:
        raise NoEarlierVersion(f"git {arguments[0]} failed: {error.stderr.decode(errors='replace')[:200]}") from None
    return done.stdout
