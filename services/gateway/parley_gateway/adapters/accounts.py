"""Where the accounts come from: the settings, or a mounted file that may change while the process runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parley_gateway.domain.accounts import Accounts, parse_accounts


class FixedAccounts:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def tokens_of(self, account_sid: str) -> Sequence[bytes]:
        return self._accounts.get(account_sid, ())


class MountedAccounts:
    """Reads `path` at once: raises OSError or ValueError if it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._accounts: Accounts = {}
        self._version: tuple[int, int, int] | None = None
        self.reload()

    def tokens_of(self, account_sid: str) -> Sequence[bytes]:
        return self._accounts.get(account_sid, ())

    def reload(self) -> bool:
        """Reads the file if it is another one than before; says whether it was. A bad one is reported once."""
        stat = self._path.stat()
        # A mounted secret changes by a link to another file.
        version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if version == self._version:
            return False
        self._version = version
        self._accounts = parse_accounts(self._path.read_text())
        return True
