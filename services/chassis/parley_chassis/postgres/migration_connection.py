"""The connection that changes roles, schemas and tables: how it is opened, its lock, and what it complains of."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from parley_chassis.postgres.errors import MigrationError

# Any number that nobody else uses; this one spells PARLEY.
_KEY = 0x5041524C4559
_INTERVAL = 0.05


def connect(url: str) -> psycopg.Connection[Any]:
    """Raises MigrationError, without the URL: it may hold a password."""
    try:
        return psycopg.connect(url, application_name="parley-migrations", connect_timeout=10)
    except psycopg.OperationalError as error:
        raise MigrationError(f"cannot connect to PostgreSQL: check that it runs, and its URL\n{error}") from error
    except psycopg.ProgrammingError:
        raise MigrationError(
            "the database URL cannot be read: write it as postgresql://user@host/name, special characters as %XX"
        ) from None


def take_lock(connection: psycopg.Connection[Any], wait: float) -> None:
    """Takes the lock for as long as the connection lives, or raises MigrationError after `wait` seconds.

    Asks again and again: a session that waits inside PostgreSQL would hold up a CREATE INDEX CONCURRENTLY for ever.
    """
    deadline = time.monotonic() + wait
    while not _try(connection):
        if time.monotonic() > deadline:
            raise MigrationError(
                f"another process has been migrating this database for {wait:g} s: see what it waits for "
                f"(application_name 'parley-migrations' in pg_stat_activity), then start again"
            )
        time.sleep(_INTERVAL)


def _try(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_KEY]).fetchone()
    connection.commit()
    return row is not None and row[0] is True


def reason(error: BaseException | None) -> str:
    """What PostgreSQL complained of, in one sentence; its details may quote rows and are left out."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return primary or type(error).__name__
