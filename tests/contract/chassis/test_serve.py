"""A service as a process: what it prints, how it stops, and with which code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

LIMIT = 20.0
SERVICE = """
import asyncio
from contextlib import asynccontextmanager
from parley_chassis.errors import Unavailable
from parley_chassis.lifecycle import serve
from parley_chassis.settings import ServiceSettings, SettingsError, prefix

class Settings(ServiceSettings):
    model_config = prefix("PARLEY_TRIAL_")
    behaviour: str = "good"
    limit: int = 1

@asynccontextmanager
async def running(settings):
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
    print("begin", flush=True)
    match settings.behaviour:
        case "bad address":
            raise SettingsError(["cannot listen on 127.0.0.1:1: the address is in use"])
        case "no database":
            raise Unavailable("the database does not answer", reason="DATABASE_UNAVAILABLE")
        case "fault":
            raise ValueError("+15550123456")
        case "slow start":
            try:
                await asyncio.Event().wait()
            finally:
                print("taken back", flush=True)
    try:
        print("running", flush=True)
        yield
    finally:
        await asyncio.sleep(0.01)
        print("drained", flush=True)
        if settings.behaviour == "fault at the end":
            raise ValueError("+15550123456")

serve(Settings, running)
"""


@contextmanager
def started(**variables: str) -> Iterator["subprocess.Popen[str]"]:
    """The service above, with these PARLEY_ variables and none else."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("PARLEY_")}
    environment |= {f"PARLEY_{name}": value for name, value in variables.items()}
    command = [sys.executable, "-c", SERVICE]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]") -> tuple[int, list[str], list[str]]:
    """The exit code, and the lines on standard output and standard error that were not read yet."""
    out, error = process.communicate(timeout=LIMIT)
    return process.returncode, out.splitlines(), error.splitlines()


def wait_for(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdout is not None
    while (line := process.stdout.readline()) and line.strip() != text:
        pass
    assert line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_the_exit_code_is_zero(number: signal.Signals) -> None:
    with started() as process:
        wait_for(process, "running")
        process.send_signal(number)
        code, out, error = ended(process)
    assert (code, out) == (0, ["drained"])
    assert [json.loads(line)["event"] for line in error] == ["started", "stopping", "stopped"]


def test_a_second_signal_does_not_cut_the_drain() -> None:
    with started() as process:
        wait_for(process, "running")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert ended(process)[:2] == (0, ["drained"])


def test_a_signal_during_the_start_takes_the_start_back() -> None:
    with started(TRIAL_BEHAVIOUR="slow start") as process:
        wait_for(process, "begin")
        process.send_signal(signal.SIGTERM)
        code, out, error = ended(process)
    assert (code, out) == (0, ["taken back"])
    assert [json.loads(line)["event"] for line in error] == ["stopped"]


def test_bad_settings_stop_the_start_with_a_line_for_each() -> None:
    with started(TRIAL_LIMIT="many", TRIAL_LIMITS="1", LOG_LEVEL="loud") as process:
        code, out, error = ended(process)
    assert (code, out) == (2, [])
    assert [line.partition(":")[0] for line in error] == [
        "PARLEY_LOG_LEVEL",
        "PARLEY_TRIAL_LIMIT",
        "PARLEY_TRIAL_LIMITS",
    ]


def test_settings_that_turn_out_bad_at_the_start_are_told_alike() -> None:
    with started(TRIAL_BEHAVIOUR="bad address") as process:
        code, out, error = ended(process)
    assert (code, out) == (2, ["begin"])
    assert error == ["cannot listen on 127.0.0.1:1: the address is in use"]


def test_a_service_that_cannot_start_says_why() -> None:
    with started(TRIAL_BEHAVIOUR="no database") as process:
        code, _, error = ended(process)
    assert code == 1
    (line,) = map(json.loads, error)
    assert (line["level"], line["event"], line["reason"]) == ("CRITICAL", "failed", "DATABASE_UNAVAILABLE")
    assert line["problem"] == "the database does not answer"


@pytest.mark.parametrize("behaviour", ["fault", "fault at the end"])
def test_a_fault_ends_with_its_class_and_place_and_not_its_text(behaviour: str) -> None:
    with started(TRIAL_BEHAVIOUR=behaviour) as process:
        if behaviour == "fault at the end":
            wait_for(process, "running")
            process.send_signal(signal.SIGTERM)
        code, _, error = ended(process)
    assert code == 1
    last = json.loads(error[-1])
    assert (last["event"], last["error"]) == ("failed", "ValueError")
    assert "5550123456" not in "".join(error)
