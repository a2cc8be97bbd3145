"""The queue: one worker for a resource at a time, no change lost, and failures tried again with pauses that grow."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from parley_operator.domain.resource import Key
from parley_operator.workers.reconcile_numbers import ReconcileNumbers

A, B = ("shop", "a"), ("shop", "b")


def there(key: Key) -> bool:
    return True


@pytest.fixture
def ready() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_a_resource_that_changes_while_it_is_worked_on_is_worked_on_again_and_never_twice_at_once(
    ready: asyncio.Event,
) -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    at_once: Counter[Key] = Counter()
    times = 0

    async def work(key: Key) -> float | None:
        nonlocal times
        at_once[key] += 1
        assert at_once[key] == 1
        times += 1
        begun.set()
        await go_on.wait()
        at_once[key] -= 1
        if times == 2:
            done.set()
        return None

    queue = ReconcileNumbers(work, 1000.0, there)
    async with queue.running(4, ready):
        queue.ask(A)
        await begun.wait()
        for _ in range(5):
            queue.ask(A)
        go_on.set()
        async with asyncio.timeout(10):
            await done.wait()
    assert times == 2


async def test_nothing_is_worked_on_before_all_resources_are_known() -> None:
    ready, worked = asyncio.Event(), asyncio.Event()

    async def work(key: Key) -> float | None:
        assert ready.is_set()
        worked.set()
        return None

    queue = ReconcileNumbers(work, 1000.0, there)
    async with queue.running(2, ready):
        queue.ask(A)
        await asyncio.sleep(0.01)
        ready.set()
        async with asyncio.timeout(10):
            await worked.wait()


async def test_a_failure_holds_up_nobody_else_and_is_tried_again(ready: asyncio.Event) -> None:
    seen: Counter[Key] = Counter()
    both = asyncio.Event()

    async def work(key: Key) -> float | None:
        seen[key] += 1
        if seen[A] >= 2 and seen[B]:
            both.set()
        if key == A:
            raise RuntimeError
        return None

    queue = ReconcileNumbers(work, 1000.0, there)
    async with queue.running(1, ready):
        queue.ask(A)
        queue.ask(B)
        async with asyncio.timeout(10):
            await both.wait()


async def test_a_resource_is_looked_at_again_at_the_resync(ready: asyncio.Event) -> None:
    thrice = asyncio.Event()
    times = 0

    async def work(key: Key) -> float | None:
        nonlocal times
        times += 1
        if times == 3:
            thrice.set()
        return None

    queue = ReconcileNumbers(work, 0.01, there)
    async with queue.running(1, ready):
        queue.ask(A)
        async with asyncio.timeout(10):
            await thrice.wait()


async def test_what_is_under_work_is_finished_when_the_operator_stops(ready: asyncio.Event) -> None:
    begun, finished = asyncio.Event(), False

    async def work(key: Key) -> float | None:
        nonlocal finished
        begun.set()
        await asyncio.sleep(0.05)
        finished = True
        return None

    queue = ReconcileNumbers(work, 1000.0, there)
    async with queue.running(3, ready):
        queue.ask(A)
        await begun.wait()
    assert finished


async def test_a_resource_that_is_gone_is_due_no_more(ready: asyncio.Event) -> None:
    seen: Counter[Key] = Counter()
    often = asyncio.Event()

    async def work(key: Key) -> float | None:
        seen[key] += 1
        if seen[B] == 5:
            often.set()
        return None

    queue = ReconcileNumbers(work, 0.01, lambda key: key == B)
    async with queue.running(1, ready):
        queue.ask(A)
        queue.ask(B)
        async with asyncio.timeout(10):
            await often.wait()
    assert seen[A] == 1
