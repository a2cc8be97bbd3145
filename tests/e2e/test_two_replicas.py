"""Two replicas of session and notifier on one database: nothing lost, nothing twice, in order, and both at work."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from parley_chassis.postgres.embedded import EmbeddedPostgres
from tests.databases import FreshDatabase, fresh_database
from tests.e2e.rig import Rig, rig
from tests.e2e.stream import GATEWAY_PATIENCE

REPLICAS = {"session": 2, "notifier": 2}
LEAST_SHARE = 0.2
WORK = {"session": "commit", "notifier": "facts"}
"""The batches by which each service's share of the work is counted."""
PATIENCE = {**GATEWAY_PATIENCE, "PARLEY_GATEWAY_CALL_TIMEOUT": "2"}
"""No webhook fails on a busy machine, nor while a replica stands still."""

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(
    postgres: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Rig]:
    """A stack for those tests that leave it whole; each has participants of its own."""
    folder = tmp_path_factory.mktemp("shared")
    async with fresh_database(postgres, template) as database, rig(database, folder, REPLICAS, PATIENCE) as stack:
        yield stack


async def test_bursts_to_a_hundred_threads(database: FreshDatabase, tmp_path_factory: pytest.TempPathFactory) -> None:
    # On a busy machine the gateway would leave a replica alone that is merely slow.
    async with rig(database, tmp_path_factory.mktemp("bursts"), REPLICAS, GATEWAY_PATIENCE) as stack:
        await _bursts(stack, range(100))
        await stack.settled()
        await _check(stack, range(100), texts=300)
        shares = await _shares_of_work(stack)
        assert all(share >= LEAST_SHARE for share in shares.values()), shares


async def test_bursts_while_one_replica_of_each_stands_still(shared: Rig) -> None:
    """What a frozen process holds is taken over; what it does when it thaws comes too late to count."""
    frozen = [shared.services["session-2"], shared.services["notifier-2"]]
    many = len(shared.simulator.messages()) + 150
    bursts = asyncio.create_task(_bursts(shared, range(1000, 1100)))
    await shared.simulator.wait_until(lambda: len(shared.simulator.messages()) > many or None, 60)
    for process in frozen:
        process.freeze()
    await bursts
    await _bursts(shared, range(1100, 1130))
    await shared.settled()
    for process in frozen:
        process.thaw()
    await _bursts(shared, range(1060, 1130))
    await shared.settled()
    await _check(shared, range(1000, 1130), texts=3 * 200)


async def test_sixty_hot_participants(shared: Rig) -> None:
    """Texts come as fast as their webhooks are answered: each thread is running and receiving at once."""
    async with asyncio.TaskGroup() as group:
        for n in range(2000, 2060):
            group.create_task(_text_in_a_row(shared, _participant(n), 7))
    await shared.settled()
    await _check(shared, range(2000, 2060), texts=420)


async def _bursts(stack: Rig, participants: range) -> None:
    """Three texts from each participant, all on their way at once."""
    order = [(n, text) for n in participants for text in range(3)]
    random.Random(7).shuffle(order)
    slots = asyncio.Semaphore(40)

    async def send(n: int, text: int) -> None:
        async with slots:
            await stack.text(_participant(n), f"{n}.{text}", "uneven")

    async with asyncio.TaskGroup() as group:
        for n, text in order:
            group.create_task(send(n, text))


async def _text_in_a_row(stack: Rig, participant: str, texts: int) -> None:
    for text in range(texts):
        await stack.text(participant, f"t{text}", "uneven")


def _participant(n: int) -> str:
    return f"+1666050{n:04d}"


async def _check(stack: Rig, participants: range, texts: int) -> None:
    """Besides what holds of every run: each text is in the answer of one committed turn, in its thread's order."""
    numbers = [_participant(n) for n in participants]
    await stack.check()
    query = """
      SELECT t.participant,
        (SELECT string_agg(m.text, '+' ORDER BY m.position) FROM session.messages m
          WHERE m.thread_id = t.id AND m.direction = 1),
        (SELECT string_agg(m.text, '+' ORDER BY m.seq) FROM session.messages m
          WHERE m.thread_id = t.id AND m.direction = 2),
        (SELECT count(*) FROM session.messages m WHERE m.thread_id = t.id AND m.direction = 1)
      FROM session.threads t WHERE t.participant = ANY(%s)
    """
    async with await psycopg.AsyncConnection.connect(stack.database.admin_url) as connection:
        rows = await (await connection.execute(query, [numbers])).fetchall()
        overlaps = await connection.execute(
            "SELECT FROM session.turns a JOIN session.turns b ON a.thread_id = b.thread_id AND a.id < b.id "
            "AND a.first_position <= b.last_position AND b.first_position <= a.last_position"
        )
    assert sum(row[3] for row in rows) == texts
    for participant, heard, answered, _ in rows:
        # The agent answers with what it was given, so the answers together are the texts, once each and in order.
        assert answered == heard, participant
    assert not overlaps.rowcount, "two turns took the same text"


async def _shares_of_work(stack: Rig) -> dict[str, float]:
    """What part of its service's work each replica did, as its log says when it stops."""
    items: dict[str, int] = {}
    for name, process in reversed(stack.services.items()):
        await process.stop()
        lines = [json.loads(line) for line in process.log.read_text().splitlines() if line.startswith("{")]
        for line in lines:
            if line["event"] == "batches" and (work := WORK.get(name.partition("-")[0])):
                items[name] = line["batches"][work][0]
    return {
        name: count / sum(c for other, c in items.items() if other.partition("-")[0] == name.partition("-")[0])
        for name, count in items.items()
    }
