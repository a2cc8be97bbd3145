"""Runs a service from its first line to its last: start, signals, drain, exit code; and its background loops.

A loop that fails is logged and goes on with back-off; nothing here decides what a loop does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NoReturn

import uvloop

from parley_chassis.cancellation import is_being_cancelled
from parley_chassis.errors import ParleyError
from parley_chassis.logs import configure
from parley_chassis.settings import ServiceSettings, SettingsError, SettingsT, load

log = logging.getLogger(__name__)

FAILED = 1
BAD_SETTINGS = 2

MIN_BACKOFF = 0.2
MAX_BACKOFF = 5.0
GRACE = 10.0
"""Seconds that a loop's step gets to finish when the service stops."""


def serve(kind: type[SettingsT], running: Callable[[SettingsT], AbstractAsyncContextManager[Any]]) -> NoReturn:
    """Runs `running` with the environment's settings until SIGTERM or SIGINT; never returns.

    Exit codes: 0 after a drain; 2 when the settings do not allow a start (each problem on a line of standard error);
    1 when the service failed, which its last log line explains.
    """
    try:
        settings = load(kind)
        if isinstance(settings, ServiceSettings):
            configure(settings.process)
        uvloop.run(_until_signal(lambda: running(settings)))
    except SettingsError as error:
        print(*error.problems, sep="\n", file=sys.stderr)  # noqa: T201
        sys.exit(BAD_SETTINGS)
    except ParleyError as error:
        # The only errors whose texts are written to be read by others.
        log.critical("failed", extra={"reason": error.error_reason, "problem": error.message})
        sys.exit(FAILED)
    except Exception:
        log.critical("failed", exc_info=True)
        sys.exit(FAILED)
    sys.exit(0)


async def _until_signal(running: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
    stop = asyncio.Event()
    task = asyncio.current_task()
    is_started = False

    def on_signal() -> None:
        stop.set()
        if task is not None and not is_started:
            # A start may wait long, for a database for instance; it is given up.
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    try:
        async with running():
            is_started = True
            log.info("started")
            await stop.wait()
            log.info("stopping")
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    log.info("stopped")


class Wake:
    """Tells a loop that there is work now; calls that come while it works count once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self, timeout: float) -> None:
        """Returns when set, or after `timeout` seconds."""
        await _wait(self._event, timeout)
        self._event.clear()


@asynccontextmanager
async def loop_running(
    name: str,
    work: Callable[[], Awaitable[bool]],
    *,
    interval: float,
    wake: Wake | None = None,
    grace: float = GRACE,
) -> AsyncIterator[Wake]:
    """Calls `work` every `interval` seconds, when the yielded Wake is set, and at once again while it returns True.

    `work` is one step and says whether there may be more to do. An exception is logged and followed by a pause that
    doubles up to MAX_BACKOFF and that no Wake cuts short. On exit the step under way is finished, because a step cut in
    the middle leaves an outcome that nobody knows; after `grace` seconds it is cancelled.
    """
    wake = wake or Wake()
    stopping = asyncio.Event()
    task = asyncio.create_task(_loop(name, work, interval, wake, stopping), name=name)
    try:
        yield wake
    finally:
        stopping.set()
        wake.set()
        await _finish(name, task, grace)


async def _finish(name: str, task: asyncio.Task[None], grace: float) -> None:
    try:
        await asyncio.wait({task}, timeout=grace)
    finally:
        if not task.done():
            log.warning("loop_cut", extra={"loop": name})
            task.cancel()
    await asyncio.wait({task})


async def _loop(
    name: str, work: Callable[[], Awaitable[bool]], interval: float, wake: Wake, stopping: asyncio.Event
) -> None:
    backoff = MIN_BACKOFF
    while not stopping.is_set():
        # Steps that wait for nothing themselves would let nobody else run.
        await asyncio.sleep(0)
        try:
            more = await work()
        except (Exception, asyncio.CancelledError) as error:
            if is_being_cancelled():
                raise
            log.error("loop_failed", extra={"loop": name}, exc_info=error)
            await _wait(stopping, backoff)
            backoff = min(backoff * 2, MAX_BACKOFF)
        else:
            backoff = MIN_BACKOFF
            if not more:
                await wake.wait(interval)


async def _wait(event: asyncio.Event, timeout: float) -> None:
    """Waits until `event` is set, for `timeout` seconds at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await event.wait()
