"""The tables as the code describes them are the tables as the migrations make them."""

import pytest
from sqlalchemy import MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

from parley_notifier.adapters.postgres import tables
from tests.databases import FreshDatabase


def described(table: Table) -> dict[str, tuple[str, bool, str | None]]:
    """Each column's type as PostgreSQL writes it, whether it may be null, and its collation."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {
        column.name: (
            column.type.compile(dialect).partition(" COLLATE")[0],
            bool(column.nullable),
            getattr(column.type, "collation", None),
        )
        for column in table.columns
    }


@pytest.fixture
async def migrated(database: FreshDatabase) -> MetaData:
    engine = create_async_engine(database.notifier_url.replace("postgresql://", "postgresql+psycopg://", 1))
    found = MetaData(schema="notifier")
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: found.reflect(sync))
    await engine.dispose()
    return found


async def test_the_same_tables_are_there(migrated: MetaData) -> None:
    assert set(migrated.tables) == {*tables.metadata.tables, "notifier.alembic_version"}


@pytest.mark.parametrize("name", sorted(tables.metadata.tables))
async def test_columns_and_keys_agree(migrated: MetaData, name: str) -> None:
    made, written = migrated.tables[name], tables.metadata.tables[name]
    assert described(made) == described(written)
    assert list(made.primary_key.columns.keys()) == list(written.primary_key.columns.keys())
