"""Texts that came while no gateway was there: read from Twilio's list by one notifier, in order, whoever dies."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from parley_simulator.domain.calls import Call
from tests.databases import FreshDatabase
from tests.e2e.rig import NUMBERS, Rig, rig

LIST = "messages.list"
PEOPLE = [f"+1666090{n:04d}" for n in range(4)]
TEXTS = [f"text {n}" for n in range(1, 6)]
SETTINGS = {
    # A sixtieth of the usual: the outage here lasts for several of them.
    "PARLEY_NOTIFIER_LIST_INTERVAL": "1.0",
    # A list may be held for long.
    "PARLEY_NOTIFIER_READ_TIMEOUT": "30",
    "PARLEY_NOTIFIER_SEND_TIMEOUT": "35",
    "PARLEY_NOTIFIER_MARGIN": "40",
    "PARLEY_NOTIFIER_LEASE": "90",
    "PARLEY_NOTIFIER_SETTLE": "180",
}

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def rows(stack: Rig, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(stack.database.admin_url, autocommit=True) as connection:
        cursor = await connection.execute(query.encode(), parameters)
        return await cursor.fetchall() if cursor.description else []


async def heard(stack: Rig) -> dict[str, list[str]]:
    """Each participant's texts as they are stored, in order."""
    found = await rows(
        stack,
        "SELECT t.participant, array_agg(m.text ORDER BY m.position) FROM session.messages m "
        "JOIN session.threads t ON t.id = m.thread_id WHERE m.direction = 1 AND t.endpoint = %s GROUP BY 1",
        NUMBERS["desk"],
    )
    return dict(found)


async def stop_gateway(stack: Rig) -> None:
    await stack.services["gateway"].kill()
    # Twilio's tries at a closed door take their time and change nothing.
    stack.simulator.add_fault("lose_inbound", count=None)


async def lose(stack: Rig, participants: list[str], texts: list[str], agent: str = "desk") -> None:
    for text in texts:
        for participant in participants:
            inbound = await stack.simulator.text(participant, NUMBERS[agent], text)
            assert inbound.outcome == "lost", "nobody was there to take it"


async def until_heard(stack: Rig, expected: dict[str, list[str]]) -> None:
    async with asyncio.timeout(30):
        while await heard(stack) != expected:
            await asyncio.sleep(0.05)


def lists(stack: Rig) -> list[Call]:
    return stack.simulator.calls(LIST)


async def test_an_outage_of_the_gateway_is_over_with_the_second_list(
    database: FreshDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with rig(database, tmp_path_factory.mktemp("outage"), {"notifier": 2}, SETTINGS) as stack:
        await stack.text(PEOPLE[0], "before")
        await stack.replies(PEOPLE[0], 1)
        await stop_gateway(stack)
        # A number that becomes ours later: what it was sent before is its former owner's.
        await rows(
            stack,
            "UPDATE session.numbers SET ingest_from = now() + interval '1 h' WHERE number = %s",
            NUMBERS["settling"],
        )
        await lose(stack, PEOPLE, ["not ours"], "settling")
        hold = stack.simulator.place_hold(operation=LIST, count=None)
        await hold.wait()
        for text in TEXTS:
            await lose(stack, PEOPLE, [text])
        after = lists(stack)[-1].index
        assert len(hold.held) == 1, "two read the list at once"
        hold.count = 0
        hold.release()
        await until_heard(stack, {p: ["before"] * (p == PEOPLE[0]) + TEXTS for p in PEOPLE})
        assert len(stack.simulator.calls(LIST, after)) <= 2, "one that had begun, and one that sees them all"
        # Of the two notifiers one reads at a time, and none more often than the interval says.
        begun = [call.at for call in lists(stack)]
        assert all(later - earlier >= 0.5 for earlier, later in pairwise(begun))
        stack.simulator.clear_faults()
        await stack.services["gateway"].start()
        await stack.text(PEOPLE[0], "after")
        await stack.settled()
        assert (await heard(stack))[PEOPLE[0]] == ["before", *TEXTS, "after"]
        ignored = "SELECT count(*) FROM session.messages WHERE text = 'not ours' AND ignore_reason = ''"
        assert await rows(stack, ignored) == [(0,)]


async def test_a_notifier_that_dies_while_it_reads_the_list_is_replaced_by_the_other(
    database: FreshDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with rig(database, tmp_path_factory.mktemp("dies"), {"notifier": 2}, SETTINGS) as stack:
        reader, other = stack.services["notifier"], stack.services["notifier-2"]
        await other.stop()
        await stop_gateway(stack)
        await lose(stack, PEOPLE, TEXTS[:2])
        hold = stack.simulator.place_hold(operation=LIST)
        await hold.wait()
        await other.start()
        await lose(stack, PEOPLE, TEXTS[2:])
        await reader.kill()
        hold.release()
        known = lists(stack)[-1].index
        # As if the dead one's lease had run out.
        assert await rows(stack, "SELECT 1 FROM notifier.coverage WHERE lease_until > now()"), "it is still its turn"
        assert stack.simulator.calls(LIST, known) == []
        await rows(stack, "UPDATE notifier.coverage SET lease_until = now()")
        await until_heard(stack, dict.fromkeys(PEOPLE, TEXTS))
        await stack.settled()
        assert await heard(stack) == dict.fromkeys(PEOPLE, TEXTS)
