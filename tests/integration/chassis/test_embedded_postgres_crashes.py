"""The embedded PostgreSQL when processes are killed: it never outlives its owner, and the next start copes."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from parley_chassis.postgres import runtime_folder, server_process
from parley_chassis.postgres.account import server_account
from parley_chassis.postgres.embedded import embedded_postgres
from parley_chassis.postgres.errors import PostgresStartError
from parley_chassis.postgres.polling import wait_until
from tests.integration.chassis.statements import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")

FAST = {"fsync": "off"}
OWNER = """
import asyncio, json, sys, uvloop
from pathlib import Path
from parley_chassis.postgres.embedded import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1]) if sys.argv[1:] else None) as postgres:
        print(json.dumps({"pid": postgres.pid, "url": postgres.url(), "data": str(postgres.data)}), flush=True)
        await asyncio.to_thread(sys.stdin.read)

uvloop.run(main())
"""


@dataclass
class Owner:
    """Another Python process and the server it runs."""

    process: "subprocess.Popen[str]"
    pid: int
    url: str
    data: str

    @property
    def server(self) -> psutil.Process:
        return psutil.Process(self.pid)


@contextmanager
def another_owner(*arguments: str, temporary_folder: Path) -> Iterator[Owner]:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary_folder)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        owner = Owner(process, **json.loads(process.stdout.readline()))
        server = owner.server
        try:
            yield owner
            process.stdin.close()
            process.wait(30)
        finally:
            process.kill()
            with suppress(psutil.NoSuchProcess):
                server.resume()
            psutil.wait_procs([server], timeout=30)


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def commands_in(place: Path) -> list[str]:
    """The command lines of the processes that work in `place`."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, FileNotFoundError):
            command = " ".join(process.cmdline()) + " "
            if str(place) in command or process.cwd().startswith(str(place)):
                found.append(command)
    return found


async def test_a_server_ends_with_its_killed_owner(place: Path, data: Path) -> None:
    with another_owner(str(data), temporary_folder=place) as owner:
        family = [owner.server, *owner.server.children(recursive=True)]
        async with await psycopg.AsyncConnection.connect(owner.url):
            owner.process.kill()
            assert await wait_until(lambda: all(has_ended(process) for process in family), 10)


async def test_the_next_owner_need_not_wait_for_the_killed_one(place: Path, data: Path) -> None:
    with another_owner(str(data), temporary_folder=place) as owner:
        await run(owner.url, "CREATE TABLE kept AS SELECT 42 AS value")
        owner.process.kill()
        async with embedded_postgres(data, settings=FAST) as postgres:
            assert await run(postgres.url(), "SELECT value FROM kept") == 42


async def test_the_next_owner_recovers_what_a_massacre_left(place: Path, data: Path) -> None:
    with another_owner(str(data), temporary_folder=place) as owner:
        await run(owner.url, "CREATE TABLE kept AS SELECT 42 AS value")
        family = [psutil.Process(owner.process.pid), owner.server, *owner.server.children(recursive=True)]
        for act in (psutil.Process.suspend, psutil.Process.kill):
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    act(process)
        async with embedded_postgres(data, settings=FAST) as postgres:
            assert await run(postgres.url(), "SELECT value FROM kept") == 42
            assert "was not properly shut down" in (postgres.data / "server.log").read_text()


