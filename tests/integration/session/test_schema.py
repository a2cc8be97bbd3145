"""The tables as the code describes them are the tables as the migrations make them."""

from __future__ import annotations

import pytest
from sqlalchemy import MetaData, Table, inspect, schema
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

from parley_session.adapters.postgres import tables
from tests.databases import FreshDatabase


def described(table: Table) -> dict[str, tuple[str, bool]]:
    """Each column's type, as PostgreSQL writes it, and whether it may be null."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {
        column.name: (column.type.compile(dialect).replace(' COLLATE "C"', ""), bool(column.nullable))
        for column in table.columns
    }


def keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


@pytest.fixture
async def migrated(database: FreshDatabase) -> MetaData:
    """The schema as the database shows it."""
    engine = create_async_engine(database.session_url.replace("postgresql://", "postgresql+psycopg://", 1))
    found = MetaData(schema="session")
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: found.reflect(sync))
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names("session"))
    await engine.dispose()
    found.remove(found.tables["session.alembic_version"])
    assert {f"session.{name}" for name in names} - set(found.tables) == {"session.alembic_version"}
    return found


async def test_the_same_tables_are_there(migrated: MetaData) -> None:
    assert set(migrated.tables) == set(tables.metadata.tables)


@pytest.mark.parametrize("name", sorted(tables.metadata.tables))
async def test_columns_and_keys_agree(migrated: MetaData, name: str) -> None:
    assert described(migrated.tables[name]) == described(tables.metadata.tables[name])
    assert keys(migrated.tables[name]) == keys(tables.metadata.tables[name])


async def test_texts_that_are_compared_or_sorted_have_no_locale(migrated: MetaData) -> None:
    for table in tables.metadata.tables.values():
        for column in table.columns:
            collation = getattr(column.type, "collation", None)
            assert getattr(migrated.tables[table.fullname].columns[column.name].type, "collation", None) == collation


async def test_every_table_says_how_it_is_made(migrated: MetaData) -> None:
    """The comparison above has something to compare."""
    assert "last_inbound BIGINT" in str(schema.CreateTable(migrated.tables["session.threads"]))
