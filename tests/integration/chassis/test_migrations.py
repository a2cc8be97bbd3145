"""Migrations of a small package on a real server: to the newest, once, by many at a time, each role in its schema."""

import asyncio
import textwrap
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from parley_chassis.postgres import migrations
from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.errors import MigrationError
from parley_chassis.postgres.migration_connection import take_lock
from parley_chassis.postgres.migrations import check, current, migrate
from parley_chassis.postgres.roles import ensure_roles

CREATE_TURNS = "op.execute('CREATE TABLE turns (id bigint PRIMARY KEY)')"
ADD_STATE = "op.execute('ALTER TABLE turns ADD state text')"
ADD_OWNER = "op.execute('ALTER TABLE turns ADD owner text')"
DROP_STATE = "op.execute('ALTER TABLE turns DROP state')"
DROP_NOTHING = "op.execute('SELECT 1')"
Package = Callable[..., str]


@pytest.fixture
async def empty_database(postgres: EmbeddedPostgres) -> str:
    """The name of a database that no other test sees."""
    name = f"test_{uuid.uuid4().hex}"
    async with await psycopg.AsyncConnection.connect(postgres.url(), autocommit=True) as connection:
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return name


@pytest.fixture
def url(postgres: EmbeddedPostgres, empty_database: str) -> str:
    return postgres.url(database=empty_database)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Makes a package whose migrations 0001, 0002... each have one of the given bodies.

    `oldest_code` is what the migrations of these numbers say of older code.
    """
    monkeypatch.syspath_prepend(tmp_path)

    def make(*bodies: str, oldest_code: Mapping[int, str] = {}) -> str:
        name = f"service_{uuid.uuid4().hex}"
        versions = tmp_path / name / "migrations" / "versions"
        versions.mkdir(parents=True)
        for number, body in enumerate(bodies, start=1):
            write_migration(versions, number, body, oldest_code=oldest_code.get(number))
        return f"{name}.migrations"

    return make


def write_migration(
    versions: Path, number: int, body: str, after: str | None = None, oldest_code: str | None = None
) -> None:
    previous = after or (f"{number - 1:04d}" if number > 1 else None)
    head = f"from alembic import op\n\nrevision = '{number:04d}'\ndown_revision = {previous!r}\n"
    head += (f"oldest_code = {oldest_code!r}\n" if oldest_code else "") + "\n\ndef upgrade():\n"
    (versions / f"{number:04d}_step.py").write_text(head + textwrap.indent(body, "    ") + "\n")


def versions_of(tmp_path: Path, package: str) -> Path:
    return tmp_path.joinpath(*package.split("."), "versions")


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute(query.encode())
        return await cursor.fetchall() if cursor.description else []


async def test_a_schema_is_created_and_brought_to_the_newest_migration(url: str, package: Package) -> None:
    await migrate(url, package(CREATE_TURNS, ADD_STATE), "session")

    assert await rows(url, "SELECT id, state FROM session.turns") == []
    assert await rows(url, "SELECT version_num FROM session.alembic_version") == [("0002",)]
    assert await current(url, "session") == "0002"


async def test_a_later_start_applies_only_what_is_new(url: str, package: Package, tmp_path: Path) -> None:
    name = package(CREATE_TURNS)
    await migrate(url, name, "session")
    await migrate(url, name, "session")
    write_migration(versions_of(tmp_path, name), 2, ADD_STATE)
    await migrate(url, name, "session")

    assert await current(url, "session") == "0002"


async def test_replicas_that_start_together_migrate_once(url: str, package: Package) -> None:
    name = package(CREATE_TURNS, "op.execute('INSERT INTO turns VALUES (1)')")
    await asyncio.gather(*(migrate(url, name, "session") for _ in range(6)))

    assert await rows(url, "SELECT id FROM session.turns") == [(1,)]


async def test_services_with_databases_of_their_own_migrate_at_the_same_time(
    postgres: EmbeddedPostgres, url: str, package: Package
) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.url(), autocommit=True) as connection:
        other = f"test_{uuid.uuid4().hex}"
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(other)))
    slow = "op.execute('SELECT pg_sleep(0.05)')"
    await asyncio.gather(
        migrate(url, package(slow, CREATE_TURNS), "session"),
        migrate(postgres.url(database=other), package(slow, "op.execute('CREATE TABLE lanes ()')"), "notifier"),
    )

    assert await rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'session' ORDER BY 1") == [
        ("alembic_version",),
        ("turns",),
    ]
    assert await rows(postgres.url(database=other), "SELECT FROM notifier.lanes") == []


async def test_an_index_is_built_concurrently_while_another_replica_waits(url: str, package: Package) -> None:
    build = "with op.get_context().autocommit_block():\n    op.execute('CREATE INDEX CONCURRENTLY mine ON turns (id)')"
    name = package(CREATE_TURNS, build)
    async with asyncio.timeout(20):
        await asyncio.gather(*(migrate(url, name, "session") for _ in range(3)))

    assert await current(url, "session") == "0002"


async def test_a_replica_does_not_wait_for_another_for_ever(url: str, package: Package) -> None:
    with psycopg.connect(url) as other:
        take_lock(other, 0)
        with pytest.raises(MigrationError, match=r"another process has been migrating this database for 0\.1 s"):
            await migrate(url, package(CREATE_TURNS), "session", lock_wait=0.1)
    await migrate(url, package(CREATE_TURNS), "session")


async def test_a_failed_migration_leaves_those_before_it_and_is_named(url: str, package: Package) -> None:
    name = package(CREATE_TURNS, f"{ADD_STATE}\nop.execute('ALTER TABLE nowhere ADD x int')")

    with pytest.raises(MigrationError, match=r"migration 0002 of the schema 'session' .* \"nowhere\" does not exist"):
        await migrate(url, name, "session")

    assert await current(url, "session") == "0001"
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await rows(url, "SELECT state FROM session.turns")


async def test_a_migration_does_not_queue_behind_a_busy_table(
    url: str, package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "TABLE_LOCK_TIMEOUT", "50ms")
    name = package(CREATE_TURNS)
    await migrate(url, name, "session")
    write_migration(versions_of(tmp_path, name), 2, ADD_STATE)

    async with await psycopg.AsyncConnection.connect(url) as busy:
        await busy.execute("SELECT FROM session.turns")
        with pytest.raises(MigrationError, match="lock timeout"):
            await migrate(url, name, "session")
    await migrate(url, name, "session")


async def test_check_wants_the_migrations_that_the_code_needs(url: str, package: Package, tmp_path: Path) -> None:
    name = package(CREATE_TURNS)
    with pytest.raises(MigrationError, match="at revision none and the code needs 0001: run the migrations"):
        await check(url, name, "session")
    await migrate(url, name, "session")
    await check(url, name, "session")
    write_migration(versions_of(tmp_path, name), 2, ADD_STATE)
    with pytest.raises(MigrationError, match="at revision 0001 and the code needs 0002: run the migrations"):
        await check(url, name, "session")


async def test_the_code_before_runs_beside_the_new_one_and_changes_nothing(url: str, package: Package) -> None:
    older = package(CREATE_TURNS)
    await migrate(url, older, "session")
    await migrate(url, package(CREATE_TURNS, ADD_STATE, ADD_OWNER), "session")

    await check(url, older, "session")
    await migrate(url, older, "session")
    assert await current(url, "session") == "0003"
    assert await rows(url, "SELECT id, state, owner FROM session.turns") == []


@pytest.mark.parametrize(("code", "may_run"), [(1, False), (2, True), (3, True)])
async def test_a_migration_that_takes_something_away_says_whose_code_may_run(
    code: int, may_run: bool, url: str, package: Package
) -> None:
    steps = (CREATE_TURNS, ADD_STATE, DROP_STATE, ADD_OWNER)
    await migrate(url, package(*steps, oldest_code={3: "0002"}), "session")

    older = package(*steps[:code])
    for attempt in (check, migrate):
        if may_run:
            await attempt(url, older, "session")
            continue
        with pytest.raises(MigrationError, match="at revision 0004, which this version of the code does not know"):
            await attempt(url, older, "session")
    assert await current(url, "session") == "0004"


async def test_what_older_code_may_run_is_known_before_it_asks(url: str, package: Package, tmp_path: Path) -> None:
    """It is told with each migration: also one that was applied by code that told nothing yet."""
    name = package(CREATE_TURNS, DROP_NOTHING, oldest_code={2: "0002"})
    await migrate(url, name, "session")
    await rows(url, "COMMENT ON TABLE session.alembic_version IS NULL")
    await migrate(url, name, "session")
    assert not await _is_refused(url, name)
    write_migration(versions_of(tmp_path, name), 3, ADD_STATE)
    await migrate(url, name, "session")
    assert await _is_refused(url, package(CREATE_TURNS))
    assert not await _is_refused(url, package(CREATE_TURNS, DROP_NOTHING))


@pytest.mark.parametrize("said", ["NULL", "'anything'", "'0003'"])
async def test_a_database_ahead_of_the_code_is_refused_unless_it_says_otherwise(
    said: str, url: str, package: Package
) -> None:
    await migrate(url, package(CREATE_TURNS, ADD_STATE), "session")
    await rows(url, f"COMMENT ON TABLE session.alembic_version IS {said}")

    assert await _is_refused(url, package(CREATE_TURNS))
    assert await current(url, "session") == "0002"


async def _is_refused(url: str, package: str) -> bool:
    try:
        await check(url, package, "session")
    except MigrationError:
        return True
    return False


async def test_two_newest_migrations_are_refused_by_name(url: str, package: Package, tmp_path: Path) -> None:
    name = package(CREATE_TURNS, ADD_STATE)
    write_migration(versions_of(tmp_path, name), 3, ADD_STATE, after="0001")

    with pytest.raises(MigrationError, match=r"2 newest migrations \(0002, 0003\)"):
        await migrate(url, name, "session")


async def test_a_package_without_migrations_is_named(url: str) -> None:
    with pytest.raises(MigrationError, match="parley_chassis has no folder `versions`"):
        await migrate(url, "parley_chassis", "session")


async def test_an_unreachable_server_is_an_error_with_a_fix(package: Package, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="check that it runs, and its URL"):
        await migrate(f"postgresql://postgres@/parley?host={tmp_path}", package(CREATE_TURNS), "session")


async def test_an_unreadable_url_is_not_repeated(package: Package) -> None:
    with pytest.raises(MigrationError, match="database URL cannot be read") as refusal:
        await migrate("postgresql://u:secret@[host/x", package(CREATE_TURNS), "session")
    assert "secret" not in str(refusal.value)
    assert refusal.value.__suppress_context__


async def test_each_role_owns_its_schema_and_cannot_touch_the_other(
    postgres: EmbeddedPostgres, empty_database: str, url: str, package: Package
) -> None:
    await ensure_roles(url)
    for schema in ("session", "notifier"):
        await migrate(postgres.url(f"parley_{schema}", empty_database), package(CREATE_TURNS), schema)

    for own, foreign in (("session", "notifier"), ("notifier", "session")):
        role = postgres.url(f"parley_{own}", empty_database)
        await rows(role, f"INSERT INTO {own}.turns VALUES (1)")
        for attempt in (
            f"SELECT * FROM {foreign}.turns",
            f"INSERT INTO {foreign}.turns VALUES (1)",
            f"UPDATE {foreign}.turns SET id = 2",
            f"DELETE FROM {foreign}.turns",
            f"SELECT * FROM {foreign}.alembic_version",
            f"CREATE TABLE {foreign}.mine ()",
            "CREATE TABLE public.mine ()",
            f"SET ROLE parley_{foreign}",
            f"GRANT parley_{foreign} TO parley_{own}",
            "CREATE ROLE mine",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await rows(role, attempt)


async def test_ensuring_roles_again_and_at_the_same_time_changes_nothing(
    postgres: EmbeddedPostgres, empty_database: str, url: str, package: Package
) -> None:
    await asyncio.gather(*(ensure_roles(url) for _ in range(4)))
    await migrate(postgres.url("parley_session", empty_database), package(CREATE_TURNS), "session")
    await ensure_roles(url)

    assert await rows(postgres.url("parley_session", empty_database), "SELECT FROM session.turns") == []
    assert await rows(
        url,
        "SELECT nspname::text, pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname IN "
        "('session', 'notifier') ORDER BY 1",
    ) == [("notifier", "parley_notifier"), ("session", "parley_session")]


async def test_roles_are_made_by_two_databases_of_one_server_at_once(postgres: EmbeddedPostgres, url: str) -> None:
    schemas = [f"s{uuid.uuid4().hex[:8]}" for _ in range(8)]

    await asyncio.gather(ensure_roles(url, schemas), ensure_roles(postgres.url(), schemas))

    for schema in schemas:
        assert await rows(postgres.url(f"parley_{schema}"), "SELECT current_user::text") == [(f"parley_{schema}",)]


async def test_an_administrator_without_superuser_rights_can_make_the_roles(
    postgres: EmbeddedPostgres, empty_database: str, url: str, package: Package
) -> None:
    admin = f"admin_{empty_database[-12:]}"
    await rows(url, f"CREATE ROLE {admin} LOGIN CREATEROLE")
    await rows(url, f"GRANT CREATE ON DATABASE {empty_database} TO {admin}")
    schema = f"s{uuid.uuid4().hex[:8]}"

    await ensure_roles(postgres.url(admin, empty_database), [schema])
    await migrate(postgres.url(f"parley_{schema}", empty_database), package(CREATE_TURNS), schema)


async def test_roles_that_cannot_be_made_are_an_error_with_a_fix(
    postgres: EmbeddedPostgres, empty_database: str
) -> None:
    await ensure_roles(postgres.url(database=empty_database))
    with pytest.raises(MigrationError, match="connect as a superuser, or as a role with CREATEROLE"):
        await ensure_roles(postgres.url("parley_session", empty_database), ["another"])
