"""Finds agents on disk by the names that people type, and says which there are where one is not."""

from __future__ import annotations

from pathlib import Path

from parley_agent.adapters.agent_directory import SETTINGS_FILE, AgentOnDisk, read_agents


class NoAgent(Exception):
    """No agent has the name; the text says where was looked, and what there is."""


def check_agents(root: Path) -> None:
    """Raises NoAgent where `root` holds none, and InvalidAgent where one of them cannot be served."""
    _agents_of(root)


def find_agent(root: Path, name: str) -> AgentOnDisk:
    """The agent called `name` in `root`, a folder of agents or one agent's own. Raises NoAgent and InvalidAgent."""
    agents = {agent.profile.name: agent for agent in _agents_of(root)}
    if name not in agents:
        raise NoAgent(f"no agent is called {name!r}: in {root.resolve()} there is {_listed(list(agents))}")
    return agents[name]


def agent_at(place: str, root: Path) -> AgentOnDisk:
    """The agent whose folder `place` is, or that is called so in `root`. Raises NoAgent and InvalidAgent."""
    for folder in (Path(place), root / place):
        if (folder / SETTINGS_FILE).is_file():
            return read_agents(folder)[0]
    if Path(place).is_dir():
        raise NoAgent(f"{Path(place).resolve()} is no agent's folder: it has no {SETTINGS_FILE} (it may be empty)")
    return find_agent(root, place)


def _agents_of(root: Path) -> list[AgentOnDisk]:
    if not root.is_dir():
        raise NoAgent(f"there is no folder {root.resolve()}: name the folder of your agents with --agents")
    if not any(root.glob(f"*/{SETTINGS_FILE}")) and not (root / SETTINGS_FILE).is_file():
        raise NoAgent(f"there is no agent in {root.resolve()}: add a folder with an {SETTINGS_FILE}")
    return read_agents(root)


def _listed(names: list[str]) -> str:
    return ", ".join(sorted(names)) if names else "none"
