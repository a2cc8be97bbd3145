"""Two replicas of session and notifier on one database: nothing lost, nothing twice, in order, and both at work."""

from __future__ import annotations

import asyncio
import json
import random

import psycopg
import pytest

from tests.databases import FreshDatabase
from tests.e2e.rig import Rig, rig

REPLICAS = {"session": 2, "notifier": 2}
LEAST_SHARE = 0.2
WORK = {"session": "commit", "notifier": "facts"}
"""The batches by which each service's share of the work is counted."""

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_bursts_to_a_hundred_threads(database: FreshDatabase, tmp_path_factory: pytest.TempPathFactory) -> None:
    async with rig(database, tmp_path_factory.mktemp("bursts"), REPLICAS) as stack:
        await _bursts(stack, range(100))
        await stack.settled()
        await _check(stack, texts=300)
        shares = await _shares_of_work(stack)
        assert all(share >= LEAST_SHARE for share in shares.values()), shares


async def test_bursts_while_one_replica_of_each_stands_still(
    database: FreshDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What a frozen process holds is taken over; what it does when it thaws comes too late to count."""
    async with rig(database, tmp_path_factory.mktemp("frozen"), REPLICAS) as stack:
        frozen = [stack.services["session-2"], stack.services["notifier-2"]]
        bursts = asyncio.create_task(_bursts(stack, range(100)))
        await stack.simulator.wait_until(lambda: len(stack.simulator.messages()) > 150 or None, 20)
        for process in frozen:
            process.freeze()
        await bursts
        await _bursts(stack, range(100, 130))
        await stack.settled()
        for process in frozen:
            process.thaw()
        await _bursts(stack, range(130))
        await stack.settled()
        await _check(stack, texts=3 * 260)


async def test_sixty_hot_participants(database: FreshDatabase, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Texts come as fast as their webhooks are answered: each thread is running and receiving at once."""
    async with rig(database, tmp_path_factory.mktemp("hot"), REPLICAS) as stack:
        async with asyncio.TaskGroup() as group:
            for n in range(60):
                group.create_task(_text_in_a_row(stack, _participant(n), 10))
        await stack.settled()
        await _check(stack, texts=600)


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


async def _check(stack: Rig, texts: int) -> None:
    """Besides what holds of every run: each text is in the answer of one committed turn, in its thread's order."""
    await stack.check()
    query = """
      SELECT t.participant,
        (SELECT string_agg(m.text, '+' ORDER BY m.position) FROM session.messages m
          WHERE m.thread_id = t.id AND m.direction = 1),
        (SELECT string_agg(m.text, '+' ORDER BY m.seq) FROM session.messages m
          WHERE m.thread_id = t.id AND m.direction = 2),
        (SELECT count(*) FROM session.messages m WHERE m.thread_id = t.id AND m.direction = 1)
      FROM session.threads t
    """
    async with await psycopg.AsyncConnection.connect(stack.database.admin_url) as connection:
        rows = await (await connection.execute(query)).fetchall()
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
