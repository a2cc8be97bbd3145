"""README.md: the agents that it shows are agents."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley_agent.testing import Chat
from tests.docs.pages import ROOT, Block, blocks

AGENTS = [block for block in blocks(ROOT / "README.md") if block.language == "python" and "def respond" in block.text]


@pytest.mark.parametrize("block", AGENTS, ids=str)
def test_an_agent_in_the_readme_answers(block: Block, tmp_path: Path) -> None:
    folder = tmp_path / "shown"
    folder.mkdir()
    (folder / "agent.yaml").touch()
    (folder / "agent.py").write_text(block.text)
    chat = Chat(folder)
    assert chat.text("Hi")
    assert chat.text("How are you?")
