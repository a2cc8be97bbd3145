"""Whole services, alone and in pairs: texts in, answers out, while agents, notifiers and the services come and go."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID

import grpc
import pytest

from parley.session.v1 import number_pb2, number_service_pb2
from tests.contract.session.scripted_agent import (
    Refusal,
    Request,
    Respond,
    Response,
    ScriptedAgent,
    agent_running,
    echo,
)
from tests.databases import FreshDatabase
from tests.integration.session.replica import Rows, eventually
from tests.integration.session.services import (
    OURS,
    Client,
    KeepingNotifier,
    Surroundings,
    notifier_running,
    service_running,
)

ANNA = "+15550111"

TURNS_OF_EACH_TEXT = """
SELECT m.text, count(u.id) FROM session.messages m LEFT JOIN session.turns u ON u.thread_id = m.thread_id
  AND NOT u.open AND u.outcome = 1 AND m.position BETWEEN u.first_position AND u.last_position
WHERE m.direction = 1 GROUP BY m.id, m.text HAVING count(u.id) <> 1
"""


@pytest.fixture
async def agent() -> ScriptedAgent:
    return ScriptedAgent()


@pytest.fixture
async def notifier() -> KeepingNotifier:
    return KeepingNotifier()


@pytest.fixture
async def around(
    database: FreshDatabase, rows: Rows, agent: ScriptedAgent, notifier: KeepingNotifier
) -> AsyncIterator[Surroundings]:
    async with agent_running(agent) as agent_address, notifier_running(notifier) as notifier_address:
        yield Surroundings(database.session_url, {"*": (agent_address,)}, notifier_address)


@pytest.fixture
async def client(around: Surroundings) -> AsyncIterator[Client]:
    async with service_running(around) as client:
        yield client


async def test_a_text_comes_in_and_an_answer_goes_out(
    client: Client, agent: ScriptedAgent, notifier: KeepingNotifier, rows: Rows
) -> None:
    await client.send(ANNA, "hello")
    await eventually(lambda: len(notifier.submissions) == 1)
    (submission,) = notifier.submissions
    assert (submission.sender, submission.participant, submission.text) == (OURS, ANNA, "echo hello")
    assert (submission.seq, submission.canceled) == (1, False)
    assert UUID(submission.thread_id) == UUID(str(await rows.one("SELECT id FROM session.threads")))
    assert UUID(submission.message_id) == UUID(str(await rows.one("SELECT message_id FROM session.outbox")))
    assert len(agent.requests) == 1


async def test_two_replicas_answer_a_hundred_bursts(
    around: Surroundings, agent: ScriptedAgent, notifier: KeepingNotifier, rows: Rows
) -> None:
    chance = random.Random(1)
    agent.respond = _after(chance, 0.03)
    people = [f"+1666{n:07d}" for n in range(100)]
    async with service_running(around) as one, service_running(around) as two:

        async def burst(person: str) -> None:
            for n in range(3):
                await chance.choice([one, two]).send(person, f"{person} {n}")

        await asyncio.gather(*(burst(person) for person in people))
        await eventually(lambda: _all_answered(notifier, [f"{person} 2" for person in people]), 20)
    await _check_order(notifier, rows)
    assert len(agent.callers) == 2
    assert min(agent.callers.values()) >= 0.2 * agent.callers.total()


async def test_two_replicas_keep_a_few_busy_people_in_order(
    around: Surroundings, agent: ScriptedAgent, notifier: KeepingNotifier, rows: Rows
) -> None:
    """Few threads and slow answers: most texts come while a turn runs."""
    chance = random.Random(2)
    agent.respond = _after(chance, 0.1)
    people = [f"+1666{n:07d}" for n in range(20)]
    async with service_running(around) as one, service_running(around) as two:

        async def chat(person: str) -> None:
            for n in range(12):
                await chance.choice([one, two]).send(person, f"{person} {n}")
                await asyncio.sleep(chance.uniform(0, 0.08))

        await asyncio.gather(*(chat(person) for person in people))
        await eventually(lambda: _all_answered(notifier, [f"{person} 11" for person in people]), 20)
    await _check_order(notifier, rows)
    assert min(agent.callers.values()) >= 0.2 * agent.callers.total()


async def test_connections_that_break_again_and_again_lose_nothing(
    around: Surroundings, agent: ScriptedAgent, notifier: KeepingNotifier, rows: Rows
) -> None:
    agent.respond = _after(random.Random(3), 0.02)
    people = [f"+1666{n:07d}" for n in range(30)]
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parley-session'"
    async with service_running(around, turn_lease=0.5) as client:

        async def insist(person: str) -> None:
            """Repeats, as the gateway does, what was not answered."""
            for n in range(4):
                message = client.message(person, f"{person} {n}")
                while True:
                    try:
                        await client.receive(message)
                        break
                    except grpc.aio.AioRpcError as error:
                        if error.code() is not grpc.StatusCode.UNAVAILABLE:
                            raise
                        await asyncio.sleep(0.02)

        texting = [asyncio.create_task(insist(person)) for person in people]
        for _ in range(6):
            await asyncio.sleep(0.1)
            await rows.all(cut)
        await asyncio.gather(*texting)
        await rows.all("UPDATE session.outbox SET next_submit_time = clock_timestamp()")
        await eventually(lambda: _all_answered(notifier, [f"{person} 3" for person in people]), 30)
        await rows.all("UPDATE session.outbox SET next_submit_time = clock_timestamp()")
        await eventually(lambda: _whole(notifier), 10)
    await _check_order(notifier, rows)


async def test_a_service_that_stops_gives_its_turns_to_another_at_once(
    around: Surroundings, agent: ScriptedAgent, notifier: KeepingNotifier
) -> None:
    hold = asyncio.Event()

    async def hold_the_first(request: Request) -> Response:
        if request.fence == 1:
            await hold.wait()
        return await echo(request)

    agent.respond = hold_the_first
    async with service_running(around) as staying:
        async with service_running(around, drain=0.05) as leaving:
            await leaving.send(ANNA, "hello")
            await eventually(lambda: len(agent.requests) == 1)
            began = time.monotonic()
        await eventually(lambda: len(notifier.submissions) == 1)
        assert time.monotonic() - began < 15, "nobody waited for the lease of 20 s"
        first, second = agent.requests
        assert (first.turn_id, first.fence, second.turn_id, second.fence) == (first.turn_id, 1, first.turn_id, 2)
        hold.set()
        assert staying.service.batches()["commit"][0] == 1


async def test_a_service_that_stops_lets_its_turns_finish(
    around: Surroundings, agent: ScriptedAgent, notifier: KeepingNotifier, rows: Rows
) -> None:
    """The texts that came meanwhile are left to others, and nothing of a drain is done twice."""
    agent.respond = _after(random.Random(4), 0.3, least=0.2)
    async with service_running(around) as leaving:
        await leaving.send(ANNA, "one")
        await eventually(lambda: len(agent.requests) == 1)
        await leaving.send(ANNA, "two")
    assert notifier.texts == ["echo one"]
    assert await rows.all("SELECT claimed, fence FROM session.turns WHERE open") == [(False, 0)]


async def test_a_turn_keeps_its_lease_while_its_service_drains(
    around: Surroundings, agent: ScriptedAgent, notifier: KeepingNotifier
) -> None:
    agent.respond = _after(random.Random(5), 1.5, least=1.4)
    async with service_running(around, turn_lease=0.4):
        async with service_running(around, turn_lease=0.4) as leaving:
            await leaving.send(ANNA, "hello")
            await eventually(lambda: len(agent.requests) == 1)
        assert notifier.texts == ["echo hello"]
        assert len(agent.requests) == 1, "another took the turn for lost"


async def test_a_slow_turn_keeps_its_lease(
    around: Surroundings, agent: ScriptedAgent, notifier: KeepingNotifier
) -> None:
    agent.respond = _after(random.Random(6), 1.2, least=1.1)
    async with service_running(around, turn_lease=0.4) as one, service_running(around, turn_lease=0.4):
        await one.send(ANNA, "hello")
        await eventually(lambda: notifier.texts == ["echo hello"])
    assert len(agent.requests) == 1


async def test_an_agent_that_is_away_answers_when_it_is_back(
    database: FreshDatabase, rows: Rows, agent: ScriptedAgent, notifier: KeepingNotifier
) -> None:
    async with AsyncExitStack() as stack:
        notifier_address = await stack.enter_async_context(notifier_running(notifier))
        async with agent_running(agent) as address:
            around = Surroundings(database.session_url, {"*": (address,)}, notifier_address)
            client = await stack.enter_async_context(service_running(around))
            await client.send(ANNA, "one")
            await eventually(lambda: notifier.texts == ["echo one"])
        await client.send(ANNA, "two")
        await client.send(ANNA, "three")
        await _eventually_row(rows, "SELECT attempt, claimed FROM session.turns WHERE open", (0, False))
        async with agent_running(agent, address):
            await eventually(lambda: "echo three" in notifier.texts, 15)
    assert [submission.seq for submission in notifier.submissions] == list(range(1, len(notifier.submissions) + 1))


async def test_an_agent_that_dies_in_a_turn_is_asked_again(
    client: Client, agent: ScriptedAgent, notifier: KeepingNotifier, rows: Rows
) -> None:
    async def refuse_the_first(request: Request) -> Response:
        if request.fence == 1:
            raise Refusal(grpc.StatusCode.INTERNAL)
        return await echo(request)

    agent.respond = refuse_the_first
    await client.send(ANNA, "hello")
    await eventually(lambda: notifier.texts == ["echo hello"])
    assert await rows.all("SELECT fence, attempt FROM session.turns") == [(2, 2)]


async def test_messages_for_a_notifier_that_is_away_wait_for_it(
    client: Client, notifier: KeepingNotifier, rows: Rows
) -> None:
    notifier.away = True
    await client.send(ANNA, "hello")
    await _eventually_row(rows, "SELECT count(*) FROM session.outbox", (1,))
    notifier.away = False
    await rows.all("UPDATE session.outbox SET next_submit_time = clock_timestamp()")
    await eventually(lambda: notifier.texts == ["echo hello"], 10)


async def test_a_new_numbers_agent_is_asked_how_it_wants_its_sessions(
    client: Client, agent: ScriptedAgent, rows: Rows
) -> None:
    agent.settings.fallback_text = "oops"
    number = number_pb2.Number(number="+15550177", agent="desk")
    await client.numbers.UpdateNumber(number_service_pb2.UpdateNumberRequest(number=number, allow_missing=True))
    query = "SELECT settings->>'fallback_text' FROM session.agents WHERE name = 'desk'"
    await _eventually_row(rows, query, ("oops",))


def _after(chance: random.Random, longest: float, least: float = 0.0) -> Respond:
    async def respond(request: Request) -> Response:
        await asyncio.sleep(chance.uniform(least, longest))
        return await echo(request)

    return respond


def _all_answered(notifier: KeepingNotifier, texts: list[str]) -> bool:
    return {f"echo {text}" for text in texts} <= set(notifier.texts)


def _whole(notifier: KeepingNotifier) -> bool:
    return all(sorted(texts) == list(range(1, len(texts) + 1)) for texts in notifier.threads.values())


async def _check_order(notifier: KeepingNotifier, rows: Rows) -> None:
    """Each text was taken by one committed turn; a thread's messages have no gap and are in the order of its texts."""
    assert await rows.all(TURNS_OF_EACH_TEXT) == []
    assert _whole(notifier)
    for person, texts in notifier.threads.items():
        numbers = [int(texts[seq].rpartition(" ")[2]) for seq in sorted(texts)]
        assert numbers == sorted(set(numbers)), person
    assert await rows.one("SELECT count(*) FROM session.turns WHERE open") == 0


async def _eventually_row(rows: Rows, query: str, expected: tuple[object, ...]) -> None:
    async with asyncio.timeout(10):
        while await rows.all(query) != [expected]:
            await asyncio.sleep(0.01)
