"""What is planted is found, wherever it is told; what is harmless is not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.canary.marks import opened, told
from tests.canary.watch import Watch, is_log_line

ROOT = Path(__file__).resolve().parents[2]
KEY = "parley_" + "a" * 32 + "_" + "b" * 43


@pytest.mark.parametrize(
    "line",
    [
        '{"number": "+15557778881"}',
        "to=%2B15557778881",
        "+442071838750",
        "15557778881 wrote",
        "Ahoy",
        "canary-in-the-text",
        KEY,
        "Authorization: Bearer abcdefgh12345678",
        "postgresql://session:secret@localhost/parley",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_what_must_not_be_told_is_found(line: str) -> None:
    assert told(line)


@pytest.mark.parametrize(
    "line",
    [
        '{"time": "2026-11-23T15:00:00.123+00:00", "level": "INFO", "event": "started"}',
        '{"number": "p-0a1b2c3d-81", "message_sid": "SM00000000000000000000000015557771"}',
        "user_number: write an E.164 number, e.g. +15550100",
        "http://127.0.0.1:15551",
        "018f3c1e-0000-7000-8000-00000000000a",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "postgresql://localhost/parley",
    ],
)
def test_what_is_harmless_is_not(line: str) -> None:
    assert told(line) == ""


def test_people_may_be_shown_numbers_and_no_keys() -> None:
    assert opened("+15557778881 wrote: Ahoy") == ""
    assert opened(f"your key: {KEY}")


def test_a_log_is_read_as_it_grows(tmp_path: Path) -> None:
    watch, log = Watch(), tmp_path / "gateway.log"
    log.write_text('{"time": "x", "level": "INFO", "event": "started"}\n')
    watch.files(tmp_path)
    assert (watch.take(), watch.seen["lines of processes"]) == ([], 1)
    with log.open("a") as more:
        more.write('{"time": "x", "level": "INFO", "event": "+15557778881"}\n')
    watch.files(tmp_path)
    assert len(watch.take()) == 1
    watch.files(tmp_path)
    assert watch.take() == []
    log.unlink()


def test_a_line_that_was_cut_off_is_a_line() -> None:
    assert is_log_line('{"time": "2026", "level": "INFO", "ev')
    assert not is_log_line('{"gateway": "http://127.0.0.1:1"}')
    assert not is_log_line("starting PostgreSQL")


PLANTED = """
import logging, subprocess, sys
import pytest
from opentelemetry.sdk.trace import TracerProvider
from services.told import log, raise_error

def test_a_log_line(): log("+15557778881")
def test_an_extra_field(): log("sent", text="Ahoy")
def test_an_error():
    with pytest.raises(Exception): raise_error("+15557778881: is not ours")
def test_a_span():
    with TracerProvider().get_tracer("t").start_as_current_span("s", attributes={"participant": "+15557778881"}): pass
def test_a_span_s_event():
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span: span.add_event("canary")
def test_a_process_s_log(tmp_path):
    with (tmp_path / "gateway.log").open("w") as log:
        subprocess.run([sys.executable, "-m", "services.told"], stderr=log, check=True)
def test_standard_error(capfd=None):
    sys.stderr.write('{"time": "x", "level": "INFO", "event": "15557778881"}\\n')
@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    (tmp_path_factory.mktemp("shared") / "up.log").write_text("key: KEY\\n")
def test_a_log_that_tests_share(shared): pass
"""
HARMLESS = """
from services.told import log
def test_nothing(): log("sent")
"""
TOLD = """
import logging
from parley_chassis.errors import NotFound
class Missing(NotFound):
    def __init__(self, text): super().__init__(text)
def log(event, **extra): logging.getLogger("parley_gateway.x").info(event, extra=extra)
def raise_error(text): raise Missing(text)
if __name__ == "__main__":
    from parley_chassis.logs import configure
    from parley_chassis.settings import ProcessSettings
    configure(ProcessSettings(insecure_dev=True))
    log("sent", participant="+15557778881")
"""


def run(content: str, *arguments: str) -> str:
    """What a run of pytest on one module of tests says, with the plugin; nothing of it is left for ours to find."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "services").mkdir()
        (folder / "services/told.py").write_text(TOLD)
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "conftest.py").write_text('pytest_plugins = ["tests.canary.plugin"]\n')
        (folder / "test_planted.py").write_text(content.replace("KEY", KEY))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment = {**kept, "PYTHONPATH": os.pathsep.join([place, str(ROOT), *sys.path])}
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        command = [sys.executable, "-m", "pytest", "-q", "-rA"]
        command += ["--basetemp", str(folder / "temp"), *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100).stdout


def test_this_run_is_listened_to(request: pytest.FixtureRequest) -> None:
    assert request.config.pluginmanager.has_plugin("parley-canary")


def test_what_is_planted_in_a_run_of_tests_fails_it_in_whatever_process() -> None:
    said = run(PLANTED, "-p", "xdist", "-n", "1")
    wanted = {line.split("(")[0].removeprefix("def ") for line in PLANTED.splitlines() if line.startswith("def test")}
    found = set(re.findall(r"^ERROR test_planted.py::(\w+)", said, re.MULTILINE))
    assert found == wanted, said
    assert "looked for numbers, texts and secrets in" in said


def test_a_run_that_tells_nothing_passes() -> None:
    said = run(HARMLESS)
    assert "1 passed" in said, said
    assert "1 log lines" in said
