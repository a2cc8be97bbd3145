"""The folder that programs are kept in: entries are made once, and are whole or absent."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.kube.programs import COMMANDS, find_programs
from tests.kube.store import MissingError, kept
from tests.kube.toolchain import go_version
from tests.kube.tools import find_helms


def test_an_entry_is_made_once_however_many_ask_at_once(tmp_path: Path) -> None:
    made: list[Path] = []
    all_ask = threading.Barrier(5)

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "program").write_text("whole")

    def ask() -> None:
        all_ask.wait()
        assert (kept("entry", make, tmp_path) / "program").read_text() == "whole"

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_an_entry_that_could_not_be_made_is_absent_and_made_anew(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk is full"):
        kept("entry", fail, tmp_path)
    assert not (tmp_path / "entry").exists()
    entry = kept("entry", lambda folder: (folder / "program").touch(), tmp_path)
    assert [path.name for path in entry.iterdir()] == ["program"]


def test_given_programs_must_be_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    for name in COMMANDS:
        (tmp_path / name).touch(mode=0o755)
    assert find_programs().apiserver == tmp_path / "kube-apiserver"
    (tmp_path / "kube-controller-manager").unlink()
    with pytest.raises(MissingError, match="has no kube-controller-manager"):
        find_programs()


@pytest.mark.parametrize("own", ["absent", "too old"])
def test_without_a_go_that_is_new_enough_the_pinned_one_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    if own == "too old":
        (tmp_path / "go").write_text("#!/bin/sh\necho go1.19.8\n")
        (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":" if own == "too old" else None)
    assert go_version() == "go1.26.6"


def test_an_empty_store_is_told_from_a_full_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(MissingError, match="make test-kube"):
        find_helms()
    with pytest.raises(MissingError, match="make test-kube"):
        find_programs()
