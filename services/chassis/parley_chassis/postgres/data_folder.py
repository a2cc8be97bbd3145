"""The folder an embedded PostgreSQL keeps its data in: whose it is, who uses it now, and what lies in it.

    <data>/lock         held by the Python process that uses the folder
    <data>/server.log   what PostgreSQL said since the last start; server.log.1 is the run before
    <data>/cluster/     PostgreSQL's own data directory; it appears complete or not at all

A folder that holds anything else is refused, so that a mistyped path never changes a stranger's folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from parley_chassis.postgres.account import Account
from parley_chassis.postgres.binaries import MAJOR_VERSION
from parley_chassis.postgres.errors import PostgresStartError
from parley_chassis.postgres.folder_lock import LOCK, FolderLock
from parley_chassis.postgres.polling import wait_until

HANDOVER = 1.0
# How long a killed process's children may still hold its lock, or its PostgreSQL need to stop.
GRACE = 10.0
INITDB_TIMEOUT = 60.0
# Where nobody collects orphans, a dead process never goes away.
GROUP_TIMEOUT = 3.0
ADMIN = "postgres"


class DataFolder:
    """A folder that this process has claimed."""

    def __init__(self, path: Path, account: Account) -> None:
        self.path = path
        self.account = account
        self.cluster = path / "cluster"
        self.log = path / "server.log"

    def running_pid(self) -> int | None:
        """The pid of a PostgreSQL that runs on this folder, ours or another's."""
        pid = self.recorded_pid()
        if pid is None:
            return None
        if Path("/proc/self/cwd").exists():
            with suppress(OSError):
                return pid if Path(f"/proc/{pid}/cwd").readlink() == self.cluster else None
            return None
        return pid if is_alive(pid) else None

    def recorded_pid(self) -> int | None:
        """The pid in postmaster.pid, which stays behind when PostgreSQL is killed and may belong to anyone by now."""
        lines = self._pid_file()
        return abs(int(lines[0])) if lines and lines[0].lstrip("-").isdigit() else None

    def is_ready(self, pid: int) -> bool:
        """Whether the server `pid` takes connections; its eighth line says so."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def has_cluster(self) -> bool:
        """Whether there is data; raises PostgresStartError if it is another PostgreSQL's or another account's."""
        try:
            version = (self.cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return False
        owner = self.cluster.stat().st_uid
        if version != MAJOR_VERSION:
            raise PostgresStartError(
                f"{self.path} holds data of PostgreSQL {version}, and this is PostgreSQL {MAJOR_VERSION}: move the "
                f"data with pg_dump of the old version, or choose another folder"
            )
        if owner != self.account.uid:
            raise PostgresStartError(
                f"the data in {self.path} belongs to the account with uid {owner}, and PostgreSQL would run as "
                f"{self.account.name}: start Parley as it was started before, or choose another folder"
            )
        return True

    async def create_cluster(self, binaries: Path, *, durable: bool) -> None:
        """Makes an empty cluster with one superuser, ADMIN; 0.5 s."""
        unfinished = self.path / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        self.account.give(unfinished)
        command = [str(binaries / "initdb"), f"--pgdata={unfinished}", f"--username={ADMIN}", "--encoding=UTF8"]
        # The builtin provider sorts and folds alike on every machine.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        command += ["--auth-local=trust", "--auth-host=scram-sha-256"]
        command += ["--data-checksums"] if durable else ["--no-data-checksums", "--no-sync"]
        with self.log.open("ab") as log:
            process = self.account.launch(command, output=log, environment={})
        try:
            await wait_until(lambda: process.poll() is not None, INITDB_TIMEOUT)
        finally:
            if process.poll() is None:
                await _end_group(process)
        if process.returncode != 0:
            raise PostgresStartError(f"PostgreSQL could not make a cluster in {self.path}:\n{self.last_words()}")
        unfinished.rename(self.cluster)
        _sync(self.path)

    def last_words(self, *, since: int = 0, lines: int = 20) -> str:
        """The last lines of the server's log, each indented, from byte `since` on."""
        with self.log.open("rb") as log:
            log.seek(max(since, self.log_size() - 8000))
            said = log.read().decode(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in said[-lines:])

    def log_size(self) -> int:
        return self.log.stat().st_size

    def _pid_file(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []


@asynccontextmanager
async def claimed(path: Path, account: Account) -> AsyncIterator[DataFolder]:
    """Makes `path` ours to use, and keeps others off it until the end.

    Raises PostgresStartError if it is in use, cannot be written, holds something else, or is closed to `account`.
    """
    try:
        path = _prepare(path, account)
        lock = FolderLock(path)
    except OSError as error:
        raise PostgresStartError(
            f"{path} cannot hold PostgreSQL's data ({error.strerror}): choose a folder that you can write"
        ) from error
    try:
        folder = DataFolder(path, account)
        if not await _taken(lock):
            raise _in_use(folder, lock.holder)
        if not await wait_until(lambda: folder.running_pid() is None, GRACE):
            raise _in_use(folder, None)
        _start_log(folder.log)
        yield folder
    finally:
        lock.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _prepare(path: Path, account: Account) -> Path:
    path = path.resolve()
    missing = [step for step in reversed(path.parents) if not step.exists()]
    account.require_reach(missing[0].parent if missing else path.parent)
    for step in missing:
        step.mkdir(exist_ok=True)
        if account.is_lent:
            step.chmod(0o755)
    path.mkdir(exist_ok=True)
    names = os.listdir(path)
    if names and LOCK not in names:
        raise PostgresStartError(
            f"{path} holds files that are not Parley's: choose a folder that is empty or does not exist yet"
        )
    # A lent account passes through on its way to its cluster and sees nothing of the rest.
    path.chmod(0o711 if account.is_lent else 0o700)
    return path


async def _taken(lock: FolderLock) -> bool:
    """Waits a moment for a process that was just killed, and longer for the children of one that is gone."""
    if await wait_until(lock.take, HANDOVER):
        return True
    if lock.holder is not None and is_alive(lock.holder):
        return False
    return await wait_until(lock.take, GRACE)


def _in_use(folder: DataFolder, holder: int | None) -> PostgresStartError:
    users = [f"PostgreSQL runs as process {pid}" for pid in [folder.running_pid()] if pid]
    users += [f"process {holder} uses it"] if holder else []
    return PostgresStartError(
        f"{folder.path} is in use ({', '.join(users)}): stop that process first, or choose another folder"
    )


async def _end_group(leader: subprocess.Popen[bytes]) -> None:
    """Kills a process with its children, which would go on writing, and waits until they are gone."""

    def is_gone() -> bool:
        leader.poll()
        try:
            os.killpg(leader.pid, 0)
        except ProcessLookupError:
            return True
        return False

    os.killpg(leader.pid, signal.SIGKILL)
    await wait_until(is_gone, GROUP_TIMEOUT)


def _start_log(log: Path) -> None:
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    os.close(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600))


def _sync(folder: Path) -> None:
    """Makes a rename within `folder` outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
