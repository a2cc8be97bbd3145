"""A PostgreSQL of our own for one machine: no installation, no port, no account to set up; it lives as long as we do.

Data that was committed outlasts every crash. For production use a PostgreSQL that somebody operates.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from parley_chassis.postgres.account import server_account
from parley_chassis.postgres.binaries import find_binaries
from parley_chassis.postgres.data_folder import ADMIN, DataFolder, claimed
from parley_chassis.postgres.errors import PostgresStartError
from parley_chassis.postgres.runtime_folder import runtime_folder
from parley_chassis.postgres.server_process import ServerProcess

DATABASE = "parley"
_SOCKET_PORT = 5432
_SETTINGS = {
    # What people wrote must not reach a log by way of a failed statement or the row it names.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_RESERVED = ("listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions", "data_directory")


@dataclass(frozen=True)
class Address:
    """Where the server listens; `password` is the admin's, for TCP only."""

    socket: Path
    port: int = _SOCKET_PORT
    password: str | None = field(default=None, repr=False)


class EmbeddedPostgres:
    """A running server. `data` is its folder, `binaries` the folder of psql, pgbench and pg_dump."""

    def __init__(self, data: Path, binaries: Path, address: Address, process: ServerProcess) -> None:
        self.data = data
        self.binaries = binaries
        self._address = address
        self._process = process

    @property
    def pid(self) -> int | None:
        """The server's process id; None while it is stopped."""
        return self._process.pid

    def url(self, role: str = ADMIN, database: str = DATABASE) -> str:
        """The address of its Unix socket, on which only its own account and root can be any role."""
        place = f"host={quote(str(self._address.socket))}&port={self._address.port}"
        return f"postgresql://{quote(role)}@/{quote(database)}?{place}"

    def tcp_url(self, database: str = DATABASE) -> str:
        """The admin's address on 127.0.0.1, password included. Raises ValueError if TCP was not asked for."""
        if self._address.password is None:
            raise ValueError("this PostgreSQL listens on no port: start it with tcp=True")
        return f"postgresql://{ADMIN}:{self._address.password}@127.0.0.1:{self._address.port}/{quote(database)}"

    async def start(self) -> None:
        """Starts it again, with the addresses it had, and returns when it takes connections."""
        await self._process.start()

    async def stop_immediately(self) -> None:
        """Kills it as a crash does (SIGKILL)."""
        await self._process.kill()


@asynccontextmanager
async def embedded_postgres(
    data: Path | None = None, *, settings: Mapping[str, str] = {}, tcp: bool = False
) -> AsyncIterator[EmbeddedPostgres]:
    """Runs PostgreSQL on the folder `data`, or on a temporary one, and stops it at the end.

    `settings` are PostgreSQL's own, by name. The database DATABASE exists. Raises PostgresStartError.
    On Linux the server also stops when the thread that starts it here ends or is killed.
    """
    _refuse_reserved(settings)
    account = server_account()
    binaries = await asyncio.to_thread(find_binaries, account)
    async with _in_thread(runtime_folder(account)) as runtime, claimed(data or runtime / "data", account) as folder:
        if not folder.has_cluster():
            durable = data is not None and settings.get("fsync") != "off"
            await folder.create_cluster(binaries, durable=durable)
        address = _choose_address(runtime / "socket", tcp=tcp)
        process = ServerProcess(folder, _command(binaries, folder, address, settings))
        postgres = EmbeddedPostgres(folder.path, binaries, address, process)
        try:
            await process.start()
            await _prepare_database(postgres, address.password)
            yield postgres
        finally:
            await (process.discard() if data is None else process.stop())


def lasting_data_folder() -> Path:
    """Where data is kept that is to last, unless somebody says otherwise: never in root's home, which is closed."""
    if os.geteuid() == 0:
        return Path("/var/lib/parley/postgres")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "parley" / "postgres"


def _refuse_reserved(settings: Mapping[str, str]) -> None:
    if reserved := [name for name in settings if name.lower() in _RESERVED]:
        raise PostgresStartError(
            f"`settings` may not hold {', '.join(reserved)}: Parley chooses where PostgreSQL listens and keeps its data"
        )


def _command(binaries: Path, folder: DataFolder, address: Address, settings: Mapping[str, str]) -> list[str]:
    places = {
        "listen_addresses": "" if address.password is None else "127.0.0.1",
        "port": str(address.port),
        "unix_socket_directories": str(address.socket),
    }
    command = [str(binaries / "postgres"), "-D", str(folder.cluster)]
    for name, value in {**_SETTINGS, **settings, **places}.items():
        command += ["-c", f"{name}={value}"]
    return command


def _choose_address(socket_folder: Path, *, tcp: bool) -> Address:
    if not tcp:
        return Address(socket_folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        return Address(socket_folder, free.getsockname()[1], secrets.token_urlsafe(18))


async def _prepare_database(postgres: EmbeddedPostgres, password: str | None) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.url(database="postgres"), autocommit=True) as connection:
        found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if not found.rowcount:
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        if password is not None:
            verifier = connection.pgconn.encrypt_password(password.encode(), ADMIN.encode(), b"scram-sha-256")
            change = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ADMIN), sql.Literal(verifier.decode()))
            await connection.execute(change)


@asynccontextmanager
async def _in_thread(folder: AbstractContextManager[Path]) -> AsyncIterator[Path]:
    """Enters and leaves where blocking harms nobody."""
    path = await asyncio.to_thread(folder.__enter__)
    try:
        yield path
    finally:
        await asyncio.to_thread(folder.__exit__, None, None, None)
