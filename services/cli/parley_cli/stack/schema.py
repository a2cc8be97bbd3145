"""Prepares an empty or older database for this version: roles, schemas, migrations."""

from __future__ import annotations

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.migrations import migrate
from parley_chassis.postgres.roles import ensure_roles, role_of
from parley_notifier.app import MIGRATIONS as NOTIFIER_MIGRATIONS
from parley_session.app import MIGRATIONS as SESSION_MIGRATIONS

MIGRATIONS = {"session": SESSION_MIGRATIONS, "notifier": NOTIFIER_MIGRATIONS}


async def prepare_database(postgres: EmbeddedPostgres) -> None:
    """Safe to repeat, and to run from several processes at once."""
    await ensure_roles(postgres.url(), list(MIGRATIONS))
    for schema, package in MIGRATIONS.items():
        await migrate(postgres.url(role_of(schema)), package, schema)
