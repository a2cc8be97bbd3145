"""kill -9 at the six moments at which a process holds something that nobody else knows of; then a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import psycopg
import pytest
import pytest_asyncio

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_simulator.handlers.hold_requests import Then
from tests.databases import fresh_database
from tests.e2e.rig import Rig, rig
from tests.e2e.stream import GATEWAY_PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(
    postgres: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Rig]:
    """One stack for all: each test leaves it as whole as it found it, and texts as a participant of its own."""
    folder = tmp_path_factory.mktemp("rig")
    async with (
        fresh_database(postgres, template) as database,
        rig(database, folder, variables=GATEWAY_PATIENCE) as stack,
    ):
        yield stack


@pytest.fixture(scope="module")
def fresh() -> Iterator[int]:
    return count(1)


@pytest.fixture
def participant(fresh: Iterator[int]) -> str:
    return f"+1666040{next(fresh):04d}"


async def test_accepted_not_claimed(stack: Rig, participant: str) -> None:
    """The text is stored and waits for the rest of a burst when the session service dies."""
    await stack.text(participant, "first", "settling")
    await stack.services["session"].kill()
    assert await _count(stack, "SELECT count(*) FROM session.turns WHERE open AND NOT claimed") == 1
    await stack.services["session"].start()
    await _conclude(stack, participant, ["1: first"])


async def test_agent_running(stack: Rig, participant: str) -> None:
    """The session service dies while its agent works: another claim runs the very same turn."""
    stack.gate.touch()
    await stack.text(participant, "first", "gated")
    (turn,) = await _arrivals(stack, participant, 1)
    await stack.services["session"].kill()
    await stack.services["session"].start()
    assert await _arrivals(stack, participant, 2) == [turn, turn]
    stack.gate.unlink()
    await _conclude(stack, participant, ["1: first"])


async def test_agent_killed_while_running(stack: Rig, participant: str) -> None:
    stack.gate.touch()
    await stack.text(participant, "first", "gated")
    await _arrivals(stack, participant, 1)
    await stack.services["agent"].kill()
    stack.gate.unlink()
    await stack.services["agent"].start()
    await _conclude(stack, participant, ["1: first"])


async def test_committed_not_relayed(stack: Rig, participant: str) -> None:
    """The reply is committed, nobody was there to take it, and the session service dies."""
    await stack.services["notifier"].kill()
    await stack.text(participant, "first")
    await _until(stack, "SELECT count(*) FROM session.outbox", 1)
    await stack.services["session"].kill()
    await asyncio.gather(stack.services["notifier"].start(), stack.services["session"].start())
    await _conclude(stack, participant, ["1: first"])


async def test_submitted_not_marked(stack: Rig, participant: str) -> None:
    """The notifier has the message; the session service dies before it hears what became of it."""
    hold = stack.simulator.place_hold(participant=participant)
    await stack.text(participant, "first")
    await hold.wait()
    await stack.services["session"].kill()
    hold.release()
    await stack.replies(participant, 1)
    await stack.services["session"].start()
    await _conclude(stack, participant, ["1: first"])


async def test_claimed_not_posted(stack: Rig, participant: str) -> None:
    """The notifier dies with a request on its way that Twilio never takes: absence is what proves it."""
    hold = stack.simulator.place_hold(participant=participant)
    await stack.text(participant, "first")
    await hold.wait()
    await stack.services["notifier"].kill()
    hold.release(Then.CUT)
    assert stack.simulator.outbox(participant) == []
    await stack.services["notifier"].start()
    await _conclude(stack, participant, ["1: first"])


async def test_accepted_not_marked(stack: Rig, participant: str) -> None:
    """The notifier dies with Twilio's 201 unread: evidence keeps it from sending a second time."""
    hold = stack.simulator.place_hold(participant=participant, accepted=True)
    await stack.text(participant, "first")
    await hold.wait()
    await stack.services["notifier"].kill()
    hold.release(Then.CUT)
    await stack.text(participant, "second")
    await stack.services["notifier"].start()
    await _conclude(stack, participant, ["1: first", "2: second"])


async def test_accepted_not_marked_and_the_callback_lost(stack: Rig, participant: str) -> None:
    """As above with every status callback lost: Twilio's list is the evidence that is left."""
    stack.simulator.add_fault("lose_callback", count=None, participant=participant)
    hold = stack.simulator.place_hold(participant=participant, accepted=True)
    await stack.text(participant, "first")
    await hold.wait()
    await stack.services["notifier"].kill()
    hold.release(Then.CUT)
    await stack.services["notifier"].start()
    await _conclude(stack, participant, ["1: first"])


async def _conclude(stack: Rig, participant: str, expected: list[str]) -> None:
    assert await stack.replies(participant, len(expected)) == expected
    await stack.settled()
    await stack.check()


async def _arrivals(stack: Rig, participant: str, count: int) -> list[str]:
    """The turn ids with which the agent has been called for the participant, once they are `count`."""
    arrived = stack.gate.with_suffix(".arrived")
    async with asyncio.timeout(40):
        while True:
            lines = [line.split() for line in arrived.read_text().splitlines()] if arrived.exists() else []
            turns = [turn for caller, turn in lines if caller == participant]
            if len(turns) >= count:
                return turns
            await asyncio.sleep(0.01)


async def _count(stack: Rig, query: str) -> int:
    async with await psycopg.AsyncConnection.connect(stack.database.admin_url, autocommit=True) as connection:
        row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return int(row[0])


async def _until(stack: Rig, query: str, expected: int) -> None:
    async with asyncio.timeout(40):
        while await _count(stack, query) != expected:
            await asyncio.sleep(0.01)
