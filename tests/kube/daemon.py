"""One program of the control plane as a process that tests stop, kill and start again; it never outlives the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

STOP_SECONDS = 20.0
LOG_LINES = 25


class DaemonError(Exception):
    """A program of the control plane ended by itself or did not get ready; says the end of its log."""


class Daemon:
    """Not started at first. `start` must be called in the main thread: the process ends with the thread it is of."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self.log = log
        self._command = [*_dying_with_us(), *map(str, command)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.log.stem

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was started"
        return self._process.pid

    def start(self) -> None:
        """Returns at once; one that runs goes on, also if it was frozen."""
        if self.is_running:
            self.thaw()
        else:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self) -> None:
        """Asks it to end (SIGTERM) and waits until it has; one that takes too long is killed."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it as a crash does (SIGKILL)."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, as one that hangs (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def failure(self, what: str) -> DaemonError:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return DaemonError("\n".join([f"{self.name} {what}; its log, {self.log}, ends with:", *lines]))

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        # A frozen one would take no signal but SIGKILL.
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _dying_with_us() -> list[str]:
    """A prefix that binds a process to us, however we end, where the system has one."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
