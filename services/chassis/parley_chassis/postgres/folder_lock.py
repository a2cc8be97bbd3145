"""A lock on a folder that its process holds until it ends, by whatever death; the file names the holder's pid."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK = "lock"


class FolderLock:
    """The file `lock` in a folder; opening takes nothing yet. Raises OSError where the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self) -> bool:
        """Takes the lock if nobody holds it; says whether it is ours now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        return True

    def wait(self) -> None:
        """Takes the lock, waiting in this thread for as long as another holds it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    @property
    def holder(self) -> int | None:
        """The pid of the process that took it last, which may be gone."""
        text = os.pread(self._file, 20, 0).decode().strip()
        return int(text) if text.isdigit() else None

    def close(self) -> None:
        # Children that were forked meanwhile share the open file, and would go on holding the lock.
        fcntl.flock(self._file, fcntl.LOCK_UN)
        os.close(self._file)
