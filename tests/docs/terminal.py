"""A reader's terminal: a stack started by `parley up` in the background, and the commands of a page typed after it.

`parley` commands run in this process, which has loaded the program once; everything else is run by bash.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from parley_cli.__main__ import main
from tests.docs.likeness import Likeness, Unlike
from tests.docs.pages import ROOT, Block

PARLEY = Path(sys.executable).with_name("parley")
PATIENCE = 60.0
"""Seconds after which something hangs."""
SETTLING = 40.0
"""Seconds until everything that a command has set off has happened; a reader is no faster."""
LOOKS = re.compile(r"parley sessions|curl (?!.* -(d|X) )")
"""Commands that only look, and may look again."""
TYPED = "▸ "
KEPT_VALUE = re.compile(r"export (\w+)=(?:\$\((.*)\)|(\S+))")


def clone_in(folder: Path) -> Path:
    """A copy of what a reader's commands use of the clone."""
    clone = folder / "clone"
    shutil.copytree(ROOT / "agents", clone / "agents", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", clone)
    return clone


class Terminal:
    """Types the commands of a page; the folder and the variables stay from one to the next."""

    def __init__(self, folder: Path, stack_file: Path, printed: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.stack_file = stack_file
        self.variables = {"PARLEY_STACK_FILE": str(stack_file), "COLUMNS": "200"}
        self._printed = printed

    def run(self, command: str, typed: str = "") -> list[str]:
        """The lines that the command prints, of both outputs; `typed` is what it reads."""
        if kept := KEPT_VALUE.fullmatch(command):
            name, inner, value = kept.groups()
            output, notes = (value, "") if value else self._parley(inner, "")
            self.variables[name] = output.strip()
            return notes.splitlines()
        if command.startswith("parley "):
            output, notes = self._parley(command, typed)
            return (notes + output).splitlines()
        return self._bash(command).splitlines()

    def _parley(self, command: str, typed: str) -> tuple[str, str]:
        """What it writes to standard output, and what to standard error."""
        words = shlex.split(re.sub(r"\$(\w+)", lambda found: self.variables[found[1]], command))
        self._printed.readouterr()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "argv", words)
            patched.setattr(sys, "stdin", io.StringIO(typed))
            patched.chdir(self.folder)
            for name, value in self.variables.items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit):
                main()
        printed = self._printed.readouterr()
        return printed.out, printed.err

    def _bash(self, command: str) -> str:
        if command.startswith("curl ") and not shutil.which("curl"):
            pytest.skip(f"no curl on this machine for: {command}")
        environment = {**os.environ, **self.variables, "PATH": f"{PARLEY.parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-ec", command], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, f"{command} failed: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def follow(block: Block, terminal: Terminal, likeness: Likeness, passing_over: Container[str] = ()) -> None:
    """Types the block's commands but those to pass over. Raises Unlike for one that prints something else."""
    for command, shown in block.commands:
        if command in passing_over:
            continue
        typed = "\n".join(line.removeprefix(TYPED) for line in shown if line.startswith(TYPED))
        deadline = time.monotonic() + (SETTLING if LOOKS.match(command) else 0)
        while True:
            try:
                likeness.compare(shown, terminal.run(likeness.real(command), typed))
                break
            except Unlike as error:
                if time.monotonic() > deadline:
                    raise Unlike(f"{block}: $ {command}\n{error}") from None
                time.sleep(0.1)


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
            assert process.poll() is None, f"the stack has stopped by itself:\n{log.read_text()}"
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