async def test_a_stale_pid_that_now_belongs_to_another_process_is_no_obstacle(data: Path) -> None:
    async with embedded_postgres(data, settings=FAST):
        left_behind = (data / "cluster" / "postmaster.pid").read_text().splitlines()
    account = server_account()
    stranger = account.launch(["/bin/sleep", "60"], output=subprocess.DEVNULL, environment={})
    try:
        pid_file = data / "cluster" / "postmaster.pid"
        pid_file.write_text("\n".join([str(stranger.pid), *left_behind[1:]]) + "\n")
        async with embedded_postgres(data, settings=FAST) as postgres:
            assert await run(postgres.url(), "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_folder_that_another_process_uses_is_refused_by_name_and_pid(place: Path, data: Path) -> None:
    with another_owner(str(data), temporary_folder=place) as owner:
        with pytest.raises(PostgresStartError) as refusal:
            async with embedded_postgres(data):
                pass
        for part in (f"{data} is in use", f"process {owner.pid}", f"process {owner.process.pid} uses it"):
            assert part in str(refusal.value)
        assert await run(owner.url, "SELECT 1") == 1


async def test_two_processes_that_start_on_a_new_folder_get_one_server(place: Path) -> None:
    async def attempt() -> bool:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", OWNER, str(place / "data")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        started = bool(await process.stdout.readline())
        finished.append(started)
        if started:
            await wait_until(lambda: len(finished) == 3, 30)
        else:
            assert b"is in use" in await process.stderr.read()
        await process.communicate(b"")
        return started

    finished: list[bool] = []
    assert sorted(await asyncio.gather(attempt(), attempt(), attempt())) == [False, False, True]


async def test_the_folder_of_a_killed_temporary_server_is_removed_by_the_next(
    place: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(runtime_folder, "_YOUNG", 0.0)
    (place / "parley-pg-backup").mkdir()
    with (
        another_owner(str(data), temporary_folder=place) as alive,
        another_owner(temporary_folder=place) as killed,
    ):
        folder, server = Path(killed.data).parent.name, killed.server
        server.suspend()
        killed.process.kill()
        killed.process.wait()
        async with embedded_postgres(settings=FAST):
            assert folder in os.listdir(place), "its server has not stopped yet"
        server.resume()
        assert await wait_until(lambda: has_ended(server), 10)
        async with embedded_postgres(settings=FAST):
            assert folder not in os.listdir(place)
            assert "parley-pg-backup" in os.listdir(place), "nobody says whose this is"
            assert await run(alive.url, "SELECT 1") == 1


async def test_a_start_waits_for_the_last_processes_of_a_killed_server(data: Path) -> None:
    async with embedded_postgres(data, settings=FAST) as postgres:
        last = next(child for child in psutil.Process(postgres.pid).children() if "checkpointer" in child.cmdline()[0])
        last.suspend()
        await postgres.stop_immediately()
        start = asyncio.create_task(postgres.start())
        log = data / "server.log"
        assert await wait_until(lambda: "pre-existing shared memory block" in log.read_text(), 10)
        last.resume()
        await start
        assert await run(postgres.url(), "SELECT 1") == 1


async def test_a_server_that_does_not_answer_is_stopped_harder(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = tuple((request, 0.2) for request, _ in server_process.STOPPING[:-1])
    monkeypatch.setattr(server_process, "STOPPING", (*impatient, server_process.STOPPING[-1]))
    async with embedded_postgres(data, settings=FAST) as postgres:
        frozen = psutil.Process(postgres.pid)
        frozen.suspend()
    assert has_ended(frozen)


@pytest.mark.parametrize("step", ["initdb", "postgres --boot", "postgres -D"])
async def test_a_start_that_is_given_up_leaves_no_process_and_no_folder(
    step: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    def started() -> list[str]:
        return [command for command in commands_in(place) if f"/{step} " in command]

    async def start() -> None:
        async with embedded_postgres():
            raise AssertionError("nobody waited for this")

    task = asyncio.create_task(start())
    assert await wait_until(lambda: bool(started()), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir(place) == []
    assert commands_in(place) == []


async def test_stopping_takes_clients_that_are_connected(data: Path) -> None:
    async with embedded_postgres(data, settings=FAST) as postgres:
        connection = await psycopg.AsyncConnection.connect(postgres.url())
    try:
        with pytest.raises(psycopg.OperationalError):
            await connection.execute("SELECT 1")
        assert "fast shutdown request" in (data / "server.log").read_text()
    finally:
        await connection.close()
