"""A folder's lock: one holder at a time, by name, until its process ends."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parley_chassis.postgres.folder_lock import FolderLock

HOLDER = """
import sys
from pathlib import Path
from parley_chassis.postgres.folder_lock import FolderLock
print(FolderLock(Path(sys.argv[1])).take(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[FolderLock]:
    lock = FolderLock(tmp_path)
    yield lock
    lock.close()


def test_a_lock_has_one_holder_also_within_a_process(lock: FolderLock, tmp_path: Path) -> None:
    other = FolderLock(tmp_path)
    assert lock.take()
    assert not other.take()
    assert other.holder == os.getpid()
    other.close()


def test_a_closed_lock_is_free(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    assert first.take()
    first.close()
    assert second.take()
    second.close()


def test_a_closed_lock_is_free_although_a_forked_child_lives_on(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    assert first.take()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    try:
        first.close()
        assert second.take()
    finally:
        os.close(writing)
        os.waitpid(child, 0)
        second.close()


def test_taking_it_again_changes_nothing(lock: FolderLock) -> None:
    assert lock.take()
    assert lock.take()
    assert lock.holder == os.getpid()


def test_a_lock_that_nobody_took_has_no_holder(lock: FolderLock) -> None:
    assert lock.holder is None


def test_a_killed_holder_holds_it_no_longer(lock: FolderLock, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        assert not lock.take()
        assert lock.holder == process.pid
        process.kill()
        process.wait()
        assert lock.holder == process.pid
        assert lock.take()
        assert lock.holder == os.getpid()
