"""The account PostgreSQL runs as, what that account can reach, and programs run as it.

PostgreSQL refuses to run as root, so root lends it an unprivileged account. Nobody's folders are opened up for that
account: where it cannot go, PostgreSQL is not put.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from parley_chassis.postgres.errors import PostgresStartError

LENT_ACCOUNTS = ("postgres", "nobody")
_LAUNCHER = Path(__file__).with_name("launcher.py")
# Our own environment may hold credentials, and PG* variables would change what PostgreSQL's programs do.
_PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int

    @property
    def is_lent(self) -> bool:
        """Whether it is another account than the one we run as."""
        return self.uid != os.geteuid()

    def give(self, folder: Path) -> None:
        """Makes a folder of ours this account's own and private."""
        folder.chmod(0o700)
        if self.is_lent:
            os.chown(folder, self.uid, self.gid)

    def require_reach(self, folder: Path) -> None:
        """Raises PostgresStartError naming the first folder on the way to `folder` that the account cannot enter."""
        if not self.is_lent:
            return
        for step in [*reversed(folder.parents), folder]:
            status = step.stat()
            if not self._may_enter(status):
                raise PostgresStartError(
                    f"{step} (mode {stat.S_IMODE(status.st_mode):04o}) is closed to the account {self.name!r}, as "
                    f"which PostgreSQL runs when Parley runs as root: choose a folder that every account can enter, "
                    f"such as /var/lib/parley, or run Parley as an ordinary user"
                )

    def launch(
        self, command: Sequence[str], *, output: IO[bytes] | int, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Starts `command` as this account; on Linux it gets SIGINT when the calling thread ends, however that ends."""
        inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(self.uid), str(self.gid), str(os.getpid())]
        return subprocess.Popen(  # noqa: S603
            [*launcher, *command],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C in a terminal is for Parley, which stops PostgreSQL last.
            start_new_session=True,
        )

    def _may_enter(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == self.gid else stat.S_IXOTH))


def server_account() -> Account:
    """The account to run PostgreSQL as: our own, or, as root, the first that exists of LENT_ACCOUNTS."""
    if os.geteuid() != 0:
        return Account(str(os.geteuid()), os.geteuid(), os.getegid())
    for name in LENT_ACCOUNTS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise PostgresStartError(
        "PostgreSQL does not run as root, and this machine has no account 'postgres' or 'nobody' to run it as: "
        "add one with `useradd --system postgres`, or run Parley as an ordinary user"
    )
