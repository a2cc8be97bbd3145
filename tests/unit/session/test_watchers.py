"""The watchers of a process: who is woken by what, who is looked after next, and how all of them end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from parley_chassis.errors import ResourceExhausted, Unavailable
from parley_session.handlers.wake_watchers import Watch, Watchers


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def wait_again(watch: Watch) -> None:
    """As a watcher does that has told what there was."""
    for _ in range(2):
        await watch.woken()


async def waiting(watch: Watch) -> asyncio.Task[None]:
    task = asyncio.create_task(wait_again(watch))
    await until(lambda: watch.is_waiting)
    return task


async def test_a_commit_wakes_those_who_watch_its_thread() -> None:
    watchers = Watchers(10)
    with watchers.watching("one") as one, watchers.watching("two") as two:
        watchers.follow(one, "thread-1")
        watchers.follow(two, "thread-2")
        first, second = await waiting(one), await waiting(two)
        watchers.wake(["thread-1", "thread-3"])
        await first
        assert not second.done()
        second.cancel()


async def test_a_commit_while_a_watcher_tells_is_not_forgotten() -> None:
    watchers = Watchers(10)
    with watchers.watching("one") as watch:
        watchers.follow(watch, "thread")
        await watch.woken()
        watchers.wake(["thread"])
        await watch.woken()


async def test_those_who_were_not_looked_after_for_longest_are_next() -> None:
    watchers = Watchers(10)
    with ExitStack() as stack:
        watches = [stack.enter_context(watchers.watching(f"{n}")) for n in range(5)]
        tasks = [await waiting(watch) for watch in watches]
        assert watchers.waiting(3) == watches[:3]
        assert watchers.waiting(3) == [*watches[3:], watches[0]]
        watches[1].wake()
        await tasks[1]
        assert watchers.waiting(5) == [watches[2], watches[3], watches[4], watches[0]], "one is at work"
        for task in tasks:
            task.cancel()


async def test_all_are_stopped_also_those_who_come_late() -> None:
    watchers = Watchers(10)
    with watchers.watching("one") as one:
        task = await waiting(one)
        watchers.close()
        with pytest.raises(Unavailable):
            await task
    with watchers.watching("late") as late, pytest.raises(Unavailable):
        await late.woken()


async def test_there_are_no_more_than_the_limit_and_who_leaves_makes_room() -> None:
    watchers = Watchers(1)
    with watchers.watching("one") as one:
        watchers.follow(one, "thread")
        with pytest.raises(ResourceExhausted), watchers.watching("two"):
            pass
    with watchers.watching("two"):
        assert len(watchers) == 1
    watchers.wake(["thread"])
