"""Shows lines that may still change: in place on a terminal, as a line for each change in a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

LONGEST_TAIL = 15
"""Lines that are kept changeable; what comes after them pushes the oldest out."""


class Screen(Protocol):
    def show(self, key: str, line: str, *, final: bool) -> None:
        """`line` (markup) stands for `key` from now on; a final one will not change any more."""


class PipeScreen:
    def __init__(self, out: Console) -> None:
        self._out = out
        self._shown: dict[str, str] = {}

    def show(self, key: str, line: str, *, final: bool) -> None:
        if self._shown.get(key) != line:
            self._shown[key] = line
            self._out.print(line, soft_wrap=True)


class LiveScreen:
    """Lines are printed for good, in their order, once they are final; those after them stand in a live region."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._tail: dict[str, tuple[str, bool]] = {}
        self._printed: dict[str, str] = {}

    def show(self, key: str, line: str, *, final: bool) -> None:
        if self._printed.get(key) == line:
            return
        # What was printed cannot change in its place: it comes once more.
        self._tail[key] = line, final
        done = {key: self._tail.pop(key)[0] for key in list(self._done())}
        # First, or what is printed would be seen twice for a moment.
        self._live.update(Text("\n").join(Text.from_markup(line) for line, _ in self._tail.values()), refresh=True)
        for line in done.values():
            self._live.console.print(line)
        self._printed |= done

    def _done(self) -> Iterator[str]:
        surplus = len(self._tail) - LONGEST_TAIL
        for place, (key, (_, final)) in enumerate(self._tail.items()):
            if not final and place >= surplus:
                return
            yield key


@contextmanager
def screen(out: Console) -> Iterator[Screen]:
    if not out.is_terminal:
        yield PipeScreen(out)
        return
    with Live(console=out, auto_refresh=False, vertical_overflow="visible") as live:
        yield LiveScreen(live)
