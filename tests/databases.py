"""Databases for tests: made from a template with every service's schema in it, emptied between tests.

Each service finds its schema owned by a role of its own, as in production.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
from psycopg import sql

from parley_chassis.postgres.embedded import DATABASE, EmbeddedPostgres
from parley_chassis.postgres.migrations import migrate
from parley_chassis.postgres.roles import ensure_roles, role_of

MIGRATIONS = {
    "session": "parley_session.adapters.postgres.migrations",
    "notifier": "parley_notifier.adapters.postgres.migrations",
}


TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s) AND tablename <> 'alembic_version'"
HAS_ROWS = sql.SQL("SELECT {number} WHERE EXISTS (SELECT FROM {table})")
DISCONNECT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@dataclass(frozen=True)
class FreshDatabase:
    """A database with all schemas and no rows."""

    postgres: EmbeddedPostgres
    name: str

    @property
    def admin_url(self) -> str:
        return self.postgres.url(database=self.name)

    @property
    def session_url(self) -> str:
        return self.postgres.url(role_of("session"), self.name)

    @property
    def notifier_url(self) -> str:
        return self.postgres.url(role_of("notifier"), self.name)

    async def empty(self) -> None:
        """Makes it as if it were new, which is faster than to make a new one."""
        name = sql.Identifier(self.name)
        async with await psycopg.AsyncConnection.connect(self.admin_url, autocommit=True) as connection:
            await connection.execute(DISCONNECT, [self.name])
            await connection.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(name))
            cursor = await connection.execute(TABLES, [list(MIGRATIONS)])
            tables = [sql.Identifier(*row) for row in await cursor.fetchall()]
            # To empty one takes as long as to make one, and most are empty.
            looks = [HAS_ROWS.format(number=number, table=table) for number, table in enumerate(tables)]
            cursor = await connection.execute(sql.SQL(" UNION ALL ").join(looks))
            filled = [tables[number] for (number,) in await cursor.fetchall()]
            if filled:
                await connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(filled)))
            # The one row that a migration makes.
            await connection.execute("INSERT INTO notifier.gate DEFAULT VALUES")


async def make_template(postgres: EmbeddedPostgres) -> str:
    """Prepares the database that others are copies of; returns its name."""
    await ensure_roles(postgres.url())
    for schema, package in MIGRATIONS.items():
        await migrate(postgres.url(role_of(schema)), package, schema)
    return DATABASE


@asynccontextmanager
async def fresh_database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[FreshDatabase]:
    name = f"test_{uuid4().hex}"
    server = postgres.url(database="postgres")
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
        await connection.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**names))
        try:
            yield FreshDatabase(postgres, name)
        finally:
            await connection.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**names))
