"""A short-lived folder of one embedded PostgreSQL: its socket, and its data too when nothing is to last.

    <temporary folder>/parley-pg-xxxxxxxx/{lock, socket/, data/}

Folders whose process was killed are removed by the next one that comes along.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parley_chassis.postgres.account import Account
from parley_chassis.postgres.data_folder import DataFolder
from parley_chassis.postgres.errors import PostgresStartError
from parley_chassis.postgres.folder_lock import LOCK, FolderLock

PREFIX = "parley-pg-"
# The system's limit for a socket's path, on macOS; Linux allows four more.
LONGEST_SOCKET_PATH = 103
_FALLBACKS = ("/tmp", "/var/tmp")  # noqa: S108
# A folder is younger than this while its maker has not locked it yet.
_YOUNG = 60.0


@contextmanager
def runtime_folder(account: Account) -> Iterator[Path]:
    """Makes the folder, with `socket/` as the account's own, and removes it at the end. Blocks while it does."""
    root = _temporary_folder(account)
    _remove_left_behind(root, account)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    lock = FolderLock(folder)
    try:
        lock.take()
        folder.chmod(0o711 if account.is_lent else 0o700)
        (folder / "socket").mkdir()
        account.give(folder / "socket")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _temporary_folder(account: Account) -> Path:
    """The system's folder for temporary files, unless it is out of the account's reach or its path is too long."""
    refusal = None
    for candidate in dict.fromkeys([tempfile.gettempdir(), *_FALLBACKS]):
        folder = Path(candidate).resolve()
        if len(f"{folder}/{PREFIX}12345678/socket/.s.PGSQL.65535") > LONGEST_SOCKET_PATH or not folder.is_dir():
            continue
        try:
            account.require_reach(folder)
        except PostgresStartError as error:
            refusal = error
            continue
        return folder
    raise refusal or PostgresStartError("no folder for temporary files has a path short enough: set TMPDIR to /tmp")


def _remove_left_behind(root: Path, account: Account) -> None:
    for folder in root.glob(f"{PREFIX}*"):
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != os.geteuid() or time.time() - status.st_mtime < _YOUNG:
            continue
        if not (folder / LOCK).exists() or DataFolder(folder / "data", account).running_pid() is not None:
            continue
        lock = FolderLock(folder)
        try:
            if lock.take():
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            lock.close()
