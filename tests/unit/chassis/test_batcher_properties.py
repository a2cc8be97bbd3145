"""The batcher under whatever order of submits, failures and cancels: nothing is lost, doubled or mixed up."""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from parley_chassis.batcher import Batcher
from parley_chassis.errors import Unavailable


@dataclass(frozen=True)
class Caller:
    item: int
    turns_before: int
    """How many turns of the loop pass before it comes."""
    gives_up_after: int | None
    """How many turns of the loop it waits, None for as long as it takes."""


@dataclass
class World:
    limit: int
    flights: int
    bad: frozenset[int]
    away: frozenset[int]
    """The numbers of the flushes during which the peer is away."""
    seed: int
    flushed: Counter[int] = field(default_factory=Counter)
    flushes: int = 0
    under_way: int = 0
    most_under_way: int = 0
    longest: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    async def flush(self, items: list[int]) -> list[str]:
        number, self.flushes = self.flushes, self.flushes + 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.longest = max(self.longest, len(items))
        try:
            for _ in range(self.random.randrange(4)):
                await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        if number in self.away:
            raise Unavailable("away")
        if self.bad & set(items):
            raise ValueError("bad")
        self.flushed.update(items)
        return [f"result of {item}" for item in items]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    return World(
        limit=draw(st.integers(1, 7)),
        flights=draw(st.integers(1, 3)),
        bad=draw(st.frozensets(st.integers(0, 29), max_size=4)),
        away=draw(st.frozensets(st.integers(0, 20), max_size=3)),
        seed=draw(st.integers(0, 2**16)),
    )


@st.composite
def callers(draw: st.DrawFn) -> list[Caller]:
    patience = st.one_of(st.none(), st.integers(0, 6))
    return [Caller(item, draw(st.integers(0, 12)), draw(patience)) for item in range(draw(st.integers(0, 30)))]


async def call(batcher: Batcher[int, str], caller: Caller) -> str:
    for _ in range(caller.turns_before):
        await asyncio.sleep(0)
    waiting = asyncio.create_task(batcher.submit(caller.item))
    if caller.gives_up_after is not None:
        for _ in range(caller.gives_up_after):
            await asyncio.sleep(0)
        waiting.cancel()
    return await waiting


async def outcomes_of(world: World, calls: list[Caller]) -> list[str | BaseException]:
    batcher = Batcher(world.flush, limit=world.limit, flights=world.flights)
    outcomes = await asyncio.gather(*(call(batcher, caller) for caller in calls), return_exceptions=True)
    await batcher.close()
    return outcomes


def run(coroutine: Coroutine[Any, Any, list[str | BaseException]]) -> list[str | BaseException]:
    with asyncio.Runner() as runner:
        return runner.run(coroutine)


@settings(max_examples=150, deadline=None)
@given(world=worlds(), calls=callers())
def test_every_caller_gets_exactly_the_answer_to_his_item(world: World, calls: list[Caller]) -> None:
    outcomes = run(outcomes_of(world, calls))
    for caller, outcome in zip(calls, outcomes, strict=True):
        if isinstance(outcome, str):
            assert outcome == f"result of {caller.item}"
            assert world.flushed[caller.item] == 1
        elif isinstance(outcome, asyncio.CancelledError):
            assert caller.gives_up_after is not None
        else:
            assert isinstance(outcome, Unavailable) or (isinstance(outcome, ValueError) and caller.item in world.bad)
            assert world.flushed[caller.item] == 0
    assert max(world.flushed.values(), default=0) <= 1
    assert world.longest <= world.limit
    assert world.most_under_way <= world.flights


@settings(max_examples=100, deadline=None)
@given(world=worlds(), calls=callers())
def test_without_failures_every_item_is_flushed_even_if_its_caller_has_gone(world: World, calls: list[Caller]) -> None:
    world.bad = world.away = frozenset()
    outcomes = run(outcomes_of(world, calls))
    # A caller who gives up at once is cancelled before he has handed anything over.
    came = {caller.item for caller in calls if caller.gives_up_after != 0}
    assert came <= set(world.flushed)
    assert all(isinstance(outcome, str | asyncio.CancelledError) for outcome in outcomes)


@settings(max_examples=100, deadline=None)
@given(world=worlds(), calls=callers())
def test_a_good_item_fails_only_while_the_peer_is_away(world: World, calls: list[Caller]) -> None:
    world.away = frozenset()
    outcomes = run(outcomes_of(world, calls))
    for caller, outcome in zip(calls, outcomes, strict=True):
        if caller.item not in world.bad:
            assert isinstance(outcome, str | asyncio.CancelledError)
