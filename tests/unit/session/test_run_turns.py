"""Turns under way in one process: whatever becomes of a call reaches the commit, and a stop leaves none behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from parley_chassis.errors import Unavailable
from parley_chassis.settings import ProcessSettings
from parley_chassis.telemetry import Telemetry
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Absence, Answer, Failure
from parley_session.domain.settings import DEFAULTS
from parley_session.domain.thread import Session, Thread, Turn, TurnKind
from parley_session.handlers.commit_turns import TurnResult
from parley_session.handlers.run_turns import RunTurns
from parley_session.ports import AgentAway, AgentFailed, Agents, HistoryItem, ThreadStore

LEASE = 0.08


def a_run(turn_id: str = "turn", fence: int = 1) -> RunTurn:
    thread = Thread("thread", 1, "+15550100", "+15550111")
    turn = Turn(turn_id, "session", TurnKind.MESSAGE, datetime(2030, 1, 1, tzinfo=UTC), claimed=True, fence=fence)
    return RunTurn(thread, Session("session", "echo", {}, DEFAULTS, 1), turn, ())


class Surroundings:
    """An agent that does as it is told, and a store that notes which leases it was asked to renew."""

    def __init__(self) -> None:
        self.respond: Callable[[RunTurn], Awaitable[Answer]] = self.answer
        self.called: list[RunTurn] = []
        self.renewed: list[list[tuple[str, int]]] = []
        self.results: list[TurnResult] = []
        self.unavailable = 0

    async def run_turn(self, run: RunTurn, _history: Sequence[HistoryItem]) -> Answer:
        self.called.append(run)
        return await self.respond(run)

    async def answer(self, run: RunTurn) -> Answer:
        return Answer(run.turn.id, run.turn.fence, ("hello",))

    async def renew_leases(self, claims: Sequence[tuple[str, int]], _lease: float) -> None:
        self.renewed.append(list(claims))

    async def commit(self, result: TurnResult) -> bool:
        if self.unavailable:
            self.unavailable -= 1
            raise Unavailable("the database is away")
        self.results.append(result)
        return True

    @property
    def events(self) -> list[object]:
        return [result.event for result in self.results]


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@pytest.fixture
def turns(around: Surroundings) -> RunTurns:
    telemetry = Telemetry("session", ProcessSettings(insecure_dev=True))
    return RunTurns(cast(ThreadStore, around), cast(Agents, around), telemetry, lease=LEASE, limit=3)


def raising(error: BaseException) -> Callable[[RunTurn], Awaitable[Answer]]:
    async def respond(_run: RunTurn) -> Answer:
        raise error

    return respond


async def never(_run: RunTurn) -> Answer:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AgentAway(), Absence("turn", 1)),
        (AgentFailed(), Failure("turn", 1)),
        (RuntimeError("nobody foresaw this"), Failure("turn", 1)),
    ],
)
async def test_what_became_of_a_call_is_committed(
    turns: RunTurns, around: Surroundings, error: Exception, expected: object
) -> None:
    around.respond = raising(error)
    turns.start(a_run(), [], around.commit)
    await asyncio.sleep(0)
    await turns.stop(1)
    assert around.events == [expected]
    assert turns.free_slots == 0, "a process that stops has none"


async def test_an_answer_is_held_while_the_database_is_away(turns: RunTurns, around: Surroundings) -> None:
    around.unavailable = 1
    turns.start(a_run(), [], around.commit)
    await asyncio.sleep(0)
    await turns.stop(1)
    assert around.events == [Answer("turn", 1, ("hello",))]


async def test_a_slot_is_taken_until_the_commit(turns: RunTurns, around: Surroundings) -> None:
    slots: list[int] = []

    async def commit(result: TurnResult) -> bool:
        slots.append(turns.free_slots)
        return await around.commit(result)

    turns.start(a_run("one"), [], commit)
    turns.start(a_run("two"), [], commit)
    assert turns.free_slots == 1
    async with asyncio.timeout(30):
        while turns.free_slots < 3:
            await asyncio.sleep(0)
    assert slots == [1, 1]


async def test_a_turn_claimed_twice_takes_two_slots(turns: RunTurns, around: Surroundings) -> None:
    """The first claim was lost to the second, and its agent is still at work."""
    around.respond = never
    turns.start(a_run(fence=1), [], around.commit)
    turns.start(a_run(fence=2), [], around.commit)
    assert turns.free_slots == 1
    await turns.stop(0)
    assert around.events == [Absence("turn", 1), Absence("turn", 2)]


async def test_a_stop_lets_turns_finish(turns: RunTurns, around: Surroundings) -> None:
    done = asyncio.Event()

    async def respond(run: RunTurn) -> Answer:
        await done.wait()
        return await around.answer(run)

    around.respond = respond
    turns.start(a_run(), [], around.commit)
    await asyncio.sleep(0)
    stopping = asyncio.create_task(turns.stop(5))
    await asyncio.sleep(0.01)
    assert not stopping.done()
    done.set()
    await stopping
    assert around.events == [Answer("turn", 1, ("hello",))]


async def test_a_stop_gives_back_what_takes_too_long(turns: RunTurns, around: Surroundings) -> None:
    around.respond = never
    turns.start(a_run(), [], around.commit)
    await asyncio.sleep(0)
    await turns.stop(0.01)
    assert len(around.called) == 1
    assert around.events == [Absence("turn", 1)]


async def test_a_turn_that_a_last_commit_starts_is_given_back_at_once(turns: RunTurns, around: Surroundings) -> None:
    """Its batch was decided before the stop began."""

    async def commit(result: TurnResult) -> bool:
        if result.event.turn_id == "first":
            turns.start(a_run("second"), [], around.commit)
        return await around.commit(result)

    turns.start(a_run("first"), [], commit)
    await asyncio.sleep(0)
    await turns.stop(1)
    assert around.events == [Answer("first", 1, ("hello",)), Absence("second", 1)]
    assert [run.turn.id for run in around.called] == ["first"]


async def test_leases_are_renewed_once_a_quarter_of_them_is_over(turns: RunTurns, around: Surroundings) -> None:
    around.respond = never
    turns.start(a_run("old"), [], around.commit)
    await turns.renew_leases()
    assert around.renewed == []
    await asyncio.sleep(LEASE / 4)
    turns.start(a_run("new", fence=7), [], around.commit)
    await turns.renew_leases()
    assert around.renewed == [[("old", 1)]]
    await asyncio.sleep(LEASE / 4)
    await turns.renew_leases()
    assert around.renewed[1:] == [[("old", 1), ("new", 7)]]
    await turns.stop(0)


async def test_a_result_that_cannot_be_committed_is_left_to_its_lease(turns: RunTurns, around: Surroundings) -> None:
    async def refuse(_result: TurnResult) -> bool:
        raise RuntimeError("the database refuses it")

    turns.start(a_run(), [], refuse)
    await turns.stop(1)
    assert around.events == []
