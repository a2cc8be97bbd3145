"""Background loops: woken, repeated while there is more, slowed by failures, and stopped between two steps."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from parley_chassis import lifecycle
from parley_chassis.lifecycle import Wake, loop_running

LIMIT = 30.0
NEVER = 3600.0


class Work:
    """Counts its steps; what a step does is up to `act`, which gets the step's number, from 1."""

    def __init__(self, act: Callable[[int], Awaitable[bool]] | None = None) -> None:
        self.act = act
        self.steps = 0
        self.finished = 0
        self._waiting: dict[int, asyncio.Event] = {}

    async def __call__(self) -> bool:
        self.steps += 1
        for begun in [number for number in self._waiting if number <= self.steps]:
            self._waiting.pop(begun).set()
        more = await self.act(self.steps) if self.act else False
        self.finished += 1
        return more

    async def has_begun(self, steps: int) -> None:
        if self.steps < steps:
            async with asyncio.timeout(LIMIT):
                await self._waiting.setdefault(steps, asyncio.Event()).wait()


async def turns(count: int = 10) -> None:
    """Lets everything run that can run without waiting."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_loop_begins_at_once_and_then_waits() -> None:
    work = Work()
    async with loop_running("work", work, interval=NEVER):
        await work.has_begun(1)
        await turns()
    assert work.steps == 1


async def test_a_loop_goes_on_after_its_interval() -> None:
    work = Work()
    async with loop_running("work", work, interval=0.01):
        await work.has_begun(3)


async def test_a_wake_brings_the_next_step_at_once() -> None:
    work = Work()
    async with loop_running("work", work, interval=NEVER) as wake:
        await work.has_begun(1)
        wake.set()
        await work.has_begun(2)
        await turns()
    assert work.steps == 2


async def test_a_given_wake_is_used() -> None:
    work, wake = Work(), Wake()
    async with loop_running("work", work, interval=NEVER, wake=wake) as yielded:
        assert yielded is wake
        await work.has_begun(1)
        wake.set()
        await work.has_begun(2)


async def test_wakes_that_come_during_a_step_are_one_step_more() -> None:
    go_on = asyncio.Event()

    async def act(step: int) -> bool:
        if step == 1:
            await go_on.wait()
        return False

    work = Work(act)
    async with loop_running("work", work, interval=NEVER) as wake:
        await work.has_begun(1)
        for _ in range(3):
            wake.set()
        go_on.set()
        await work.has_begun(2)
        await turns()
    assert work.steps == 2


async def test_while_there_is_more_nothing_is_waited_for() -> None:
    async def act(step: int) -> bool:
        return step < 4

    work = Work(act)
    async with loop_running("work", work, interval=NEVER):
        await work.has_begun(4)
        await turns()
    assert work.steps == 4


async def test_a_failed_step_is_logged_without_its_text_being_the_event(caplog: pytest.LogCaptureFixture) -> None:
    async def act(step: int) -> bool:
        if step == 1:
            raise ValueError("hunter2")
        return False

    work = Work(act)
    async with loop_running("relay", work, interval=NEVER):
        await work.has_begun(2)
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (record.getMessage(), vars(record)["loop"]) == ("loop_failed", "relay")
    assert record.exc_info is not None


async def pauses_of(outcomes: list[bool | Exception]) -> list[float]:
    """Seconds between steps that end like this one after the other, with a Wake at each failure."""
    begun = []
    wake = Wake()

    async def act(step: int) -> bool:
        begun.append(time.monotonic())
        outcome = outcomes[step - 1] if step <= len(outcomes) else False
        if isinstance(outcome, Exception):
            wake.set()
            raise outcome
        return outcome

    work = Work(act)
    async with loop_running("work", work, interval=NEVER, wake=wake):
        await work.has_begun(len(outcomes) + 1)
    return [later - earlier for earlier, later in pairwise(begun[: len(outcomes) + 1])]


async def test_pauses_after_failures_grow_and_no_wake_cuts_them_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "MIN_BACKOFF", 0.01)
    pauses = await pauses_of([ConnectionError()] * 5)
    for pause, least in zip(pauses, [0.01, 0.02, 0.04, 0.08, 0.16], strict=True):
        assert pause >= least


async def test_pauses_after_failures_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "MIN_BACKOFF", 0.01)
    monkeypatch.setattr(lifecycle, "MAX_BACKOFF", 0.01)
    assert sum(await pauses_of([ConnectionError()] * 7)) < 1.27 / 2


async def test_a_success_makes_the_pause_after_the_next_failure_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "MIN_BACKOFF", 0.01)
    *_, last = await pauses_of([*[ConnectionError()] * 6, True, ConnectionError()])
    assert last < 0.01 * 2**6 / 2


async def test_a_cancelled_call_inside_a_step_does_not_end_the_loop() -> None:
    async def act(step: int) -> bool:
        if step == 1:
            raise asyncio.CancelledError  # as a call does whose channel closes
        return False

    work = Work(act)
    async with loop_running("work", work, interval=NEVER):
        await work.has_begun(2)


async def test_steps_that_wait_for_nothing_let_others_run() -> None:
    async def act(_step: int) -> bool:
        return True

    work = Work(act)
    async with asyncio.timeout(LIMIT), loop_running("work", work, interval=NEVER):
        await work.has_begun(3)


async def test_a_step_under_way_is_finished_before_the_loop_stops() -> None:
    go_on = asyncio.Event()

    async def act(_step: int) -> bool:
        await go_on.wait()
        return True

    work = Work(act)
    async with asyncio.timeout(LIMIT):
        async with loop_running("work", work, interval=NEVER):
            await work.has_begun(1)
            asyncio.get_running_loop().call_later(0.02, go_on.set)
    assert (work.steps, work.finished) == (1, 1)


async def test_a_step_that_takes_too_long_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    cut = asyncio.Event()

    async def act(_step: int) -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.set()
            raise
        return False

    work = Work(act)
    async with asyncio.timeout(LIMIT):
        async with loop_running("slow", work, interval=NEVER, grace=0.02):
            await work.has_begun(1)
    assert cut.is_set()
    assert [record.getMessage() for record in caplog.records] == ["loop_cut"]


@pytest.mark.parametrize("failing", [True, False])
async def test_a_loop_that_waits_stops_at_once(failing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "MIN_BACKOFF", NEVER)

    async def act(_step: int) -> bool:
        if failing:
            raise ValueError
        return False

    work = Work(act)
    async with asyncio.timeout(LIMIT):
        async with loop_running("work", work, interval=NEVER):
            await work.has_begun(1)
            await turns()
    assert work.steps == 1


async def test_whoever_cancels_the_stop_cuts_the_step() -> None:
    cut = asyncio.Event()

    async def act(_step: int) -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.set()
            raise
        return False

    work = Work(act)

    async def service() -> None:
        async with loop_running("work", work, interval=NEVER, grace=NEVER):
            await work.has_begun(1)

    running = asyncio.create_task(service())
    await work.has_begun(1)
    await turns()
    running.cancel()
    async with asyncio.timeout(LIMIT):
        await cut.wait()
        await asyncio.wait({running})


async def test_an_error_in_the_body_stops_the_loop_and_goes_on() -> None:
    before = asyncio.all_tasks()
    with pytest.raises(ValueError, match="mine"):
        async with loop_running("work", Work(), interval=NEVER):
            raise ValueError("mine")
    assert asyncio.all_tasks() == before


async def test_a_wake_is_used_up_by_the_one_who_waited() -> None:
    wake = Wake()
    wake.set()
    async with asyncio.timeout(LIMIT):
        await wake.wait(NEVER)
    began = time.monotonic()
    await wake.wait(0.01)
    assert time.monotonic() - began >= 0.005
