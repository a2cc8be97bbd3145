"""Lines that still change: printed for good in their order once they are final, kept in place until then."""

from __future__ import annotations

import io

from rich.console import Console

from parley_cli.transcript.screen import LONGEST_TAIL, LiveScreen, PipeScreen, screen


class RecordedLive:
    """Where a live region would be drawn: what it shows last, and what was printed above it."""

    def __init__(self) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file)
        self.shown = ""

    def update(self, renderable: object, *, refresh: bool) -> None:
        self.shown = str(renderable)

    @property
    def printed(self) -> list[str]:
        return self.file.getvalue().splitlines()


def test_a_pipe_gets_a_line_for_each_change_and_none_without() -> None:
    file = io.StringIO()
    lines = PipeScreen(Console(file=file))
    for line, final in (("a (sent)", False), ("a (sent)", False), ("a (delivered)", True)):
        lines.show("a", line, final=final)
    assert file.getvalue() == "a (sent)\na (delivered)\n"


def test_a_line_changes_in_its_place_until_it_is_final() -> None:
    live = RecordedLive()
    lines = LiveScreen(live)  # type: ignore[arg-type]
    lines.show("a", "a (sent)", final=False)
    assert (live.printed, live.shown) == ([], "a (sent)")
    lines.show("a", "a (delivered)", final=True)
    assert (live.printed, live.shown) == (["a (delivered)"], "")


def test_what_follows_an_open_line_waits_for_it() -> None:
    live = RecordedLive()
    lines = LiveScreen(live)  # type: ignore[arg-type]
    lines.show("a", "a (sent)", final=False)
    lines.show("b", "b", final=True)
    assert (live.printed, live.shown) == ([], "a (sent)\nb")
    lines.show("a", "a (delivered)", final=True)
    assert live.printed == ["a (delivered)", "b"]


def test_too_many_open_lines_push_out_the_oldest() -> None:
    live = RecordedLive()
    lines = LiveScreen(live)  # type: ignore[arg-type]
    for n in range(LONGEST_TAIL + 2):
        lines.show(str(n), f"line {n}", final=False)
    assert live.printed == ["line 0", "line 1"]
    lines.show("0", "line 0 (delivered)", final=True)
    assert "line 0 (delivered)" in live.shown + "".join(live.printed)


def test_told_again_what_was_printed_it_prints_nothing() -> None:
    live = RecordedLive()
    lines = LiveScreen(live)  # type: ignore[arg-type]
    for _ in range(2):
        lines.show("a", "a", final=True)
    assert live.printed == ["a"]


def test_a_terminal_is_left_with_every_line_on_it() -> None:
    file = io.StringIO()
    with screen(Console(file=file, force_terminal=True, width=80)) as lines:
        lines.show("a", "first", final=True)
        lines.show("b", "second (sent)", final=False)
    assert "first" in file.getvalue()
    assert "second (sent)" in file.getvalue()
