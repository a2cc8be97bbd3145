"""The zygote: imports one version of an agent, then forks workers that have it imported already.

Holds no thread and no connection but the one to its service, so that forking is safe. Ends all its workers, and
itself, when the service is gone.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import Any, NoReturn

from parley_agent.domain.greeting import Greetings
from parley_agent.sandbox.confinement import SET_CHILD_SUBREAPER, die_with, limit_resources, process_control
from parley_agent.sandbox.program import Program, Unloadable
from parley_agent.sandbox.worker import work

CHUNK = 65_536


class Zygote:
    """Obeys the service over `control`: a line of JSON is an order or an event, a socket comes with each `fork`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._prctl = process_control()
        self._pids: dict[int, int] = {}
        """Worker → process."""
        self._sockets: deque[int] = deque()
        self._unread = b""
        self._manifest: dict[str, Any] = {}

    def run(self) -> None:
        # Customer code may hang while it is imported, when nothing here could see the service go.
        die_with(os.getppid(), self._prctl)
        program = self._load()
        if program is None:
            return
        self._wakeup = _wake_on_signals()
        die_with(os.getppid(), self._prctl, signal.SIGTERM)
        # A worker's own children come here when it is killed, so that none is left as a zombie.
        self._prctl(SET_CHILD_SUBREAPER, 1)
        gc.collect()
        gc.freeze()
        self._tell({"event": "loaded"})
        self._obey(program)
        self._end_all()

    def _load(self) -> Program | None:
        orders = self._read_orders()
        if not orders:
            return None
        self._manifest = orders[0]
        try:
            program = Program(
                self._manifest["directory"], self._manifest["file"], Greetings(**self._manifest["greetings"])
            )
        except Unloadable as error:
            self._tell({"event": "refused", "problem": str(error)})
            return None
        if threading.active_count() > 1:
            sys.stdout.write(f"{self._manifest['file']}: threads started while importing do not run in workers\n")
        return program

    def _obey(self, program: Program) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wakeup.fileno() in ready:
                if signal.SIGTERM in self._wakeup.recv(CHUNK):
                    return
                self._reap()
            if self._control.fileno() in ready:
                orders = self._read_orders()
                if not orders:
                    return
                for order in orders:
                    self._follow(order, program)

    def _follow(self, order: dict[str, Any], program: Program) -> None:
        if order["order"] == "fork":
            self._fork(order["worker"], self._sockets.popleft(), program)
        elif (pid := self._pids.get(order["worker"])) is not None:
            _kill_group(pid)

    def _read_orders(self) -> list[dict[str, Any]]:
        """At least one order; none when the service is gone."""
        lines: list[bytes] = []
        while not lines:
            try:
                data, sockets, _, _ = socket.recv_fds(self._control, CHUNK, 8)
            except ConnectionResetError:
                return []
            if not data:
                return []
            for descriptor in sockets:
                os.set_inheritable(descriptor, False)
                self._sockets.append(descriptor)
            *lines, self._unread = (self._unread + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def _tell(self, event: dict[str, Any]) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self._control.sendall(json.dumps(event).encode() + b"\n")

    def _fork(self, worker: int, descriptor: int, program: Program) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_worker(parent, descriptor, program)
        os.close(descriptor)
        # Both sides do it: whichever comes first, a kill of the group finds the worker in it.
        with suppress(OSError):
            os.setpgid(pid, pid)
        self._pids[worker] = pid
        self._tell({"event": "forked", "worker": worker, "pid": pid})

    def _become_worker(self, parent: int, descriptor: int, program: Program) -> NoReturn:
        """Never returns: whatever happens in a worker, it does not go on as a second zygote."""
        try:
            os.setpgid(0, 0)
            die_with(parent, self._prctl)
            os.close(signal.set_wakeup_fd(-1))
            self._wakeup.close()
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            self._control.close()
            for others in self._sockets:
                os.close(others)
            limit_resources(self._manifest["files"], self._manifest["memory"])
            work(socket.socket(fileno=descriptor), program)
            os._exit(0)
        finally:
            os._exit(1)

    def _reap(self) -> None:
        workers = {pid: worker for worker, pid in self._pids.items()}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = workers.get(pid)
            if worker is not None:
                del self._pids[worker]
                _kill_group(pid)  # what it has started ends with it
                self._tell({"event": "exited", "worker": worker, "status": os.waitstatus_to_exitcode(status)})

    def _end_all(self) -> None:
        for pid in self._pids.values():
            _kill_group(pid)
        for pid in self._pids.values():
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _wake_on_signals() -> socket.socket:
    """A socket on which the number of each SIGCHLD and SIGTERM arrives; replaces what customer code has set."""
    ours, kernels = socket.socketpair()
    kernels.setblocking(False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    signal.set_wakeup_fd(kernels.detach(), warn_on_full_buffer=False)
    return ours


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    Zygote(socket.socket(fileno=int(sys.argv[1]))).run()
    # Customer code may have left threads or exit handlers that never end.
    os._exit(0)
