"""Reads what is typed: with editing, history and completion on a terminal, as plain lines from a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

from rich.console import Console
from rich.markup import escape

PROMPT = "▸ "
# Between these readline counts no columns.
BOLD_PROMPT = "\x01\x1b[1m\x02▸\x01\x1b[0m\x02 "


class Keyboard:
    def __init__(self, out: Console, words: Sequence[str]) -> None:
        self._out = out
        self._is_terminal = sys.stdin.isatty()
        readline = _readline() if self._is_terminal else None
        self._prompt = BOLD_PROMPT if readline and out.is_terminal and not out.no_color else PROMPT
        if readline:
            readline.set_completer(lambda text, n: _completion(text, n, words))
            # By default a slash would end a word.
            readline.set_completer_delims(" ")
            readline.parse_and_bind("tab: complete")

    def line(self) -> str | None:
        """The next line; None when there are no more."""
        try:
            if self._is_terminal:
                return input(self._prompt).strip()
            line = input().strip()
        except (EOFError, KeyboardInterrupt):
            return None
        # A transcript in a pipe shows both sides.
        self._out.print(f"[bold]▸[/bold] {escape(line)}", soft_wrap=True)
        return line


def _readline() -> ModuleType | None:
    try:
        # Imported, it takes over input().
        import readline
    except ImportError:
        return None
    return readline


def _completion(text: str, n: int, words: Sequence[str]) -> str | None:
    found = [word for word in words if word.startswith(text)]
    return found[n] if n < len(found) else None
