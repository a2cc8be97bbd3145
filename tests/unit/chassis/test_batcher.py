"""The batcher: what arrives while a flush runs is the next batch, and every item gets exactly one answer."""

import asyncio
import contextvars
import gc
import logging
from collections.abc import Sequence

import grpc
import pytest

from parley_chassis.batcher import Batcher, BatcherClosed, log_sizes
from parley_chassis.errors import InvalidArgument, Unavailable


class Destination:
    """Takes batches while its gate is open; what it does with one is up to `react`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()
        self.under_way = 0
        self.most_under_way = 0

    async def flush(self, items: list[int]) -> Sequence[int]:
        self.batches.append(items)
        self.arrived.set()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
            return self.react(items)
        finally:
            self.under_way -= 1

    def react(self, items: list[int]) -> Sequence[int]:
        return [item * 10 for item in items]


class Refusing(Destination):
    """Raises for a batch that holds one of `bad`."""

    def __init__(self, bad: set[int], error: type[Exception] = ValueError) -> None:
        super().__init__()
        self.bad = bad
        self.error = error

    def react(self, items: list[int]) -> Sequence[int]:
        if found := self.bad & set(items):
            raise self.error(f"{min(found)} is bad")
        return super().react(items)


async def test_at_idle_an_item_is_a_batch_of_its_own() -> None:
    destination = Destination()
    batcher = Batcher(destination.flush)
    assert await batcher.submit(1) == 10
    assert await batcher.submit(2) == 20
    assert destination.batches == [[1], [2]]
    assert (batcher.items, batcher.batches) == (2, 2)


async def test_what_one_turn_of_the_loop_brings_goes_together() -> None:
    destination = Destination()
    batcher = Batcher(destination.flush)
    assert await asyncio.gather(*map(batcher.submit, range(5))) == [0, 10, 20, 30, 40]
    assert destination.batches == [[0, 1, 2, 3, 4]]


async def test_what_arrives_during_a_flush_is_the_next_batch() -> None:
    destination = Destination()
    destination.gate.clear()
    batcher = Batcher(destination.flush)
    first = batcher.put(1)
    await destination.arrived.wait()
    later = [batcher.put(2), batcher.put(3)]
    await asyncio.sleep(0)
    assert destination.batches == [[1]]
    destination.gate.set()
    assert await asyncio.gather(first, *later) == [10, 20, 30]
    assert destination.batches == [[1], [2, 3]]


async def test_a_batch_is_no_longer_than_the_limit() -> None:
    destination = Destination()
    batcher = Batcher(destination.flush, limit=2)
    assert await asyncio.gather(*map(batcher.submit, range(5))) == [0, 10, 20, 30, 40]
    assert destination.batches == [[0, 1], [2, 3], [4]]


async def test_as_many_flushes_run_at_a_time_as_flights_allow() -> None:
    destination = Destination()
    destination.gate.clear()
    batcher = Batcher(destination.flush, limit=1, flights=2)
    futures = [batcher.put(item) for item in range(5)]
    await destination.arrived.wait()
    await asyncio.sleep(0)
    assert destination.batches == [[0], [1]]
    destination.gate.set()
    await asyncio.gather(*futures)
    assert destination.most_under_way == 2


async def test_one_bad_item_leaves_its_neighbours_alone() -> None:
    destination = Refusing({37})
    batcher = Batcher(destination.flush)
    outcomes = await asyncio.gather(*map(batcher.submit, range(100)), return_exceptions=True)
    assert [outcome for outcome in outcomes if not isinstance(outcome, ValueError)] == [
        item * 10 for item in range(100) if item != 37
    ]
    assert isinstance(outcomes[37], ValueError)
    assert len(destination.batches) <= 1 + 2 * 7  # halves, not one flush for each item


async def test_each_bad_item_gets_its_own_error() -> None:
    batcher = Batcher(Refusing({0, 3, 4}, InvalidArgument).flush)
    outcomes = await asyncio.gather(*map(batcher.submit, range(5)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["0 is bad", "10", "20", "3 is bad", "4 is bad"]


async def test_halves_keep_the_order_of_items() -> None:
    destination = Refusing({5})
    batcher = Batcher(destination.flush)
    await asyncio.gather(*map(batcher.submit, range(6)), return_exceptions=True)
    passed = [item for batch in destination.batches if 5 not in batch for item in batch]
    assert passed == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("away"),
        TimeoutError(),
        ConnectionResetError(),
        grpc.aio.AioRpcError(grpc.StatusCode.DEADLINE_EXCEEDED),
        grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE),
    ],
    ids=repr,
)
async def test_an_absent_peer_is_asked_once_for_a_whole_batch(error: Exception) -> None:
    batches = []

    async def flush(items: list[int]) -> list[int]:
        batches.append(items)
        raise error

    batcher = Batcher(flush)
    outcomes = await asyncio.gather(*map(batcher.submit, range(8)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {type(error)}
    assert len(batches) == 1


async def test_a_peer_that_goes_away_while_halves_are_flushed_is_not_asked_again() -> None:
    batches = []

    async def flush(items: list[int]) -> list[int]:
        batches.append(items)
        raise ValueError if len(batches) == 1 else Unavailable("away")

    batcher = Batcher(flush)
    outcomes = await asyncio.gather(*map(batcher.submit, range(8)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 8
    assert batches == [list(range(8)), [0, 1, 2, 3]]


async def test_callers_of_one_failed_batch_get_an_exception_each() -> None:
    batcher = Batcher(Refusing({1}, lambda text: Unavailable(text, reason="AWAY", field="x")).flush)  # type: ignore[arg-type]
    outcomes = await asyncio.gather(*map(batcher.submit, range(3)), return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert len({id(error) for error in errors}) == 3
    assert {(str(error), error.error_reason, error.field) for error in errors} == {("1 is bad", "AWAY", "x")}


async def test_a_flush_that_returns_another_number_of_results_leaves_nobody_waiting() -> None:
    async def flush(items: list[int]) -> list[int]:
        return []

    outcomes = await asyncio.gather(*map(Batcher(flush).submit, range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3


async def test_the_item_of_a_caller_that_has_gone_is_flushed() -> None:
    destination = Destination()
    destination.gate.clear()
    batcher = Batcher(destination.flush)
    running, waiting, staying = (asyncio.create_task(batcher.submit(item)) for item in (1, 2, 3))
    await destination.arrived.wait()
    running.cancel()
    waiting.cancel()
    destination.gate.set()
    assert await staying == 30
    assert sorted(item for batch in destination.batches for item in batch) == [1, 2, 3]


async def test_closing_flushes_what_waits_and_refuses_what_comes_later() -> None:
    destination = Destination()
    destination.gate.clear()
    batcher = Batcher(destination.flush, limit=1)
    futures = [batcher.put(item) for item in range(3)]
    await destination.arrived.wait()
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(BatcherClosed):
        await batcher.submit(9)
    assert not closing.done()
    destination.gate.set()
    await closing
    assert [future.result() for future in futures] == [0, 10, 20]
    assert batcher.items == 3


async def test_closing_flushes_what_was_put_in_the_same_turn_of_the_loop() -> None:
    batcher = Batcher(Destination().flush)
    future = batcher.put(1)
    await batcher.close()
    assert future.result() == 10


async def test_a_flush_survives_the_one_who_waits_for_the_close() -> None:
    destination = Destination()
    destination.gate.clear()
    batcher = Batcher(destination.flush)
    future = batcher.put(1)
    await destination.arrived.wait()
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    destination.gate.set()
    assert await future == 10


async def test_a_cancelled_call_inside_a_flush_fails_the_batch_and_not_the_batcher() -> None:
    cut = True

    async def flush(items: list[int]) -> list[int]:
        nonlocal cut
        if cut:
            cut = False
            raise asyncio.CancelledError  # as a call does whose channel closes
        return items

    batcher = Batcher(flush)
    outcomes = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert await batcher.submit(3) == 3


async def test_when_the_loop_ends_under_a_flush_nobody_is_left_waiting() -> None:
    destination = Destination()
    destination.gate.clear()
    before = asyncio.all_tasks()
    batcher = Batcher(destination.flush, limit=1)
    futures = [batcher.put(item) for item in range(3)]
    await destination.arrived.wait()
    (flush,) = asyncio.all_tasks() - before
    flush.cancel()
    await asyncio.wait({flush})
    assert [type(future.exception()) for future in futures] == [BatcherClosed] * 3
    assert asyncio.all_tasks() == before


async def test_an_error_that_nobody_reads_is_not_reported() -> None:
    reports: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context))
    batcher = Batcher(Refusing({1}).flush)
    batcher.put(1)
    await batcher.close()
    batcher.put(2)
    gc.collect()
    await asyncio.sleep(0)
    assert reports == []


async def test_a_flush_runs_in_no_callers_context() -> None:
    caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="nobody")
    seen = []

    async def flush(items: list[int]) -> list[int]:
        seen.append(caller.get())
        caller.set("the flush before")
        return items

    batcher = Batcher(flush, limit=1)

    async def call(item: int) -> None:
        caller.set(f"caller {item}")
        await batcher.submit(item)

    await asyncio.gather(*(asyncio.create_task(call(item)) for item in range(3)))
    caller.set("who closes")
    batcher.put(3)
    await batcher.close()
    assert seen == ["nobody"] * 4


async def test_what_waits_can_be_counted() -> None:
    destination = Destination()
    destination.gate.clear()
    batcher = Batcher(destination.flush, limit=2)
    futures = [batcher.put(item) for item in range(5)]
    assert batcher.waiting == 5
    await destination.arrived.wait()
    assert batcher.waiting == 3
    destination.gate.set()
    await asyncio.gather(*futures)
    assert batcher.waiting == 0


async def test_sizes_are_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    batcher = Batcher(Destination().flush)
    await asyncio.gather(batcher.submit(1), batcher.submit(2))
    with caplog.at_level(logging.INFO):
        log_sizes({"receive": batcher})
    (record,) = caplog.records
    assert vars(record)["batches"] == {"receive": (2, 1)}
