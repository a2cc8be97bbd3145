"""A zygote as the service sees it: a process that imports one version of an agent and forks workers of it.

Knows nothing of turns. Whoever holds it learns of its end, and of its workers' ends, by callbacks.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from parley_agent.adapters.agent_directory import AgentOnDisk
from parley_agent.adapters.program_output import ProgramOutput
from parley_agent.domain.agent_yaml import InvalidAgent

log = logging.getLogger(__name__)

LOAD_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Confinement:
    """What an agent's processes are held to."""

    environment: Mapping[str, str]
    memory: int = 0
    """Bytes of address space for each worker; 0 for no limit."""
    files: int = 256


@dataclass(frozen=True, slots=True)
class Watcher:
    """Whom a zygote tells what has happened."""

    exited: Callable[[int], None]
    """A worker has ended."""
    lost: Callable[[], None]
    """The zygote has ended, and every worker with it."""


class ZygoteProcess:
    """Made by `start_zygote`. `fork` and `kill` return at once; `stop` ends the workers too."""

    def __init__(self, agent: AgentOnDisk, watcher: Watcher) -> None:
        self._agent = agent
        self._watcher = watcher
        self._loop = asyncio.get_running_loop()
        self._unread = b""
        self._is_up = False
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.ReadTransport | None = None
        self._pids: dict[int, int] = {}
        self._loaded: asyncio.Future[None] = self._loop.create_future()
        self._control, self._theirs = socket.socketpair()
        self._control.setblocking(False)

    async def start(self, confinement: Confinement) -> None:
        """Returns when the agent's code has been imported. Raises InvalidAgent when it cannot be."""
        try:
            await self._spawn(confinement)
            await asyncio.wait_for(self._loaded, LOAD_TIMEOUT)
        except TimeoutError:
            await self.stop()
            raise InvalidAgent([f"{self._path}: importing it took longer than {LOAD_TIMEOUT:.0f} s"]) from None
        except BaseException:
            await self.stop()
            raise

    async def _spawn(self, confinement: Confinement) -> None:
        reading, writing = os.pipe()
        try:
            self._output, _ = await self._loop.connect_read_pipe(
                lambda: ProgramOutput(self._agent.profile.name, log), os.fdopen(reading, "rb")
            )
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-B", "-m", "parley_agent.sandbox", str(self._theirs.fileno())),
                pass_fds=[self._theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                cwd=self._agent.directory,
                env=dict(confinement.environment),
                # A terminal's Ctrl-C is for the service, which then stops its agents in order.
                start_new_session=True,
            )
        finally:
            os.close(writing)
            self._theirs.close()
        self._loop.add_reader(self._control.fileno(), self._read)
        profile = self._agent.profile
        self._order(
            directory=str(self._agent.directory.resolve()),
            file=profile.file,
            greetings=asdict(profile.greetings),
            memory=confinement.memory,
            files=confinement.files,
        )

    @property
    def _path(self) -> str:
        return str(self._agent.directory / self._agent.profile.file)

    def fork(self, worker: int, connection: socket.socket) -> None:
        self._order(sockets=[connection.fileno()], order="fork", worker=worker)

    def kill(self, worker: int) -> None:
        self._order(order="kill", worker=worker)

    def end(self) -> None:
        """Kills the zygote, for when it does not do as it is told; `lost` follows."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """Ends the zygote and its workers, whatever they are doing. Does not call `lost`. May be called again."""
        self._let_go()
        if not self._is_up:
            # Code that hangs while it is imported does not see that nobody waits for it.
            self.end()
        if self._process is not None:
            await self._wait(self._process)
        if self._output is not None:
            self._output.close()

    async def _wait(self, process: asyncio.subprocess.Process) -> None:
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            self.end()
            await process.wait()
        if process.returncode:
            self._kill_workers()

    def _let_go(self) -> None:
        if self._control.fileno() < 0:
            return
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        if not self._loaded.done():
            self._loaded.cancel()

    def _kill_workers(self) -> None:
        """Ends what a zygote that was killed itself has left: its workers' own children."""
        for pid in self._pids.values():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, 9)
        self._pids.clear()

    def _order(self, sockets: list[int] | None = None, **order: Any) -> None:
        line = json.dumps(order).encode() + b"\n"
        try:
            sent = socket.send_fds(self._control, [line], sockets) if sockets else self._control.send(line)
        except OSError:
            sent = 0
        if sent != len(line):
            # It has gone, or it has not read its orders for so long that the buffer is full.
            self.end()

    def _read(self) -> None:
        try:
            data = self._control.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._heard(json.loads(line))

    def _heard(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "forked":
                self._pids[event["worker"]] = event["pid"]
            case "exited":
                self._pids.pop(event["worker"], None)
                self._watcher.exited(event["worker"])
            case "loaded":
                self._is_up = True
                self._loaded.set_result(None)
            case "refused":
                # Its end, which follows, is no loss.
                self._loop.remove_reader(self._control.fileno())
                self._loaded.set_exception(InvalidAgent([f"{self._agent.directory}{os.sep}{event['problem']}"]))

    def _lose(self) -> None:
        self._loop.remove_reader(self._control.fileno())
        if not self._loaded.done():
            self._loaded.set_exception(InvalidAgent([f"{self._path}: the process ended while importing it"]))
            return
        self._watcher.lost()
