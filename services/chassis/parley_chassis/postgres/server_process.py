"""One postgres process on a data folder: started, waited for, stopped, killed, started again.

It knows neither databases nor roles: it is ready when PostgreSQL says so.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Sequence

from parley_chassis.postgres.data_folder import DataFolder
from parley_chassis.postgres.errors import PostgresStartError
from parley_chassis.postgres.polling import wait_until

# Long enough to replay the log after a crash.
START_TIMEOUT = 60.0
# Disconnect and write out; leave at once; be killed: each with the seconds it gets.
STOPPING = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
RETRY_FOR = 10.0
RETRY_PAUSE = 0.05
# A killed server's last processes hold its memory for a moment; somebody may have taken the port before us.
_PASSING = ("pre-existing shared memory block", "Address already in use")
_ADVICE = {
    "No space left on device": "free some disk space",
    "could not resize shared memory": "give the machine (or container) more shared memory",
    "unrecognized configuration parameter": "correct the name in `settings`",
    "invalid value for parameter": "correct the value in `settings`",
    "Address already in use": "start again: another program took the port that was chosen",
}


class ServerProcess:
    """Not started when made. `command` runs as the folder's account."""

    def __init__(self, folder: DataFolder, command: list[str]) -> None:
        self._folder = folder
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start(self) -> None:
        """Returns when connections are taken; does nothing if it runs already.

        Raises PostgresStartError with the log's last lines. Given up halfway, it leaves a process to stop.
        """
        if self.pid is not None:
            return
        said_before = self._folder.log_size()
        deadline = asyncio.get_running_loop().time() + RETRY_FOR
        while not await self._attempt():
            said = self._folder.last_words(since=said_before)
            if asyncio.get_running_loop().time() > deadline or not any(reason in said for reason in _PASSING):
                raise self._start_error(said)
            await asyncio.sleep(RETRY_PAUSE)

    async def stop(self) -> None:
        """Disconnects clients, writes everything out and waits; a server that hangs is stopped harder."""
        await self._end(STOPPING)

    async def discard(self) -> None:
        """Stops at once without writing out: for data that is thrown away."""
        await self._end(STOPPING[1:])

    async def kill(self) -> None:
        """Ends it as a crash does; what it had committed is found again by the next start."""
        await self._end(STOPPING[2:])

    async def _attempt(self) -> bool:
        """Starts the process; False if it ended before it was ready."""
        stale = self._folder.recorded_pid()
        # PostgreSQL takes any live process of that number for its predecessor, also one that came after a reboot. It
        # makes an exception for the grandparent that pg_ctl names to it; our lock has ruled out a predecessor.
        environment = {"PG_GRANDPARENT_PID": str(stale)} if stale and self._folder.running_pid() is None else {}
        with self._folder.log.open("ab") as log:
            self._process = process = self._folder.account.launch(self._command, output=log, environment=environment)
        settled = await wait_until(lambda: process.poll() is not None or self._is_ready(process), START_TIMEOUT)
        if not settled:
            await self.discard()
        return process.poll() is None

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        return self._folder.is_ready(process.pid)

    async def _end(self, requests: Sequence[tuple[signal.Signals, float]]) -> None:
        process = self._process
        if process is None:
            return
        for request, timeout in requests:
            process.send_signal(request)
            if await wait_until(lambda: process.poll() is not None, timeout):
                return

    def _start_error(self, said: str) -> PostgresStartError:
        advice = next((fix for sign, fix in _ADVICE.items() if sign in said), "see what its log says below")
        return PostgresStartError(f"PostgreSQL did not start on {self._folder.path}: {advice}\n{said}")
