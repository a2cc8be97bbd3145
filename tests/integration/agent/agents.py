"""Agents that misbehave, pools of their workers, and looking at the processes they leave."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil

from parley_agent.adapters.agent_directory import read_agents
from parley_agent.adapters.worker_pool import PoolLimits, WorkerPool
from parley_agent.adapters.zygote_process import Confinement
from parley_agent.domain.environment import filtered
from parley_agent.domain.turn import Ran, Turn

NUMBERS = itertools.count(1)
BEHAVIOURS = """
import os, random, resource, socket, subprocess, sys, time

def respond(conv, message):
    word, _, rest = message.partition(" ")
    return globals()["do_" + word](conv, rest)

def do_echo(conv, rest): return rest
def do_pid(conv, rest): return str(os.getpid())
def do_loop(conv, rest):
    while True: pass
def do_sleep(conv, rest): time.sleep(float(rest)); return "slept"
def do_meet(conv, rest):
    place, others = rest.split(" ")
    open(os.path.join(place, str(os.getpid())), "w").close()
    while len(os.listdir(place)) < int(others): time.sleep(0.001)
    return "met"
def do_block(conv, rest):
    ours, theirs = socket.socketpair()
    ours.recv(1)
def do_raise(conv, rest): raise ValueError(rest)
def do_exit(conv, rest): sys.exit(rest)
def do_die(conv, rest): os._exit(3)
def do_kill(conv, rest): os.kill(os.getpid(), 9)
def do_print(conv, rest):
    print("heard", rest); sys.stderr.write("on stderr\\n"); os.write(1, b"\\xff\\x00 raw\\n"); print("x" * 10_000)
    return "printed"
def do_close(conv, rest): sys.stdout.close(); return "closed"
def do_forge(conv, rest):
    for descriptor in range(3, 64):
        try: os.write(descriptor, len(rest).to_bytes(4, "big") + rest.encode())
        except OSError: pass
    time.sleep(0.1)
    return "forged"
def do_touch(conv, rest): open(rest, "w").close(); return "touched"
def do_state(conv, rest): conv.state.big = "x" * int(rest); return "stored"
def do_environment(conv, rest): return " ".join(sorted(os.environ))
def do_where(conv, rest): return os.getcwd()
def do_random(conv, rest): return str(random.random())
def do_limits(conv, rest):
    return f"{resource.getrlimit(resource.RLIMIT_CORE)} {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}"
def do_allocate(conv, rest): return str(len(bytearray(int(rest))))
def do_child(conv, rest):
    child = subprocess.Popen(["sleep", "1000"])
    if rest == "hang": time.sleep(1000)
    return str(child.pid)
def do_modules(conv, rest): return " ".join(sorted(sys.modules))
"""


def write_agent(directory: Path, code: str = BEHAVIOURS, settings: str = "name: desk\ngreeting: answer") -> Path:
    directory.mkdir(exist_ok=True, parents=True)
    (directory / "agent.yaml").write_text(dedent(settings))
    (directory / "agent.py").write_text(dedent(code))
    return directory


def turn(text: str, state: str = "") -> Turn:
    return Turn(
        f"turn-{next(NUMBERS)}", "session-1", "sms", "+15005550006", "+15005550001", state, [], "message", [(text, [])]
    )


class Desk:
    """A pool with one agent in it."""

    def __init__(self, pool: WorkerPool) -> None:
        self.pool = pool

    async def run(self, text: str, timeout: float = 20.0) -> Ran:
        return await self.pool.run(turn(text), timeout)

    async def say(self, text: str, timeout: float = 20.0) -> str:
        (reply,) = (await self.run(text, timeout)).replies
        return reply


@asynccontextmanager
async def desk(
    directory: Path,
    *,
    workers: int = 1,
    memory: int = 0,
    environment: Mapping[str, str] | None = None,
    **limits: int,
) -> AsyncIterator[Desk]:
    (agent,) = read_agents(directory)
    confinement = Confinement(filtered(os.environ, ()) if environment is None else environment, memory)
    pool = WorkerPool(agent, PoolLimits(workers, **limits), confinement)
    await pool.open()
    try:
        yield Desk(pool)
    finally:
        await pool.close()


STRANGERS: set[int] = set()
"""Zygotes of a stack that stories of other tests share in this process. Kept true by the fixture `strangers`."""


def zygotes(of: int | None = None) -> list[psutil.Process]:
    """The zygotes of process `of`, or of this one."""
    children = psutil.Process(of).children()
    return [child for child in children if "parley_agent.sandbox" in command(child) and child.pid not in STRANGERS]


def command(process: psutil.Process) -> str:
    """Empty for one that has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


async def until(condition: Callable[[], Any], timeout: float = 10.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
