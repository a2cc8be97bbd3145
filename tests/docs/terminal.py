"""A reader's terminal: a stack started by `parley up` in the background, and the commands of a page typed after it.

`parley` commands run in this process, which has loaded the program once; everything else is run by bash.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from parley_cli.__main__ import main
from tests.docs.likeness import Likeness
from tests.docs.pages import ROOT, Block

PARLEY = Path(sys.executable).with_name("parley")
PATIENCE = 60.0
"""Seconds after which something hangs."""
TYPED = "▸ "
KEPT_VALUE = re.compile(r"export (\w+)=(?:\$\((.*)\)|(\S+))")


class Terminal:
    """Types the commands of a page; the folder and the variables stay from one to the next."""

    def __init__(self, folder: Path, stack_file: Path, printed: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.stack_file = stack_file
        self.variables = {"PARLEY_STACK_FILE": str(stack_file), "COLUMNS": "200"}
        self._printed = printed

    def run(self, command: str, typed: str = "") -> list[str]:
        """The lines that the command prints, of both outputs, when it is typed to so."""
        if kept := KEPT_VALUE.fullmatch(command):
            name, inner, value = kept.groups()
            self.variables[name] = value or "\n".join(self.run(inner)[-1:])
            return []
        output = self._parley(command, typed) if command.startswith("parley ") else self._bash(command)
        return output.splitlines()

    def _parley(self, command: str, typed: str) -> str:
        words = shlex.split(re.sub(r"\$(\w+)", lambda found: self.variables[found[1]], command))
        self._printed.readouterr()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "argv", words)
            patched.setattr(sys, "stdin", io.StringIO(typed))
            patched.chdir(self.folder)
            for name, value in self.variables.items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit) as left:
                main()
        printed = self._printed.readouterr()
        assert left.value.code in (0, None), f"{command} failed: {printed.out}{printed.err}"
        return printed.err + printed.out

    def _bash(self, command: str) -> str:
        environment = {**os.environ, **self.variables, "PATH": f"{PARLEY.parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-ec", command], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, f"{command} failed: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def follow(block: Block, terminal: Terminal, likeness: Likeness) -> None:
    """Types the block's commands; raises Unlike for one that prints something else than the page shows."""
    for command, shown in block.commands:
        typed = "\n".join(line.removeprefix(TYPED) for line in shown if line.startswith(TYPED))
        likeness.compare(shown, terminal.run(likeness.real(command), typed))


@contextmanager
def background(command: str, folder: Path, stack_file: Path) -> Iterator[list[str]]:
    """A stack started by the page's own `parley up …`: the lines that it prints until it is up. Stopped by Ctrl-C."""
    words = shlex.split(command)
    assert words[:2] == ["parley", "up"], command
    log = stack_file.with_suffix(".log")
    environment = {**os.environ, "PARLEY_STACK_FILE": str(stack_file)}
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [str(PARLEY), *words[1:]], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            yield _until_it_is_up(process, log)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, log.read_text()
    assert not stack_file.exists()


def _until_it_is_up(process: subprocess.Popen[str], log: Path) -> list[str]:
    """A stack that cannot start closes its output."""
    assert process.stdout
    lines: list[str] = []
    while not (lines and "Stop it with Ctrl-C" in lines[-1]):
        line = process.stdout.readline()
        assert line, log.read_text()
        lines.append(line.rstrip("\n"))
    return lines


def gateway_of(stack_file: Path) -> str:
    return str(json.loads(stack_file.read_text())["gateway"])


def without_make(command: str) -> str:
    """`make up ARGS="…"` is `parley up …` once everything is installed: the Makefile says so."""
    made = re.fullmatch(r'make up(?: ARGS="(.*)")?', command)
    assert made, command
    assert "\n\t.venv/bin/parley up $(ARGS)\n" in (ROOT / "Makefile").read_text()
    return f"parley up {made[1] or ''}".strip()
