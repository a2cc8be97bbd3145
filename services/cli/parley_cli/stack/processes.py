"""Runs services as processes of their own, as in production: started, killed, stopped, frozen and started again."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import aiohttp
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

READY_TIMEOUT = 60.0
OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
"""Else a new channel waits out the back-off that an earlier one began, when nobody listened there yet."""
STOP_TIMEOUT = 30.0
POLL = 0.02
PR_SET_PDEATHSIG = 1


class NotReady(Exception):
    """A service did not come up; the text ends with the last lines of its log."""


Probe = Callable[[], Awaitable[bool]]


@dataclass
class ServiceProcess:
    """One service. `environment` is all that it is told; `log` takes its standard output and error."""

    name: str
    module: str
    environment: Mapping[str, str] = field(repr=False)
    probe: Probe
    log: Path
    arguments: tuple[str, ...] = ()
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, *, wait: bool = True) -> None:
        """Starts it; with `wait`, returns when it serves. Raises NotReady."""
        with self.log.open("ab") as log:
            self._process = await self._spawn(log)
        if wait:
            await self.wait_ready()

    async def _spawn(self, log: IO[bytes]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self.module, *self.arguments),
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", **self.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A session of its own, so that a Ctrl-C at the terminal reaches it only through us.
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )

    async def wait_ready(self) -> None:
        give_up = time.monotonic() + READY_TIMEOUT
        while not await self.probe():
            if not self.running or time.monotonic() > give_up:
                raise NotReady(f"{self.name} did not start; its log ends:\n{self.tail()}")
            await asyncio.sleep(POLL)

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM, and the time to drain; returns the exit code."""
        await self._end(signal.SIGTERM)
        return (self._process and self._process.returncode) or 0

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(ProcessLookupError):
            # A frozen process takes no signal but this one.
            process.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _die_with_parent() -> Callable[[], object] | None:
    """What a new process does first, so that it does not outlive us, however we end. Linux only."""
    if sys.platform != "linux":
        return None
    return partial(ctypes.CDLL(None).prctl, PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def grpc_probe(address: str) -> Probe:
    """Asks the health service at `host:port`."""

    async def serves() -> bool:
        async with grpc.aio.insecure_channel(address, options=[OWN_CONNECTION]) as channel:
            try:
                answer: health_pb2.HealthCheckResponse = await check(channel)(
                    health_pb2.HealthCheckRequest(), timeout=1.0
                )
            except grpc.aio.AioRpcError:
                return False
            return answer.status == health_pb2.HealthCheckResponse.SERVING

    def check(channel: grpc.aio.Channel) -> Any:
        # The published stubs of the health service know no asyncio.
        return health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]

    return serves


def http_probe(url: str) -> Probe:
    """Asks for `url`; 200 is ready."""

    async def serves() -> bool:
        timeout = aiohttp.ClientTimeout(total=1.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with session.get(url) as response:
                    return response.status == 200
            except (aiohttp.ClientError, TimeoutError):
                return False

    return serves
