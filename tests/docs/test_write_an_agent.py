"""docs/write-an-agent.md, followed from an empty folder to a number: each block, each command, each line shown."""

from __future__ import annotations

import pytest

from tests.docs.likeness import Likeness
from tests.docs.pages import DOCS, blocks, grown
from tests.docs.terminal import Terminal, background, follow

PAGE = DOCS / "write-an-agent.md"
AGENT = "agents/pizzeria"
LONGEST = 200


@pytest.mark.long
def test_the_agent_grows_as_the_page_says(terminal: Terminal, likeness: Likeness) -> None:
    page = blocks(PAGE)
    beginning = next(block for block in page if block.commands)
    follow(beginning, terminal, likeness)
    for block in page[page.index(beginning) + 1 :]:
        if block.file:
            file = terminal.folder / AGENT / block.file
            file.write_text(grown(file.read_text() if file.exists() else "", block))
        elif block.commands[0][0].startswith("parley up"):
            [(command, shown)] = block.commands
            with background(command, terminal.folder, terminal.stack_file) as printed:
                likeness.compare(shown, printed)
                follow(page[page.index(block) + 1], terminal, likeness)
            return
        else:
            follow(block, terminal, likeness)


def test_the_page_can_be_read_in_ten_minutes() -> None:
    assert len(PAGE.read_text().splitlines()) <= LONGEST
