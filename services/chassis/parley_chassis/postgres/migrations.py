"""Brings one service's schema to what its code needs, by the Alembic migrations that ship inside its package.

    parley_x/adapters/postgres/migrations/versions/0001_….py     `upgrade()` speaks to `from alembic import op`

Each migration is a transaction of its own and finds the service's schema first in its search path. The version is
kept in `<schema>.alembic_version`. Nothing is ever downgraded. Older code runs beside newer code on the newer schema: a
migration that takes something from it says `oldest_code = "0003"`, the head of the oldest code that may still run.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg import sql
from sqlalchemy.pool import NullPool

from parley_chassis.postgres.errors import MigrationError
from parley_chassis.postgres.migration_connection import connect, reason, take_lock

LOCK_WAIT = 120.0
# A migration that waits for a table stops everybody behind it; better to give up and be started again.
TABLE_LOCK_TIMEOUT = "5s"


async def migrate(url: str, package: str, schema: str, *, lock_wait: float = LOCK_WAIT) -> None:
    """Upgrades `schema` to the newest migration of `package`; does nothing where it is there already.

    `url` is a libpq URL whose role owns the schema, or may create it. Others that migrate the same database are
    awaited for `lock_wait` seconds. Raises MigrationError; the migrations before the one that failed stay applied.
    """
    await asyncio.to_thread(_migrate, url, package, schema, lock_wait)


async def current(url: str, schema: str) -> str | None:
    """The revision that `schema` is at; None before its first migration. Raises MigrationError."""
    return await asyncio.to_thread(_current, url, schema)


async def check(url: str, package: str, schema: str) -> None:
    """Raises MigrationError, with the fix, unless the code of `package` can run on `schema`.

    It can where the schema is exactly as the code needs it, and where newer code has left in place what it needs.
    """
    await asyncio.to_thread(_check, url, package, schema)


def _migrate(url: str, package: str, schema: str, lock_wait: float) -> None:
    scripts = _scripts(package)
    head = _head(scripts, package)
    with _connected(url, schema) as connection:
        take_lock(_driver(connection), lock_wait)
        _ensure_schema(connection, schema)
        found = _revision(connection, schema)
        if _is_beyond(connection, found, head, schema):
            return
        _require_known(scripts, found, schema)
        if found != head:
            _upgrade(connection, scripts, schema)
        _say_oldest_code(connection, scripts, schema)


def _current(url: str, schema: str) -> str | None:
    with _connected(url, schema) as connection:
        return _revision(connection, schema)


def _check(url: str, package: str, schema: str) -> None:
    scripts = _scripts(package)
    head = _head(scripts, package)
    with _connected(url, schema) as connection:
        found = _revision(connection, schema)
        if _is_beyond(connection, found, head, schema):
            return
    _require_known(scripts, found, schema)
    if found != head:
        raise MigrationError(
            f"the schema {schema!r} is at revision {found or 'none'} and the code needs {head}: run the migrations "
            f"before this version starts"
        )


def _upgrade(connection: sqlalchemy.Connection, scripts: ScriptDirectory, schema: str) -> None:
    attempted: str | None = None

    def steps(heads: tuple[str, ...], _: MigrationContext) -> Iterator[RevisionStep]:
        nonlocal attempted
        for step in scripts._upgrade_revs("head", heads):  # type: ignore[arg-type]
            attempted = step.info.up_revision_id
            yield step

    context = _context(connection, schema, steps)
    _give_operations(scripts, Operations(context))
    try:
        context.run_migrations()
    except sqlalchemy.exc.DBAPIError as error:
        raise MigrationError(
            f"migration {attempted} of the schema {schema!r} failed and was rolled back: {reason(error.orig)}"
        ) from error


def _is_beyond(connection: sqlalchemy.Connection, found: str | None, head: str, schema: str) -> bool:
    """Whether a newer version has migrated the schema and says that the code of `head` may run on it."""
    if not found or not (found.isdecimal() and head.isdecimal()) or int(found) <= int(head):
        return False
    oldest = connection.exec_driver_sql(
        "SELECT obj_description(to_regclass(%s), 'pg_class')", (f'"{schema}".alembic_version',)
    ).scalar()
    connection.rollback()
    return isinstance(oldest, str) and oldest.isdecimal() and int(oldest) <= int(head)


def _say_oldest_code(connection: sqlalchemy.Connection, scripts: ScriptDirectory, schema: str) -> None:
    """For older code that looks whether it may run."""
    said = [getattr(script.module, "oldest_code", "0000") for script in scripts.walk_revisions()]
    statement = sql.SQL("COMMENT ON TABLE {}.alembic_version IS {}").format(sql.Identifier(schema), max(said))
    connection.exec_driver_sql(statement.as_string(_driver(connection)))
    connection.commit()


def _give_operations(scripts: ScriptDirectory, operations: Operations) -> None:
    """Binds `op` in the migrations to this run: Alembic's own serves one run at a time in a process."""
    for script in scripts.walk_revisions():
        if "op" in vars(script.module):
            vars(script.module)["op"] = operations


def _scripts(package: str) -> ScriptDirectory:
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        versions = Path(location) / "versions"
        if versions.is_dir():
            return ScriptDirectory(location, version_locations=[str(versions)])
    raise MigrationError(f"{package} has no folder `versions` of migrations: is it installed with its files?")


def _head(scripts: ScriptDirectory, package: str) -> str:
    heads = scripts.get_heads()
    if len(heads) != 1:
        raise MigrationError(
            f"{package} has {len(heads)} newest migrations ({', '.join(sorted(heads))}), not one: "
            f"let each name the one before it as `down_revision`"
        )
    return heads[0]


def _require_known(scripts: ScriptDirectory, revision: str | None, schema: str) -> None:
    if revision is None:
        return
    try:
        scripts.get_revision(revision)
    except CommandError:
        raise MigrationError(
            f"the schema {schema!r} is at revision {revision}, which this version of the code does not know: a newer "
            f"version has migrated it, which this one cannot run beside; start a newer version"
        ) from None


@contextmanager
def _connected(url: str, schema: str) -> Iterator[sqlalchemy.Connection]:
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool)
    with engine.connect() as connection:
        path = sql.Identifier(schema).as_string(_driver(connection))
        for name, value in (("search_path", path), ("lock_timeout", TABLE_LOCK_TIMEOUT)):
            connection.exec_driver_sql("SELECT set_config(%s, %s, false)", (name, value))
        connection.commit()
        yield connection


def _driver(connection: sqlalchemy.Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _ensure_schema(connection: sqlalchemy.Connection, schema: str) -> None:
    found = connection.exec_driver_sql("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).scalar()
    # IF NOT EXISTS would ask for the right to create schemas even where there is nothing to create.
    if not found:
        try:
            connection.execute(sqlalchemy.schema.CreateSchema(schema))
        except sqlalchemy.exc.DBAPIError as error:
            raise MigrationError(f"cannot create the schema {schema!r}: {reason(error.orig)}") from error
    connection.commit()


def _revision(connection: sqlalchemy.Connection, schema: str) -> str | None:
    found = _context(connection, schema).get_current_revision()
    connection.rollback()
    return found


def _context(
    connection: sqlalchemy.Connection,
    schema: str,
    steps: Callable[[tuple[str, ...], MigrationContext], Iterable[RevisionStep]] | None = None,
) -> MigrationContext:
    options = {"fn": steps, "version_table_schema": schema, "transaction_per_migration": True}
    return MigrationContext.configure(connection, opts=options)
