"""The mounted Twilio accounts: a folder for each by name, a file for each value; read anew when they change."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from parley_operator.adapters.twilio.account import Credentials, TwilioAccount
from parley_operator.ports import Account, NoAccount

log = logging.getLogger(__name__)

SID = re.compile(r"AC[0-9a-fA-F]{32}")
VALUES = ("account_sid", "api_key_sid", "api_key_secret", "auth_token", "api_base_url")
KEEP_ALIVE = 10.0
"""Shorter than any server's: a connection that the other side is closing would leave an outcome unknown."""
CONNECT, CONNECTIONS = 5.0, 16


@asynccontextmanager
async def accounts_in(folder: Path, timeout: float) -> AsyncIterator[AccountsFolder]:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE)
    limits = aiohttp.ClientTimeout(total=timeout, connect=min(CONNECT, timeout))
    async with aiohttp.ClientSession(
        connector=connector, timeout=limits, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        accounts = AccountsFolder(folder, session)
        accounts.reload()
        yield accounts


class AccountsFolder:
    """The port Accounts. An account keeps its place in the queue to Twilio as long as its values stay."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self._folder = folder
        self._session = session
        self._found: dict[str, tuple[Credentials | str, Account | NoAccount]] = {}

    def find(self, name: str) -> Account | NoAccount:
        if name in self._found:
            return self._found[name][1]
        return NoAccount(
            f"No Twilio account {name} is mounted. Mount a folder of that name with its credentials beside the others, "
            "or correct spec.account."
        )

    def reload(self) -> Sequence[str]:
        read = {path.name: _read(path) for path in sorted(self._folder.iterdir()) if _is_account(path)}
        changed = [name for name in read.keys() | self._found.keys() if read.get(name) != self._credentials(name)]
        for name in changed:
            self._found.pop(name, None)
            if (values := read.get(name)) is not None:
                self._found[name] = (values, self._account(name, values))
        return sorted(changed)

    def _credentials(self, name: str) -> Credentials | str | None:
        return self._found[name][0] if name in self._found else None

    def _account(self, name: str, values: Credentials | str) -> Account | NoAccount:
        if isinstance(values, Credentials):
            return TwilioAccount(self._session, values)
        log.error("account_unusable", extra={"account": name, "problem": values})
        return NoAccount(f"The mounted Twilio account {name} cannot be used: {values}.")


def _is_account(path: Path) -> bool:
    # A mounted secret has folders of its own beside ours, whose names begin with dots.
    return path.is_dir() and not path.name.startswith(".")


def _read(folder: Path) -> Credentials | str:
    """The credentials, or what is wrong with them, without quoting any."""
    try:
        values = {name: (folder / name).read_text().strip() for name in VALUES if (folder / name).is_file()}
    except (OSError, ValueError) as error:
        return f"its files cannot be read ({type(error).__name__})"
    sid, key, secret = (values.get(name, "") for name in ("account_sid", "api_key_sid", "api_key_secret"))
    if not SID.fullmatch(sid):
        return "account_sid is not AC and 32 hexadecimal digits"
    if bool(key) != bool(secret):
        return "api_key_sid and api_key_secret go together"
    if not key and not values.get("auth_token"):
        return "write api_key_sid and api_key_secret, or auth_token"
    return Credentials(sid, key or sid, secret or values["auth_token"], values.get("api_base_url", "").rstrip("/"))
