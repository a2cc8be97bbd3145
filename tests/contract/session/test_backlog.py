"""Callers are kept from adding to what a number does not get sent; participants are answered all the same."""

from __future__ import annotations

import grpc
import pytest

from parley.session.v1 import session_pb2
from parley_chassis.postgres.pool import database as pool
from parley_session.adapters.ids import id_before, new_id
from parley_session.adapters.postgres.store import PostgresThreadStore
from parley_session.handlers.take_requests import BACKLOG
from parley_session.handlers.watch_backlog import WatchBacklog
from tests.contract.session.test_session_requests import ANNA, BEN, refusal, send, start
from tests.databases import FreshDatabase
from tests.integration.session.replica import OURS, Rows, eventually
from tests.integration.session.services import Client, KeepingNotifier

Code = grpc.StatusCode
OTHER = "+15550109"


@pytest.fixture(autouse=True)
async def registered(rows: Rows) -> None:
    await rows.register()


async def test_a_number_is_held_up_by_texts_that_wait_too_long_and_by_no_others(
    client: Client, notifier: KeepingNotifier, database: FreshDatabase, rows: Rows
) -> None:
    await rows.register(OTHER, agent="desk")
    for n in range(3):
        await start(client, request_id=f"R{n}", participant=f"+1555030000{n}")
    await start(client, request_id="other", agent="desk")
    async with pool(database.session_url, application="test", size=1) as connections:
        store = PostgresThreadStore(connections)
        assert await store.find_backlogged(60.0, 0) == set()
        assert await store.find_backlogged(0.0, 3) == set()
        assert await store.find_backlogged(0.0, 2) == {OURS}
        assert await store.find_backlogged(-1.0, 0) == {OURS, OTHER}
        # What people have stopped waits as it should.
        await rows.all("UPDATE session.numbers SET sending_paused = true WHERE number = %s", OTHER)
        assert await store.find_backlogged(-1.0, 0) == {OURS}


@pytest.fixture
async def held_up(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Numbers that count as held up, without the minute that it takes."""
    numbers: set[str] = set()
    monkeypatch.setattr(WatchBacklog, "holds_up", lambda self, number: number in numbers)
    return numbers


async def test_callers_are_told_and_participants_are_answered(
    held_up: set[str], client: Client, notifier: KeepingNotifier
) -> None:
    started = await start(client)
    held_up.add(OURS)
    assert await refusal(start(client, request_id="R2", participant=BEN)) == (Code.RESOURCE_EXHAUSTED, BACKLOG, "")
    assert (await refusal(send(client, started.session_id)))[:2] == (Code.RESOURCE_EXHAUSTED, BACKLOG)
    # What was done before is told as ever.
    assert await start(client) == started
    (received,) = await client.send(ANNA, "hello")
    assert received.outcome == session_pb2.ReceiveResult.OUTCOME_ACCEPTED
    await eventually(lambda: "echo hello" in notifier.texts)


async def test_the_backlog_is_over_by_itself(
    client: Client, notifier: KeepingNotifier, database: FreshDatabase, rows: Rows
) -> None:
    await start(client)
    async with pool(database.session_url, application="test", size=1) as connections:
        watch = WatchBacklog(PostgresThreadStore(connections), late=-1.0, few=0)
        assert not watch.holds_up(OURS)
        await watch()
        assert watch.holds_up(OURS)
        await rows.all("DELETE FROM session.outbox")
        await watch()
        assert not watch.holds_up(OURS)


def test_ids_tell_what_is_older() -> None:
    made = new_id()
    assert id_before(1.0) < made < id_before(-1.0)
