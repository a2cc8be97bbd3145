"""Starts a service for the rig: `python -m tests.chaos.launch parley_notifier`.

The service is the product's, with the durations that no setting reaches scaled, what it was told to take back written
down, and its claims signed. If a negative control asks for that, one guard is removed, and sends wait a while.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import os
import runpy
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from parley_chassis.lifecycle import Wake
from tests.chaos.broken import break_guard
from tests.chaos.scale import CONSTANTS


def scale_constants(factor: float, service: str) -> None:
    for name, constants in CONSTANTS.items():
        if not name.startswith(service):
            continue
        module = importlib.import_module(name)
        for constant, real in constants.items():
            if getattr(module, constant) != real:
                raise SystemExit(f"{name}.{constant} is not {real} any more: change tests/chaos/scale.py")
            setattr(module, constant, real / factor)


def write_down_cancels(path: str) -> None:
    """Each message that the notifier has confirmed to take back, with the time of the confirmation."""
    from parley_session.adapters.notifier_client import GrpcNotifier

    submit: Callable[..., Awaitable[None]] = GrpcNotifier.submit

    @functools.wraps(submit)
    async def submit_and_tell(self: GrpcNotifier, submissions: Any, opt_outs: Any) -> None:
        await submit(self, submissions, opt_outs)
        now = time.time()
        lines = [
            json.dumps({"kind": "cancel_taken", "message": item.message_id, "at": now})
            for item in submissions
            if item.canceled
        ]
        if lines:
            journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.write(journal, "".join(line + "\n" for line in lines).encode())
            os.close(journal)

    GrpcNotifier.submit = submit_and_tell  # type: ignore[method-assign]


def sign_claims() -> None:
    """The owner of a claim tells the process, so that the rig can freeze it."""
    from parley_notifier.handlers.hold_claims import Claims

    prepare = Claims.__init__

    def prepare_signed(self: Claims, slots: int, owner: str, wake: Wake, pause: float = 60.0) -> None:
        prepare(self, slots, f"{owner}.{os.getpid()}", wake, pause)

    Claims.__init__ = prepare_signed  # type: ignore[method-assign]


def pause_before_sends(seconds: float) -> None:
    """A claim waits for its send, so that a freeze can come between the two. All guards of a send come after that."""
    from parley_notifier.handlers.send_message import SendMessage

    send: Callable[..., Awaitable[Any]] = SendMessage._send

    @functools.wraps(send)
    async def send_late(self: SendMessage, claim: Any, claimed: float) -> Any:
        await asyncio.sleep(seconds)
        return await send(self, claim, claimed)

    SendMessage._send = send_late  # type: ignore[method-assign]


def main() -> None:
    service = sys.argv[1]
    scale_constants(float(os.environ["CHAOS_FACTOR"]), service)
    if service == "parley_session":
        write_down_cancels(os.environ["CHAOS_CANCELS"])
    control = os.environ.get("CHAOS_CONTROL", "")
    if control:
        break_guard(control, service)
    if service == "parley_notifier":
        sign_claims()
        if pause := float(os.environ["CHAOS_SEND_PAUSE"]):
            pause_before_sends(pause)
    sys.argv = [service, *sys.argv[2:]]
    runpy.run_module(service, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
