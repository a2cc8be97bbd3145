"""A service in a container, as `parley_cli.stack.processes` has it as a process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from parley_cli.stack.processes import Probe
from tests.image.build.engine import Engine

READY_TIMEOUT = 120.0
STOP_TIMEOUT = 120.0


class Container:
    """Hardened, on the machine's own network. `log` takes what it writes."""

    def __init__(self, engine: Engine, image: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = f"parley-{uuid4().hex}"
        self._engine = engine
        self._image = image
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, command: Sequence[str] = (), options: Sequence[str] = ()) -> None:
        options = ["--name", self.name, *options]
        line = self._engine.run(self._image, command, self._environment, options)
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*line, stdout=log, stderr=log)

    async def ready(self, probe: Probe) -> None:
        assert self._process is not None
        async with asyncio.timeout(READY_TIMEOUT):
            while not await probe():
                assert self._process.returncode is None, f"{self._image} has ended:\n{self.log}"
                await asyncio.sleep(0.05)

    async def ended(self) -> int:
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT)

    async def stop(self) -> int:
        """What a node does first: SIGTERM to its process 1."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await self.ended()

    def execute(self, *command: str) -> str:
        """What `command` writes, started beside the service."""
        asked = self._engine.podman("exec", self.name, *command)
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout

    async def remove(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        gone = self._engine.podman("rm", "--force", "--time", "0", self.name)
        await (await asyncio.create_subprocess_exec(*gone, stdout=subprocess.DEVNULL)).wait()
        with suppress(TimeoutError):
            await self.ended()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]
