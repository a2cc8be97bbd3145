"""Holds requests of the REST API open at an exact point, so that a test can kill a process just there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from parley_simulator.domain.faults import CREATE, Occasion
from parley_simulator.errors import ConnectionCut
from parley_simulator.handlers.watch_log import Watch


class Then(StrEnum):
    """What happens to a held request when it is released."""

    CONTINUE = "continue"
    CUT = "cut"


@dataclass(slots=True, eq=False)
class Held:
    """A request that waits; `sid` is the message's if it was accepted already."""

    operation: str
    parties: tuple[str, ...] = field(repr=False)
    sid: str
    released: asyncio.Future[Then]


@dataclass(slots=True, eq=False)
class Hold:
    """Stops up to `count` matching requests (None: all); `accepted`: after they were accepted, not before."""

    id: int
    watch: Watch = field(repr=False)
    accepted: bool = False
    participant: str | None = field(default=None, repr=False)
    number: str | None = field(default=None, repr=False)
    operation: str = CREATE
    count: int | None = 1
    held: list[Held] = field(default_factory=list)

    def concerns(self, occasion: Occasion, *, accepted: bool) -> bool:
        return (
            self.count != 0
            and self.accepted is accepted
            and self.operation in (occasion.operation, "*")
            and (self.participant is None or self.participant in occasion.parties)
            and (self.number is None or self.number in occasion.parties)
        )

    def release(self, then: Then = Then.CONTINUE) -> int:
        """Lets go of all that are held now; how many. With `Then.CUT` one that was not accepted never will be."""
        released, self.held = self.held, []
        for held in released:
            if not held.released.done():
                held.released.set_result(then)
        return len(released)

    async def wait(self, count: int = 1, timeout: float = 10.0) -> list[Held]:
        """Those that are held once they are `count`. Raises TimeoutError."""
        return await self.watch.until(lambda: list(self.held) if len(self.held) >= count else None, timeout)


class Holds:
    """The holds in place."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._holds: dict[int, Hold] = {}
        self._last_id = 0

    def __bool__(self) -> bool:
        return bool(self._holds)

    def all(self) -> list[Hold]:
        return list(self._holds.values())

    def get(self, hold_id: int) -> Hold | None:
        return self._holds.get(hold_id)

    def place(
        self,
        *,
        accepted: bool = False,
        participant: str | None = None,
        number: str | None = None,
        operation: str = CREATE,
        count: int | None = 1,
    ) -> Hold:
        self._last_id += 1
        hold = Hold(self._last_id, self._watch, accepted, participant, number, operation, count)
        self._holds[hold.id] = hold
        return hold

    def remove(self, hold_id: int, then: Then = Then.CONTINUE) -> None:
        hold = self._holds.pop(hold_id, None)
        if hold is not None:
            hold.release(then)

    def clear(self, then: Then) -> None:
        for hold_id in list(self._holds):
            self.remove(hold_id, then)

    async def pass_by(self, occasion: Occasion, *, accepted: bool, sid: str = "") -> None:
        """Waits while a hold stops this request. Raises ConnectionCut when it is released so."""
        for hold in self.all():
            if not hold.concerns(occasion, accepted=accepted):
                continue
            if hold.count is not None:
                hold.count -= 1
            held = Held(occasion.operation, occasion.parties, sid, asyncio.get_running_loop().create_future())
            hold.held.append(held)
            self._watch.notify()
            if await held.released is Then.CUT:
                raise ConnectionCut
