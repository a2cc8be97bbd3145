"""What the handlers need from outside."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from parley_simulator.domain.hooks import Attempt
from parley_simulator.domain.lifecycle import Step
from parley_simulator.domain.messages import Message


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One request of a webhook; times in seconds. `body` is None for GET."""

    method: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    credentials: tuple[str, str] | None = field(repr=False)
    connect: float
    read: float
    total: float


class Clock(Protocol):
    def __call__(self) -> float: ...


class Ids(Protocol):
    def __call__(self) -> str:
        """32 hexadecimal digits, never the same twice."""
        ...


class HookClient(Protocol):
    async def send(self, request: HookRequest) -> Attempt:
        """Never raises: what goes wrong is the attempt's failure."""
        ...


class Errands(Protocol):
    def start(self, work: Coroutine[Any, Any, None]) -> None: ...


class Timetable(Protocol):
    """What becomes of messages, and when."""

    def schedule(self, message: Message, steps: Sequence[Step]) -> None: ...

    def move(self, message: Message, status: str, error_code: int | None) -> None:
        """Now and by hand; what was planned for the message is off."""
        ...

    def clear(self) -> None:
        """Nothing is planned any more."""
        ...
