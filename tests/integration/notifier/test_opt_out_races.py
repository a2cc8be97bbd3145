"""An opt-out and a claim at once: one of them waits for the other, whichever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from parley_notifier.domain.outcomes import Answer
from parley_notifier.ports import Wanted
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import Rows, Text, Thread, eventually
from tests.integration.notifier.processes import Process, accepted, process_on, wish

SID = "SM" + "1" * 32
OTHER_SENDER, SCOPE = "+15550002222", "MG" + "0" * 32


@pytest.fixture
async def one(database: FreshDatabase) -> AsyncIterator[Process]:
    async with process_on(database.notifier_url) as process:
        yield process


@pytest.fixture
async def other(database: FreshDatabase) -> AsyncIterator[Process]:
    async with process_on(database.notifier_url) as process:
        yield process


NO_LOCK = "SELECT 1 FROM unnest(%s::text[])"
NO_LANES = "SELECT thread_id::text FROM notifier.lanes WHERE false AND participant = ANY (%s::text[])"


async def waits_for_a_lock(rows: Rows) -> None:
    """Returns once a statement waits for another transaction."""
    query = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    await eventually(lambda: rows.one(query))


@pytest.fixture(params=["first text of its thread", "lane that stands"])
async def text(request: pytest.FixtureRequest, one: Process, thread: Thread) -> Text:
    """A text that nobody has claimed yet."""
    if request.param == "lane that stands":
        await one.submit(thread.text())
        await one.found(one.claimed.pop(), accepted(SID))
    return thread.text()


async def test_an_opt_out_waits_for_a_claim_under_way(
    one: Process, other: Process, text: Text, thread: Thread, rows: Rows
) -> None:
    after = thread.text()
    async with one.store.paused():
        claiming = asyncio.create_task(one.submit(text))
        await one.store.decided.wait()
        opting_out = asyncio.create_task(other.facts(wish(thread)))
        await waits_for_a_lock(rows)
        assert await rows.opt_outs() == []
    await asyncio.gather(claiming, opting_out)
    assert await rows.state(text.message_id) == "claimed", "it was before the opt-out"
    await other.submit(after)
    assert await rows.state(after.message_id) == "suppressed"


async def test_a_claim_waits_for_an_opt_out_under_way(
    one: Process, other: Process, text: Text, thread: Thread, rows: Rows
) -> None:
    async with other.store.paused():
        opting_out = asyncio.create_task(other.facts(wish(thread)))
        await other.store.decided.wait()
        claiming = asyncio.create_task(one.submit(text))
        await waits_for_a_lock(rows)
    await asyncio.gather(claiming, opting_out)
    assert await rows.state(text.message_id) == "suppressed"
    assert one.claimed == []


async def test_an_opt_out_leaves_out_no_lane_for_being_held(
    one: Process, text: Text, thread: Thread, rows: Rows
) -> None:
    await one.submit(text)
    async with one.store.batch() as batch:
        async with rows.connection.transaction():
            await rows.connection.execute("SELECT FROM notifier.lanes FOR UPDATE")
            gathering = asyncio.create_task(batch.gather(Wanted(opt_outs=[wish(thread)]), wait=False))
            await waits_for_a_lock(rows)
        gathered = await gathering
    assert (set(gathered.lanes), gathered.busy) == ({thread.id}, set())


@pytest.mark.parametrize("guard", ["lock_participants", "find_lanes"])
async def test_without_its_guards_a_claim_overtakes_an_opt_out(
    guard: str, one: Process, other: Process, thread: Thread, rows: Rows
) -> None:
    if guard == "find_lanes":
        await one.submit(thread.text())
        await one.found(one.claimed.pop(), accepted(SID))
    without: Mapping[str, object] = {"lock_participants": NO_LOCK, "find_lanes": NO_LANES}
    other.store._queries = {**other.store._queries, guard: without[guard]}  # type: ignore[dict-item]
    text = thread.text()
    async with other.store.paused():
        opting_out = asyncio.create_task(other.facts(wish(thread)))
        await other.store.decided.wait()
        await one.submit(text)
    await opting_out
    assert [row[1] for row in await rows.opt_outs()] == [True]
    assert await rows.state(text.message_id) == "claimed"


async def test_of_two_at_once_the_later_said_counts_whichever_commits_last(
    one: Process, other: Process, thread: Thread, rows: Rows
) -> None:
    """Of two senders in one scope, each with a batch of its own, so that no lane's lock tells them apart."""
    sibling = Thread(thread.participant)
    await one.submit(thread.text(scope=SCOPE))
    await other.submit(sibling.text(scope=SCOPE, sender=OTHER_SENDER))
    async with one.store.paused():
        refused_first = asyncio.create_task(one.found(one.claimed[0], Answer(400, 21610)))
        await one.store.decided.wait()
        await other.found(other.claimed[0], Answer(400, 21610))
        (later,) = await rows.opt_outs()
    await refused_first
    assert await rows.opt_outs() == [later]
