"""Runs turns of an agent in this process and keeps what went in, what came out, and what its code printed."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from parley_agent.testing import Chat


@dataclass(slots=True)
class Trace:
    """One turn. `given` is what the agent's functions found in `conv`, `returned` what they left."""

    given: dict[str, Any] = field(repr=False)
    returned: dict[str, Any] = field(default_factory=dict, repr=False)
    replies: list[str] = field(default_factory=list, repr=False)
    seconds: float = 0.0
    output: str = field(default="", repr=False)
    error: BaseException | None = None


def text_turn(chat: Chat, text: str) -> Trace:
    """The participant texts."""
    state = {} if chat.hung_up else dict(chat.state)
    history = [] if chat.hung_up else [f"{role}: {said}" for role, said in chat.history]
    return _run(chat, {"text": text, "state": state, "history": history}, lambda: chat.text(text))


def end_turn(chat: Chat, reason: str) -> Trace:
    """The session ends: the agent's end(conv) runs, and what it says is dropped."""
    given = {"end_reason": reason, "state": dict(chat.state)}

    def end() -> list[str]:
        chat.end(reason)
        return []

    return _run(chat, given, end)


def _run(chat: Chat, given: dict[str, Any], turn: Callable[[], list[str]]) -> Trace:
    trace = Trace(given)
    printed = io.StringIO()
    began = time.perf_counter()
    try:
        with _caught(printed):
            trace.replies = turn()
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        trace.error = error
    trace.seconds = time.perf_counter() - began
    trace.output = printed.getvalue()
    trace.returned = {"replies": trace.replies, "state": dict(chat.state), "hangup": chat.hung_up}
    if chat.handed_off is not None:
        trace.returned["handoff"] = {"destination": chat.handed_off.destination, "reason": chat.handed_off.reason}
    return trace


@contextmanager
def _caught(printed: io.StringIO) -> Iterator[None]:
    """What code prints and logs goes into `printed`."""
    root, handler = logging.getLogger(), logging.StreamHandler(printed)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
