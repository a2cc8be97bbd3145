"""For the tests of an agent: a session with it in this process, without a server, a database or a telephone.

Runs the code that a worker runs. Nothing is killed at a deadline, and exceptions of the agent come out as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from parley_agent.adapters.agent_directory import read_agents
from parley_agent.domain.hand_off import HandOff
from parley_agent.domain.turn import END, MESSAGE, START, Turn
from parley_agent.sandbox.conv import State
from parley_agent.sandbox.program import Fault, Program


class Chat:
    """A participant's conversation with the agent in `directory`.

    Numbers are strings; `channel` is "sms" or "webchat". Raises InvalidAgent when the directory holds no valid agent.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        channel: str = "sms",
        caller_number: str = "+15005550006",
        callee_number: str = "+15005550001",
    ) -> None:
        (self._agent,) = read_agents(Path(directory))
        self._channel, self._caller, self._callee = channel, caller_number, callee_number
        self._modules: dict[str, ModuleType] = {}
        self.history: list[tuple[str, str]] = []
        """("user" or "agent", text) of this session, oldest first."""
        self.hung_up = False
        self.handed_off: HandOff | None = None
        """Where the agent has handed the session off to; until resume() it hears of no text."""
        self._started = self._reached_out = False
        self._state = ""
        self._turns = self._sessions = 0
        with self._installed():
            self._program = Program(str(self._agent.directory), self._agent.profile.file, self._agent.profile.greetings)
        self._open()

    def text(self, *texts: str) -> list[str]:
        """What the agent sends back to `texts`, sent in one go: nothing while people have the session.

        After a hang-up they open a new session.
        """
        if self.hung_up:
            self._open()
        if self.handed_off is not None:
            self.history += [("user", text) for text in texts]
            return []
        mode = self._agent.profile.sessions.greeting or "greet"
        turn = self._turn(MESSAGE if self._started else START, texts)
        turn.greet = mode != "answer" and not self._reached_out
        turn.answer = mode != "greet" or self._reached_out
        self._started = True
        return self._run(turn)

    def reach_out(self, text: str) -> None:
        """Opens a new session with an outbound text, as the Send SMS endpoint does."""
        self._open()
        self._reached_out = True
        self.history.append(("agent", text))

    def write(self, text: str) -> None:
        """A person sends a text in the agent's place."""
        self.history.append(("agent", text))

    def resume(self) -> None:
        """People give the session back to the agent."""
        self.handed_off = None

    def end(self, reason: str = "") -> None:
        """The session ends, from outside or by the agent: its end() runs.

        `reason` is what it finds in `conv.end_reason`; by itself it is what fits the session so far.
        """
        turn = self._turn(END, ())
        turn.end_reason = reason or ("ENDED_BY_AGENT" if self.hung_up else "ENDED_BY_REQUEST")
        self._run(turn)
        self._open()

    @property
    def state(self) -> State:
        """What the agent has stored. Changing it changes nothing."""
        with self._installed():
            return State(self._program.decoded(self._state))

    def module(self, name: str = "agent") -> Any:
        """A module of the agent's directory, for putting a fixed clock in its place for example."""
        return self._modules[name]

    def _open(self) -> None:
        self._sessions += 1
        self._state, self.history = "", []
        self._started = self._reached_out = self.hung_up = False
        self.handed_off = None

    def _turn(self, event: str, texts: tuple[str, ...]) -> Turn:
        self._turns += 1
        return Turn(
            turn_id=f"turn-{self._turns}",
            session_id=f"session-{self._sessions}",
            channel=self._channel,
            caller_number=self._caller,
            callee_number=self._callee,
            state=self._state,
            history=list(self.history),
            event=event,
            texts=[(text, []) for text in texts],
        )

    def _run(self, turn: Turn) -> list[str]:
        with self._installed():
            try:
                ran = self._program.run(turn)
            except Fault as fault:
                raise (fault.__cause__ or fault) from None
        self._state, self.hung_up, self.handed_off = ran.state, ran.hang_up, ran.hand_off
        self.history += [("user", text) for text, _ in turn.texts] + [("agent", reply) for reply in ran.replies]
        return ran.replies

    @contextmanager
    def _installed(self) -> Iterator[None]:
        """Lets Python see this agent's modules and no other's: every agent may call a module `agent`."""
        path, before = list(sys.path), dict(sys.modules)
        sys.path.insert(0, str(self._agent.directory.resolve()))
        sys.modules.update(self._modules)
        try:
            yield
        finally:
            added = {name: module for name, module in sys.modules.items() if module is not before.get(name)}
            self._modules.update((name, module) for name, module in added.items() if self._is_own(module))
            for name in self._modules:
                sys.modules.pop(name, None)
                if name in before:
                    sys.modules[name] = before[name]
            sys.path[:] = path

    def _is_own(self, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
        return bool(file) and Path(file).resolve().is_relative_to(self._agent.directory.resolve())
