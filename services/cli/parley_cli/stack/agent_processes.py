"""The workers that run agents' code for a stack in this process: found in order to be killed, as a fault."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress

SANDBOX = "parley_agent.sandbox"
PATIENCE = 0.5
"""Seconds for the workers to stand still."""
MID_TURN = 0.1


def kill_workers() -> None:
    """To be called as a turn begins: its worker takes it, stands still, and dies of SIGKILL in the middle of it.

    All others die too; the agent service forks new ones. Blocks for the milliseconds until they stand still, because
    most agents would have answered by then.
    """
    processes = _sandboxed()
    zygotes = {pid for pid, (parent, _) in processes.items() if parent == os.getpid()}
    workers = {pid for pid, (parent, _) in processes.items() if parent in zygotes}
    _signal(workers, signal.SIGSTOP)
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and not _stand_still(workers):
        time.sleep(0.005)
    asyncio.get_running_loop().call_later(MID_TURN, _signal, workers, signal.SIGKILL)


def _stand_still(workers: set[int]) -> bool:
    return not any(pid in workers and state[0] not in "TtZX" for pid, (_, state) in _sandboxed().items())


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _sandboxed() -> dict[int, tuple[int, str]]:
    """The parent and the state of each process in a sandbox, anybody's."""
    command = ["ps", "-A", "-o", "pid=,ppid=,stat=,command="]
    table = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    rows = [line.split(None, 3) for line in table.stdout.splitlines() if SANDBOX in line]
    return {int(pid): (int(parent), state) for pid, parent, state, _ in rows}
