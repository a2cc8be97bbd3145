"""Keeps what is slow to build or to fetch in a cache folder outside the checkout; each entry is whole or absent."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class MissingError(Exception):
    """What tests need and this machine lacks, and how to get it."""


def store_folder() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "parley" / "kube"


def kept(name: str, make: Callable[[Path], None], folder: Path | None = None) -> Path:
    """The entry `name`, which `make` fills first if it is absent; of several at once, one makes and the others wait."""
    folder = folder or store_folder()
    entry = folder / name
    if entry.exists():
        return entry
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f".{name}.lock"):
        if not entry.exists():
            partial = folder / f".{name}.partial"
            # Whoever began it was killed: else they would hold the lock.
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            make(partial)
            partial.rename(entry)
    return entry


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
