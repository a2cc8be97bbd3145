"""Agents on disk: which are found, which version each is, and what is said when one cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley_agent.adapters.agent_directory import fingerprint, read_agents
from parley_agent.domain.agent_yaml import InvalidAgent


def add(directory: Path, settings: str = "", code: str = "def respond(conv, message): ...") -> Path:
    directory.mkdir(parents=True)
    (directory / "agent.yaml").write_text(settings)
    (directory / "agent.py").write_text(code)
    return directory


def names(root: Path) -> list[str]:
    return [agent.profile.name for agent in read_agents(root)]


def version(root: Path) -> str:
    (agent,) = read_agents(root)
    return agent.version


def problems(root: Path) -> list[str]:
    with pytest.raises(InvalidAgent) as caught:
        read_agents(root)
    return caught.value.problems


def test_a_directory_is_one_agent_or_a_folder_of_agents(tmp_path: Path) -> None:
    one = add(tmp_path / "one")
    add(tmp_path / "two", "name: second")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "README.md").touch()
    assert names(one) == ["one"]
    assert names(tmp_path) == ["one", "second"]


def test_a_version_follows_the_content_and_nothing_else(tmp_path: Path) -> None:
    agent = add(tmp_path / "one" / "desk")
    twin = add(tmp_path / "two" / "desk")
    first = version(agent)
    assert version(twin) == first
    (agent / "__pycache__").mkdir()
    (agent / "__pycache__" / "agent.cpython-311.pyc").touch()
    (agent / "left.pyc").touch()
    assert version(agent) == first
    (agent / "data").mkdir()
    (agent / "data" / "prices.csv").write_text("haircut,38")
    second = version(agent)
    (agent / "data" / "prices.csv").write_text("haircut,39")
    assert len({first, second, version(agent)}) == 3
    (agent / "data" / "prices.csv").rename(agent / "data" / "costs.csv")
    assert version(agent) != second


def test_a_fingerprint_changes_with_any_file(tmp_path: Path) -> None:
    agent = add(tmp_path / "desk")
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    (agent / "agent.py").write_text("def respond(conv, message): return 'changed'")
    changed = fingerprint(tmp_path)
    (agent / "more.py").touch()
    assert len({before, changed, fingerprint(tmp_path)}) == 3


def test_every_problem_of_every_agent_is_reported(tmp_path: Path) -> None:
    add(tmp_path / "a", "greeting: loud")
    add(tmp_path / "b", "settle: [1")
    (tmp_path / "c").mkdir()
    add(tmp_path / "d", "file: other.py")
    found = problems(tmp_path)
    assert [line.removeprefix(str(tmp_path)) for line in found] == [
        "/a/agent.yaml: greeting must be one of greet, answer, greet_and_answer; "
        "the text of a greeting goes into greeting_text",
        "/b/agent.yaml: line 1 is not valid YAML: expected ',' or ']', but got '<stream end>'",
        "/c/agent.yaml: is missing: add it (it may be empty), or move c away",
        f"/d/agent.yaml: file is other.py, which is not in {tmp_path}/d: add it or name another",
    ]


def test_two_agents_of_one_name_are_refused(tmp_path: Path) -> None:
    add(tmp_path / "a", "name: desk")
    add(tmp_path / "b", "name: desk")
    assert problems(tmp_path) == [f"{tmp_path}/b/agent.yaml: name is 'desk', as in {tmp_path}/a: change one"]


def test_a_root_that_is_no_directory_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    assert "is not a directory" in problems(tmp_path / "gone")[0]
    assert "holds no agent" in problems(tmp_path)[0]


def test_settings_that_are_no_text_are_refused(tmp_path: Path) -> None:
    agent = add(tmp_path / "desk")
    (agent / "agent.yaml").write_bytes(b"name: \xff")
    assert problems(agent) == [f"{agent}/agent.yaml: cannot be read (UnicodeDecodeError)"]
