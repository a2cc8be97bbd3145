"""The intake: a bound on what waits and on how long anybody waits."""

import asyncio
from collections.abc import Sequence

import pytest

from parley_gateway.adapters.intake import Intake, IntakeLimits
from parley_gateway.errors import OutOfTime, Overloaded

WAIT = 30.0


class Shelf:
    """A flush that ends when it is let."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        self.flushed: list[int] = []

    async def __call__(self, batch: list[int]) -> Sequence[int]:
        self.begun.set()
        await self.open.wait()
        self.flushed += batch
        return [item * 10 for item in batch]


def intake(shelf: Shelf, *, patience: float = WAIT, waiting: int = 100) -> Intake[int, int]:
    return Intake(shelf, IntakeLimits(patience=patience, waiting=waiting, batch=200, flights=1))


async def test_an_item_gets_its_own_result() -> None:
    shelf = Shelf()
    shelf.open.set()
    through = intake(shelf)
    assert await asyncio.gather(*(through.submit(item) for item in (1, 2, 3))) == [10, 20, 30]


async def test_a_caller_waits_no_longer_than_its_patience_and_the_item_is_flushed_all_the_same() -> None:
    shelf = Shelf()
    through = intake(shelf, patience=0.01)
    with pytest.raises(OutOfTime):
        await through.submit(1)
    shelf.open.set()
    await through.close()
    assert shelf.flushed == [1]


async def test_more_than_may_wait_are_refused_at_once() -> None:
    shelf = Shelf()
    through = intake(shelf, waiting=2)
    in_flight = asyncio.create_task(through.submit(1))
    await asyncio.wait_for(shelf.begun.wait(), WAIT)
    waiting = [asyncio.create_task(through.submit(item)) for item in (2, 3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await through.submit(4)
    shelf.open.set()
    assert await asyncio.gather(in_flight, *waiting) == [10, 20, 30]
    assert shelf.flushed == [1, 2, 3]


async def test_while_one_has_waited_too_long_no_other_is_let_in() -> None:
    shelf = Shelf()
    through = Intake(shelf, IntakeLimits(patience=WAIT, waiting=1000, batch=200, flights=1, queue=0.02))
    in_flight = asyncio.create_task(through.submit(1))
    await asyncio.wait_for(shelf.begun.wait(), WAIT)
    # What is under way keeps nobody out.
    await asyncio.sleep(0.03)
    waiting = asyncio.create_task(through.submit(2))
    await asyncio.sleep(0.03)
    with pytest.raises(Overloaded):
        await through.submit(3)
    shelf.open.set()
    assert [await in_flight, await waiting] == [10, 20]
    assert await through.submit(4) == 40
