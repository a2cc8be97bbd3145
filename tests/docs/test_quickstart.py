"""docs/quickstart.md, typed into a terminal from top to bottom against the stack that its first command starts."""

from __future__ import annotations

import re

import pytest

from tests.docs.likeness import Likeness
from tests.docs.pages import DOCS, blocks
from tests.docs.terminal import Terminal, background, follow, without_make

PAGE = DOCS / "quickstart.md"
LONGEST = 120
DONE_BEFORE = {
    "git clone <this repository> parley && cd parley": "the tests run in a clone",
    ". .venv/bin/activate": "the tests run in its environment",
}
NEEDS_AN_ACCOUNT = "--account-sid"


def test_what_the_quickstart_shows_is_what_happens(terminal: Terminal, likeness: Likeness) -> None:
    start, *others = [block for block in blocks(PAGE) if NEEDS_AN_ACCOUNT not in block.text]
    [(command, shown)] = [typed for typed in start.commands if typed[0] not in DONE_BEFORE]
    with background(without_make(command), terminal.folder, terminal.stack_file) as printed:
        likeness.compare(shown, printed)
        for block in others:
            follow(block, terminal, likeness, passing_over=DONE_BEFORE)


def commands_for_an_account() -> list[str]:
    [block] = [block for block in blocks(PAGE) if NEEDS_AN_ACCOUNT in block.text]
    return [command for command, _ in block.commands if command.startswith("parley ")]


@pytest.mark.parametrize("command", commands_for_an_account())
def test_what_needs_a_real_account_is_what_the_help_says(terminal: Terminal, command: str) -> None:
    words = " ".join(re.findall(r"^parley(?: [a-z]+)*", command))
    described = " ".join(terminal.run(f"{words} --help"))
    assert set(re.findall(r"--[a-z-]+", command)) <= set(re.findall(r"--[a-z-]+", described))


def test_the_quickstart_is_short() -> None:
    assert len(PAGE.read_text().splitlines()) <= LONGEST
