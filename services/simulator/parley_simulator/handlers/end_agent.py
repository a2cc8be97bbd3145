"""Ends the agent's process in the middle of its next turn, where somebody offers the means."""

from __future__ import annotations

from collections.abc import Callable

from parley_simulator.errors import BadRequestError
from parley_simulator.handlers.watch_log import Watch

Kill = Callable[[], None]
"""Ends whatever runs the agent's code, at once."""


class EndAgent:
    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._kill: Kill | None = None
        self.armed = False

    @property
    def offered(self) -> bool:
        return self._kill is not None

    def offer(self, kill: Kill) -> None:
        self._kill = kill
        self._watch.notify()

    def arm(self, armed: bool) -> None:
        if self._kill is None:
            raise BadRequestError("armed: nobody here can end an agent; start the stack with `parley up`")
        self.armed = armed
        self._watch.notify()

    def turn_began(self) -> None:
        if self.armed and self._kill is not None:
            self.armed = False
            self._kill()
            self._watch.notify()
