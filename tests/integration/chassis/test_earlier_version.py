"""What the version before this one says to PostgreSQL is understood by the schema as it is now."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

from tests.databases import FreshDatabase
from tests.earlier_version import FOLDER, SERVICES, EarlierVersion, NoEarlierVersion, before_newest_migration

NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def earlier(service: str) -> EarlierVersion:
    try:
        return before_newest_migration(service)
    except NoEarlierVersion as reason:
        pytest.skip(str(reason))


def url_of(database: FreshDatabase, service: str) -> str:
    return str(getattr(database, f"{service}_url"))


def statements(version: EarlierVersion, service: str) -> Iterator[tuple[str, str]]:
    for path in version.files(FOLDER.format(service), ".sql"):
        _, *parts = NAME.split(version.read(path))
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            yield f"{path.rpartition('/')[2]}: {name}", body.strip().rstrip(";")


def numbered(statement: str) -> str:
    """With PostgreSQL's own placeholders."""
    parts = re.split(r"%s|%\(\w+\)s", statement)
    numbered = "".join(f"{part}${n}" for n, part in enumerate(parts[:-1], start=1)) + parts[-1]
    return numbered.replace("%%", "%")


async def test_its_statements_can_still_be_prepared(
    service: str, earlier: EarlierVersion, database: FreshDatabase
) -> None:
    refused: list[str] = []
    async with await psycopg.AsyncConnection.connect(url_of(database, service), autocommit=True) as connection:
        found = list(statements(earlier, service))
        assert len(found) >= 10
        for name, statement in found:
            try:
                await connection.execute(f"PREPARE tested AS {numbered(statement)}".encode())
            except psycopg.Error as error:
                refused.append(f"{name}: {error}")
            else:
                await connection.execute("DEALLOCATE tested")
    assert refused == [], f"of {earlier.commit[:12]}"


async def test_its_tables_are_there_and_ask_for_no_more_than_they_did(
    service: str, earlier: EarlierVersion, database: FreshDatabase
) -> None:
    engine = create_async_engine(url_of(database, service).replace("postgresql://", "postgresql+psycopg://", 1))
    now = MetaData(schema=service)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: now.reflect(sync))
    await engine.dispose()
    missed: list[str] = []
    for name, table in described(earlier, service).tables.items():
        missed += differences(table, now.tables[name]) if name in now.tables else [f"{name} is gone"]
    assert missed == [], f"of {earlier.commit[:12]}"


def described(version: EarlierVersion, service: str) -> MetaData:
    path = f"{FOLDER.format(service)}/tables.py"
    names: dict[str, object] = {"__name__": path}
    exec(compile(version.read(path), path, "exec"), names)
    metadata = names["metadata"]
    assert isinstance(metadata, MetaData)
    assert metadata.tables
    return metadata


def differences(before: Table, now: Table) -> Iterator[str]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for column in before.columns:
        if column.name not in now.columns:
            yield f"{column} is gone"
        elif now.columns[column.name].type.compile(dialect) != column.type.compile(dialect):
            yield f"{column} has another type"
        elif column.nullable and not now.columns[column.name].nullable:
            yield f"{column} may not be NULL any more"
    for column in now.columns:
        if column.name not in before.columns and not column.nullable and column.server_default is None:
            yield f"{column} is new and needs a value"


def test_a_column_that_is_narrower_is_found() -> None:
    before = Table(
        "turns", MetaData(), Column("a", Integer), Column("b", Integer), Column("c", Text), Column("d", Text)
    )
    now = Table(
        "turns",
        MetaData(),
        Column("a", BigInteger),
        Column("c", Text, nullable=False),
        Column("d", Text),
        Column("e", Text, nullable=False),
        Column("f", Text, nullable=False, server_default=""),
        Column("g", Text),
    )
    assert list(differences(before, now)) == [
        "turns.a has another type",
        "turns.b is gone",
        "turns.c may not be NULL any more",
        "turns.e is new and needs a value",
    ]


def test_placeholders_are_numbered() -> None:
    assert numbered("SELECT %s, %(name)s, '100 %%' LIKE %s") == "SELECT $1, $2, '100 %' LIKE $3"
