"""One database role per service, each the owner of its own schema and a stranger to all others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import LiteralString

import psycopg
from psycopg import sql

from parley_chassis.postgres.errors import MigrationError
from parley_chassis.postgres.migration_connection import connect, reason, take_lock

SCHEMAS = ("session", "notifier")
LOCK_WAIT = 120.0

_Connection = psycopg.Connection[tuple[object, ...]]


def role_of(schema: str) -> str:
    return f"parley_{schema}"


async def ensure_roles(admin_url: str, schemas: Sequence[str] = SCHEMAS) -> None:
    """Makes role_of(schema) and the schema it owns, for each of `schemas`; what is there already stays.

    `admin_url` names a superuser, or a role with CREATEROLE that may create schemas in the database. A new role has
    no password: where the server asks for one, set it with ALTER ROLE. Raises MigrationError.
    """
    await asyncio.to_thread(_ensure_roles, admin_url, schemas)


def _ensure_roles(admin_url: str, schemas: Sequence[str]) -> None:
    try:
        with connect(admin_url) as connection:
            take_lock(connection, LOCK_WAIT)
            for schema in schemas:
                _ensure_role(connection, role_of(schema))
                _ensure_schema(connection, schema, role_of(schema))
    except psycopg.Error as error:
        raise MigrationError(
            f"cannot prepare the roles of {', '.join(schemas)} ({reason(error)}): connect as a superuser, or as a role "
            f"with CREATEROLE that may create schemas in this database"
        ) from error


def _ensure_role(connection: _Connection, role: str) -> None:
    if not _exists(connection, "SELECT FROM pg_roles WHERE rolname = %s", role):
        try:
            # Roles belong to the server, our lock to one database: a Parley in another one may come first.
            with connection.transaction():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            pass
    if not _exists(connection, "SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper"):
        # Whoever is no superuser must be able to become a role in order to give it a schema.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def _ensure_schema(connection: _Connection, schema: str, role: str) -> None:
    names = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}
    if not _exists(connection, "SELECT FROM pg_namespace WHERE nspname = %s", schema):
        connection.execute(sql.SQL("CREATE SCHEMA {schema} AUTHORIZATION {role}").format(**names))
    connection.execute(sql.SQL("ALTER SCHEMA {schema} OWNER TO {role}").format(**names))
    connection.execute(sql.SQL("REVOKE ALL ON SCHEMA {schema} FROM PUBLIC").format(**names))


def _exists(connection: _Connection, query: LiteralString, *names: str) -> bool:
    return connection.execute(query, names).rowcount > 0
