"""The life of a worker: takes one turn at a time from the service, runs it, answers, until the service is gone."""

from __future__ import annotations

import contextlib
import sys
from socket import socket
from typing import Any

from parley_agent.domain.turn import Turn
from parley_agent.sandbox.frames import packed, receive
from parley_agent.sandbox.program import Fault, Program


def work(connection: socket, program: Program) -> None:
    while (call := receive(connection)) is not None:
        number, turn = call
        answer = packed([number, _answer(program, turn)])
        # Customer code may have closed or replaced it.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        connection.sendall(answer)


def _answer(program: Program, turn: dict[str, Any]) -> dict[str, Any]:
    try:
        ran = program.run(Turn(**turn))
    except Fault as fault:
        return {"what": fault.failed.what, "frames": fault.failed.frames}
    hand_off = [ran.hand_off.destination, ran.hand_off.reason] if ran.hand_off is not None else None
    return {"replies": ran.replies, "state": ran.state, "hang_up": ran.hang_up, "hand_off": hand_off}
