"""Stacks as a person at a terminal starts them, each a process of its own, and commands that are typed at them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from typer.testing import CliRunner, Result

from parley_cli.__main__ import parley
from parley_cli.stack.stack_file import StackAddresses

AGENTS = Path(__file__).parent / "agents"
TIMEOUT = 60.0


@dataclass(frozen=True)
class RunningStack:
    """`file` tells commands where it is."""

    addresses: StackAddresses
    file: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"PARLEY_STACK_FILE": str(self.file)}

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        """`parley ARGUMENTS` in another terminal, which is a pipe."""
        return CliRunner().invoke(parley(), list(arguments), input=typed, env=self.environment)

    def said(self, *arguments: str) -> str:
        """What such a command writes, which has to succeed."""
        done = self.run(*arguments)
        assert done.exit_code == 0, done.output
        return done.output

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on while others run."""
        command = [sys.executable, "-m", "parley_cli", *arguments]
        environment = {**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"}
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, stdin=nothing, text=True)

    def text(self, participant: str, body: str) -> str:
        return self.said("text", body, "--from", participant)

    def session_of(self, participant: str) -> str:
        """The id of the participant's newest session."""
        newest = self.said("sessions", "--participant", participant).splitlines()[1]
        return newest.split()[0]

    def twilio(self, path: str, **form: str) -> Any:
        """Asks the simulated account's REST API, or changes what is at `path`."""
        account = f"{self.addresses.twilio}/2010-04-01/Accounts/{self.addresses.account_sid}"
        request = urllib.request.Request(f"{account}/{path}", data=urlencode(form).encode() if form else None)
        credentials = f"{self.addresses.account_sid}:{self.addresses.auth_token}".encode()
        request.add_header("Authorization", f"Basic {b64encode(credentials).decode()}")
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def control(self, path: str, **fields: Any) -> Any:
        """Has the simulated Twilio do something."""
        request = urllib.request.Request(f"{self.addresses.control}{path}", data=json.dumps(fields).encode())
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def number_at_twilio(self, number: str) -> dict[str, Any]:
        found = self.twilio(f"IncomingPhoneNumbers.json?{urlencode({'PhoneNumber': number})}")
        (item,) = found["incoming_phone_numbers"]
        return dict(item)


@contextmanager
def stack_of(folder: Path, *options: str, **variables: str) -> Iterator[RunningStack]:
    """`parley up` with these options, until left."""
    folder.mkdir(parents=True, exist_ok=True)
    file, log = folder / "stack.json", folder / "up.log"
    command = [sys.executable, "-m", "parley_cli", "up", "--json", "--agents", str(AGENTS), *options]
    environment = {**os.environ, "PARLEY_STACK_FILE": str(file), **variables}
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True
        )
    try:
        assert process.stdout is not None
        yield RunningStack(StackAddresses(**json.loads(_addresses(process, log))), file)
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT)
    assert not file.exists(), "what has stopped is not to be found"


def _addresses(process: subprocess.Popen[str], log: Path) -> str:
    """The line that says that it is up; the log may say more before it."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith('{"gateway"'):
            return line
    raise AssertionError(f"it did not start:\n{log.read_text()}")
