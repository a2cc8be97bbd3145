"""The embedded PostgreSQL as its users see it: addresses, durability, lasting data, refusals that say what to do."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import psycopg
import pytest
import pytest_asyncio

from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres, lasting_data_folder
from parley_chassis.postgres.errors import PostgresStartError
from tests.integration.chassis.statements import run

FAST = {"fsync": "off"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[EmbeddedPostgres]:
    async with embedded_postgres(tcp=True) as postgres:
        yield postgres


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
    ],
)
async def test_a_commit_is_durable_unless_somebody_asks_for_less(
    server: EmbeddedPostgres, setting: str, expected: str
) -> None:
    assert await run(server.url(), f"SHOW {setting}") == expected


async def test_text_sorts_alike_on_every_machine(server: EmbeddedPostgres) -> None:
    query = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'parley'"
    assert await run(server.url(), query) == "bC.UTF-8"


async def test_the_port_takes_the_password_and_nothing_else(server: EmbeddedPostgres) -> None:
    assert await run(server.tcp_url(), "SELECT current_user::text") == "postgres"

    password = psycopg.conninfo.conninfo_to_dict(server.tcp_url())["password"]
    assert isinstance(password, str)
    assert password not in repr(server)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await run(server.tcp_url().replace(password, "guess"), "SELECT 1")


async def test_an_environment_made_for_another_server_does_not_lead_astray(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGHOST", "PGDATABASE", "PGUSER"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("PGPORT", "1")
    assert await run(server.url(), "SELECT 1") == 1


async def test_the_log_quotes_neither_statements_nor_rows(server: EmbeddedPostgres) -> None:
    await run(server.url(), "CREATE TABLE texts (body text PRIMARY KEY)")
    await run(server.url(), "INSERT INTO texts VALUES ('confidential')")
    with pytest.raises(psycopg.errors.UniqueViolation, match="confidential"):
        await run(server.url(), "INSERT INTO texts VALUES ('confidential')")

    log = (server.data / "server.log").read_text()
    assert "duplicate key value" in log
    assert "confidential" not in log


async def test_ctrl_c_in_the_terminal_reaches_parley_only(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    assert os.getsid(server.pid) != os.getsid(0)


async def test_the_programs_beside_the_server_are_offered(server: EmbeddedPostgres) -> None:
    assert {"psql", "pgbench", "pg_dump"} <= set(os.listdir(server.binaries))


async def test_a_temporary_server_leaves_nothing_behind(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    async with embedded_postgres() as postgres:
        pid = postgres.pid
        assert pid is not None
        assert postgres.data.is_relative_to(place)
        assert await run(postgres.url(), "SHOW listen_addresses") == ""
        with pytest.raises(ValueError, match="tcp=True"):
            postgres.tcp_url()

    assert os.listdir(place) == []
    assert not psutil.pid_exists(pid)
    assert postgres.pid is None


async def test_data_in_a_named_folder_is_there_at_the_next_start(place: Path) -> None:
    data = place / "not yet there" / "data"
    async with embedded_postgres(data) as postgres:
        await run(postgres.url(), "CREATE TABLE kept AS SELECT 42 AS value")
    async with embedded_postgres(data) as postgres:
        assert postgres.data == data
        assert await run(postgres.url(), "SELECT value FROM kept") == 42
        assert await run(postgres.url(), "SHOW data_checksums") == "on"


async def test_what_was_committed_outlasts_a_crash(data: Path) -> None:
    async with embedded_postgres(data, settings=FAST) as postgres:
        url, first = postgres.url(), postgres.pid
        await run(url, "CREATE TABLE kept (value int)")
        for value in range(3):
            await run(url, f"INSERT INTO kept VALUES ({value})")
            await postgres.stop_immediately()
            assert postgres.pid is None
            await postgres.start()
        assert postgres.pid not in (None, first)
        assert await run(url, "SELECT array_agg(value) FROM kept") == [0, 1, 2]
        assert "was not properly shut down" in (postgres.data / "server.log").read_text()


async def test_starting_a_running_server_does_nothing(server: EmbeddedPostgres) -> None:
    pid = server.pid
    await server.start()
    assert server.pid == pid


async def test_settings_are_passed_on(data: Path) -> None:
    async with embedded_postgres(data, settings={**FAST, "work_mem": "7MB"}) as postgres:
        assert await run(postgres.url(), "SHOW fsync") == "off"
        assert await run(postgres.url(), "SHOW work_mem") == "7MB"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"work_memory": "7MB"}, r'correct the name in `settings`(.|\n)*parameter "work_memory"'),
        ({"work_mem": "plenty"}, r'correct the value in `settings`(.|\n)*parameter "work_mem"'),
        ({"shared_buffers": "1TB"}, r"PostgreSQL did not start on /(.|\n)*shared memory"),
        ({"Port": "80"}, "`settings` may not hold Port"),
    ],
)
async def test_a_setting_that_cannot_be_is_refused_with_the_reason(
    settings: dict[str, str], message: str, place: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with pytest.raises(PostgresStartError, match=message):
        async with embedded_postgres(data, settings=settings):
            pass
    assert os.listdir(place) == ["data"]


async def test_a_folder_has_one_server_at_a_time(data: Path) -> None:
    async with embedded_postgres(data, settings=FAST) as postgres:
        with pytest.raises(PostgresStartError) as refusal:
            async with embedded_postgres(data):
                pass
        assert f"{data} is in use" in str(refusal.value)
        assert f"PostgreSQL runs as process {postgres.pid}" in str(refusal.value)
        assert await run(postgres.url(), "SELECT 1") == 1


async def test_a_folder_that_holds_something_else_is_refused_and_left_as_it_is(place: Path) -> None:
    (place / "letter").touch()
    before = os.stat(place)
    with pytest.raises(PostgresStartError, match="holds files that are not Parley's: choose a folder"):
        async with embedded_postgres(place):
            pass
    assert os.listdir(place) == ["letter"]
    after = os.stat(place)
    assert (after.st_mode, after.st_uid, after.st_ctime_ns) == (before.st_mode, before.st_uid, before.st_ctime_ns)


async def test_data_of_another_version_is_refused_and_kept(data: Path) -> None:
    version = data / "cluster" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(PostgresStartError, match=f"{data} holds data of PostgreSQL 17, and this is PostgreSQL 18"):
        async with embedded_postgres(data):
            pass
    assert version.exists()


async def test_a_half_made_cluster_is_made_again(place: Path) -> None:
    (place / "data" / "cluster.unfinished" / "base").mkdir(parents=True)
    (place / "data" / "lock").touch()
    async with embedded_postgres(place / "data", settings=FAST) as postgres:
        assert await run(postgres.url(), "SELECT 1") == 1


async def test_a_temporary_folder_with_a_long_name_is_passed_over(
    place: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = place / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    async with embedded_postgres(data, settings=FAST) as postgres:
        assert await run(postgres.url(), "SELECT 1") == 1


async def test_a_lasting_folder_is_never_in_roots_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for account, expected in (
        (0, Path("/var/lib/parley/postgres")),
        (1000, Path.home() / ".local/share/parley/postgres"),
    ):
        monkeypatch.setattr(os, "geteuid", lambda account=account: account)
        assert lasting_data_folder() == expected
