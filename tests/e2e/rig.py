"""Parley as processes that tests kill, freeze and start again, around a simulated Twilio in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

import parley_simulator.app
from parley.session.v1 import session_pb2
from parley_cli.stack.layout import Databases, Layout, service_processes
from parley_cli.stack.processes import ServiceProcess
from parley_cli.stack.session_api import session_api
from parley_simulator.settings import Settings as SimulatorSettings
from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase

AGENTS = Path(__file__).parent / "crash_agents"
NUMBERS = {
    agent: f"+1555040{n:04d}" for n, agent in enumerate(("desk", "gated", "settling", "slow", "uneven"), start=1)
}
# The protocol's durations, shortened by one factor of twenty; their order, on which its safety rests, is kept.
SHORT = {
    "PARLEY_SESSION_TURN_LEASE": "1.0",
    "PARLEY_NOTIFIER_LEASE": "3.0",
    "PARLEY_NOTIFIER_MARGIN": "1.0",
    "PARLEY_NOTIFIER_SEND_TIMEOUT": "0.75",
    "PARLEY_NOTIFIER_READ_TIMEOUT": "0.5",
    "PARLEY_NOTIFIER_CONNECT_TIMEOUT": "0.15",
    "PARLEY_NOTIFIER_SETTLE": "6.0",
    "PARLEY_NOTIFIER_LIST_GAP": "1.5",
    "PARLEY_NOTIFIER_LOOK_AFTER": "0.25",
    "PARLEY_NOTIFIER_BACKOFF": "0.05",
    "PARLEY_NOTIFIER_BACKOFF_LIMIT": "1.5",
    "PARLEY_AGENT_WORKERS": "2",
}
# Turns, and messages as both services have them, with who has claimed them and how often.
UNDER_WAY = """
  SELECT 'turn', t.id::text, t.claimed::text, t.fence::text, t.wake_time - clock_timestamp(), '', 0
  FROM session.turns t WHERE t.open
  UNION ALL
  SELECT 'message', o.message_id::text, m.delivery_state::text, o.submits::text, o.next_submit_time - clock_timestamp(),
    coalesce(d.state, 'not handed over'), d.attempt
  FROM session.outbox o JOIN session.messages m ON m.id = o.message_id
  LEFT JOIN notifier.deliveries d ON d.id = o.message_id
"""


@dataclass
class Rig:
    """A stack of processes. `services` are by name; the second replica of one is `session-2`."""

    simulator: Simulator
    layout: Layout
    database: FreshDatabase
    services: dict[str, ServiceProcess]
    gate: Path
    """While this file is there, the agent `gated` stands still."""

    async def text(self, participant: str, body: str, agent: str = "desk") -> None:
        """A text to the agent's number that was taken: its webhook, or then its fallback, was answered 200."""
        inbound = await self.simulator.text(participant, NUMBERS[agent], body)
        assert inbound.outcome in ("delivered", "fallback")

    async def replies(self, participant: str, total: int, timeout: float = 60.0) -> list[str]:
        messages = await self.simulator.wait_for_outbound(participant, total, timeout)
        return [message.body for message in messages]

    async def settled(self, timeout: float = 60.0) -> None:
        """Returns when nothing is under way any more: no open turn, nothing handed over without an outcome."""
        give_up = asyncio.get_running_loop().time() + timeout
        async with await psycopg.AsyncConnection.connect(self.database.admin_url, autocommit=True) as connection:
            while left := await (await connection.execute(UNDER_WAY)).fetchall():
                assert asyncio.get_running_loop().time() < give_up, f"still under way: {left[:5]}"
                await asyncio.sleep(0.02)

    async def check(self) -> None:
        """What must hold of the whole run, whatever died: see the assertions."""
        query = """
          SELECT t.participant, m.direction, m.seq, m.text, m.delivery_state, m.turn_id, t.last_seq
          FROM session.messages m JOIN session.threads t ON t.id = m.thread_id ORDER BY t.participant, m.position
        """
        async with await psycopg.AsyncConnection.connect(self.database.admin_url) as connection:
            rows = await (await connection.execute(query)).fetchall()
            waiting = await connection.execute("SELECT FROM session.threads WHERE taken < last_inbound")
        assert not waiting.rowcount, "a text was taken by no turn"
        participants = {row[0] for row in rows}
        for participant in participants:
            outbound = [row for row in rows if row[0] == participant and row[1] == 2]
            assert [row[2] for row in outbound] == list(range(1, len(outbound) + 1)), "a gap in the order"
            assert [message.body for message in self.simulator.outbox(participant)] == [row[3] for row in outbound], (
                "what Twilio accepted is not what was committed, once and in order"
            )
            assert all(row[4] >= session_pb2.DELIVERY_STATE_ACCEPTED for row in outbound), "an outcome is not recorded"


@asynccontextmanager
async def rig(
    database: FreshDatabase,
    folder: Path,
    replicas: Mapping[str, int] = {},
    variables: Mapping[str, str] = {},
    own: Mapping[str, Mapping[str, str]] = {},
) -> AsyncIterator[Rig]:
    """Starts everything, with each agent behind its number of NUMBERS. `folder` takes the logs.

    `variables` are added to what every process is told, `own` to what the process of that name is.
    """
    gate = folder / "gate"
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            parley_simulator.app.running(SimulatorSettings(listen="127.0.0.1:0", control_listen="127.0.0.1:0"))
        )
        databases = Databases(database.session_url, database.notifier_url)
        layout = Layout.on_loopback(databases, simulator.account_sid, simulator.auth_token, AGENTS, replicas)
        layout = layout.with_twilio(simulator.api_url)
        told = {**SHORT, "GATE": str(gate), "PARLEY_AGENT_ENVIRONMENT": "GATE", **variables}
        services = {process.name: process for process in service_processes(layout, folder, told)}
        for process in services.values():
            process.environment = {**process.environment, **own.get(process.name, {})}
        stack.push_async_callback(_kill_all, services)
        await asyncio.gather(*(process.start() for process in services.values()))
        async with session_api(layout.session.split(",")[0], layout.api_key) as api:
            for agent, number in NUMBERS.items():
                simulator.add_number(number, sms_url=layout.sms_url, sms_fallback_url=layout.sms_fallback_url)
                await api.update_number(number, agent)
        await _described(database)
        yield Rig(simulator, layout, database, services, gate)


async def _kill_all(services: Mapping[str, ServiceProcess]) -> None:
    """Also those that a test has added."""
    await asyncio.gather(*(process.kill() for process in services.values()))


async def _described(database: FreshDatabase) -> None:
    """Waits until the session service has all agents' settings: it asks for them once a number points there."""
    async with asyncio.timeout(40):
        async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
            while True:
                row = await (await connection.execute("SELECT count(*) FROM session.agents")).fetchone()
                if row == (len(NUMBERS),):
                    return
                await asyncio.sleep(0.01)
