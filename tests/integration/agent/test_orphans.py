"""However the service ends, no process of an agent is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import psutil
import pytest
from google.protobuf.duration_pb2 import Duration

from parley.agent.v1 import agent_pb2, agent_service_pb2_grpc
from parley.channel.v1 import channel_pb2
from tests.integration.agent.agents import is_running, until, write_agent, zygotes


def request(text: str) -> agent_pb2.RunTurnRequest:
    return agent_pb2.RunTurnRequest(
        turn_id="turn-1",
        session_id="session-1",
        agent="desk",
        channel=channel_pb2.CHANNEL_SMS,
        message=agent_pb2.Message(texts=[agent_pb2.Text(text=text)]),
        timeout=Duration(seconds=60),
    )


@asynccontextmanager
async def service(directory: Path, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")},
        "PARLEY_INSECURE_DEV": "1",
        "PARLEY_AGENT_LISTEN": "127.0.0.1:0",
        "PARLEY_AGENT_DIRECTORY": str(directory),
        "PARLEY_AGENT_WORKERS": "3",
    }
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "parley_agent"), env=environment, stderr=errors
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def events(log: Path) -> dict[str, dict[str, str]]:
    """The log's lines by event; the last of each."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    return {line["event"]: line for line in lines}


async def keep_busy(address: str, child_written: Path) -> grpc.aio.Channel:
    """Has one worker loop and another wait for a child of its own."""
    channel = grpc.aio.insecure_channel(address)
    stub = agent_service_pb2_grpc.AgentServiceStub(channel)
    for text in ("loop", f"family {child_written}"):
        stub.RunTurn(request(text))
    await until(lambda: child_written.exists() and child_written.read_text())
    return channel


FAMILY = """
import subprocess, time
def respond(conv, message):
    word, _, path = message.partition(" ")
    while word == "loop": pass
    child = subprocess.Popen(["sleep", "1000"])
    with open(path, "w") as file: file.write(str(child.pid))
    time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_no_process_outlives_the_service(tmp_path: Path, number: signal.Signals) -> None:
    log, child = tmp_path / "log", tmp_path / "child"
    async with service(write_agent(tmp_path / "desk", FAMILY), log) as process:
        await until(lambda: "serving" in events(log), timeout=20)
        channel = await keep_busy(events(log)["serving"]["address"], child)
        (zygote,) = zygotes(of=process.pid)
        family = [zygote, *zygote.children(recursive=True)]
        assert len(family) == 1 + 3 + 1
        assert int(child.read_text()) in {member.pid for member in family}
        process.send_signal(number)
        await channel.close()
        await until(lambda: not any(is_running(member.pid) for member in family), timeout=20)
        assert await process.wait() == (0 if number == signal.SIGTERM else -signal.SIGKILL)


async def test_a_zygote_that_hangs_while_importing_dies_with_the_service(tmp_path: Path) -> None:
    log, marker = tmp_path / "log", tmp_path / "importing"
    code = f"import pathlib, time\npathlib.Path({str(marker)!r}).touch()\nwhile True: pass\n"
    async with service(write_agent(tmp_path / "desk", code), log) as process:
        await until(marker.exists, timeout=20)
        (zygote,) = zygotes(of=process.pid)
        process.kill()
        await until(lambda: not is_running(zygote.pid))


async def test_workers_die_when_the_service_and_the_zygote_are_killed_together(tmp_path: Path) -> None:
    log, child = tmp_path / "log", tmp_path / "child"
    async with service(write_agent(tmp_path / "desk", FAMILY), log) as process:
        await until(lambda: "serving" in events(log), timeout=20)
        channel = await keep_busy(events(log)["serving"]["address"], child)
        (zygote,) = zygotes(of=process.pid)
        workers = zygote.children()
        process.send_signal(signal.SIGSTOP)
        zygote.kill()
        process.kill()
        await channel.close()
        await until(lambda: not any(is_running(worker.pid) for worker in workers))
        # The kernel ends the workers, not what they have started: of these nobody is left to know.
        psutil.Process(int(child.read_text())).kill()


async def test_an_agent_that_cannot_be_loaded_ends_the_start_with_its_problem(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with service(write_agent(tmp_path / "desk", "import nowhere"), log) as process:
        async with asyncio.timeout(20):
            assert await process.wait() == 2
        assert log.read_text().splitlines()[-1] == (
            f"{tmp_path}/desk/agent.py: could not be imported: "
            "ModuleNotFoundError: No module named 'nowhere' at agent.py:1 in <module>"
        )
