"""Reads agents from disk: which directories hold one, what their agent.yaml says, and which version each is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from parley_agent.domain.agent_yaml import InvalidAgent, Profile, parse_profile

SETTINGS_FILE = "agent.yaml"
IGNORED = frozenset({"__pycache__", "node_modules", "lost+found"})

Fingerprint = tuple[tuple[str, int, int], ...]
"""(path, time of change, size) of each file: cheap to take, for noticing that something has changed."""


@dataclass(frozen=True, slots=True)
class AgentOnDisk:
    directory: Path
    profile: Profile
    version: str
    """Names the content of the directory; the same wherever the directory lies."""


def read_agents(root: Path) -> list[AgentOnDisk]:
    """The agent that `root` is, or one for each of its folders. Raises InvalidAgent with every problem found."""
    problems: list[str] = []
    agents: list[AgentOnDisk] = []
    for directory in _agent_directories(root):
        try:
            agents.append(_read_agent(directory))
        except InvalidAgent as error:
            problems += error.problems
    by_name: dict[str, AgentOnDisk] = {}
    for agent in agents:
        if (twin := by_name.setdefault(agent.profile.name, agent)) is not agent:
            problems.append(
                f"{agent.directory / SETTINGS_FILE}: name is '{agent.profile.name}', as in {twin.directory}: change one"
            )
    if problems:
        raise InvalidAgent(problems)
    return agents


def fingerprint(root: Path) -> Fingerprint:
    return tuple((str(path), *_changed(path)) for path in _files(root))


def _changed(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _agent_directories(root: Path) -> list[Path]:
    if not root.is_dir():
        raise InvalidAgent(
            [f"PARLEY_AGENT_DIRECTORY: {root} is not a directory: name the folder that holds your agents"]
        )
    if (root / SETTINGS_FILE).exists():
        return [root]
    found = [path for path in sorted(root.iterdir()) if path.is_dir() and not _is_ignored(path.name)]
    if not found:
        raise InvalidAgent([f"PARLEY_AGENT_DIRECTORY: {root} holds no agent: add a folder with an {SETTINGS_FILE}"])
    return found


def _read_agent(directory: Path) -> AgentOnDisk:
    file = directory / SETTINGS_FILE
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidAgent([f"{file}: is missing: add it (it may be empty), or move {directory.name} away"]) from None
    except yaml.YAMLError as error:
        raise InvalidAgent([f"{file}: {_yaml_problem(error)}"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidAgent([f"{file}: cannot be read ({type(error).__name__})"]) from None
    profile = parse_profile(document, str(file), directory.resolve().name)
    if not (directory / profile.file).is_file():
        raise InvalidAgent([f"{file}: file is {profile.file}, which is not in {directory}: add it or name another"])
    return AgentOnDisk(directory, profile, _version(directory))


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1} is not valid YAML: {error.problem}"
    return "is not valid YAML"


def _version(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in _files(directory):
        name, content = str(path.relative_to(directory)).encode(), path.read_bytes()
        digest.update(b"%d %d " % (len(name), len(content)) + name + content)
    return digest.hexdigest()[:16]


def _files(root: Path) -> Iterator[Path]:
    """Every file that could matter, in a fixed order."""
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if not _is_ignored(name))
        yield from (Path(folder, name) for name in sorted(files) if not _is_ignored(name))


def _is_ignored(name: str) -> bool:
    return name in IGNORED or name.startswith(".") or name.endswith(".pyc")
