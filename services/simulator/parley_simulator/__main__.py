"""Runs the simulator by itself: `python -m parley_simulator`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

import uvloop
from pydantic import ValidationError

from parley_simulator.app import running
from parley_simulator.settings import Settings


def main() -> int:
    """0 after SIGINT or SIGTERM, 2 when the settings do not allow a start."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "PARLEY_SIMULATOR_" + "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"{name}: {problem['msg']}\n")
        return 2
    uvloop.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings) as simulator:
        ready = {
            "twilio": simulator.api_url,
            "control": simulator.control_url,
            "account_sid": simulator.account_sid,
            "auth_token": simulator.auth_token,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
