"""The gate on a real PostgreSQL: closed by a person, and by itself when the database has forgotten what was sent."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from parley.notifier.v1 import gate_service_pb2, gate_service_pb2_grpc, notifier_pb2, notifier_service_pb2_grpc
from parley_chassis.errors import error_info
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_chassis.postgres.migrations import migrate
from parley_chassis.postgres.roles import ensure_roles, role_of
from parley_notifier.app import MIGRATIONS, SCHEMA, running
from parley_notifier.settings import Settings
from parley_simulator.simulator import Simulator
from tests.integration.notifier.conftest import FAST, PROCESS, TOKEN, Notifier, Thread, eventually
from tests.integration.notifier.peers import SessionPeer

Gate = notifier_pb2.Gate


class Doorman:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = gate_service_pb2_grpc.GateServiceStub(channel)

    async def look(self) -> Gate:
        return (await self._stub.GetGate(gate_service_pb2.GetGateRequest(), timeout=30)).gate

    async def close(self, reason: str = "") -> Gate:
        return (await self._stub.CloseGate(gate_service_pb2.CloseGateRequest(reason=reason), timeout=30)).gate

    async def open(self, *, force: bool = False) -> Gate:
        return (await self._stub.OpenGate(gate_service_pb2.OpenGateRequest(force=force), timeout=30)).gate

    async def recover(self) -> Gate:
        return (await self._stub.RecoverGate(gate_service_pb2.RecoverGateRequest(), timeout=30)).gate

    async def is_open(self) -> bool:
        try:
            return (await self.look()).state == Gate.STATE_OPEN
        except grpc.aio.AioRpcError:
            return False

    async def is_recovering(self) -> bool:
        try:
            return (await self.look()).state == Gate.STATE_RECOVERING
        except grpc.aio.AioRpcError:
            return False


def texts_at(simulator: Simulator) -> list[str]:
    """What Twilio has taken, the earliest first."""
    return [message.body for message in simulator.messages() if message.direction == "outbound-api"]


@asynccontextmanager
async def started(url: str, simulator: Simulator, session: SessionPeer) -> AsyncIterator[tuple[Notifier, Doorman]]:
    fields: dict[str, Any] = {
        "process": PROCESS,
        "listen": "127.0.0.1:0",
        "database_url": url,
        "session_address": (session.address,),
        "callback_url": "http://127.0.0.1:9",
        "twilio_url": simulator.api_url,
        "twilio_account_sid": simulator.account_sid,
        "twilio_auth_token": TOKEN,
        "list_interval": 0.3,
    }
    async with (
        running(Settings(**(fields | FAST))) as service,
        grpc.aio.insecure_channel(service.address) as channel,
    ):
        yield Notifier(service, notifier_service_pb2_grpc.NotifierServiceStub(channel)), Doorman(channel)


@pytest.fixture
async def own_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """One that a test may stop and put back."""
    async with embedded_postgres(settings={"fsync": "off"}) as server:
        await ensure_roles(server.url())
        await migrate(server.url(role_of("notifier")), MIGRATIONS, SCHEMA)
        yield server


async def test_nothing_is_sent_while_the_gate_is_closed_and_all_of_it_after(
    own_postgres: EmbeddedPostgres, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    async with started(own_postgres.url(role_of("notifier")), simulator, session) as (notifier, gate):
        await eventually(gate.is_open)
        closed = await gate.close("wrong prices")
        assert (closed.state, closed.reason) == (Gate.STATE_CLOSED, "wrong prices")
        await notifier.submit(thread.text("one"), thread.text("two"))
        assert (await gate.look()).waiting == 2
        assert texts_at(simulator) == []
        assert (await gate.open()).state == Gate.STATE_OPEN
        await eventually(lambda: _is(lambda: texts_at(simulator) == ["one", "two"]))


async def test_a_restored_database_sends_nothing_twice(
    own_postgres: EmbeddedPostgres, simulator: Simulator, session: SessionPeer, thread: Thread, tmp_path: Path
) -> None:
    """By point in time: another timeline, which a process that was not there before sees too."""
    url = own_postgres.url(role_of("notifier"))
    async with started(url, simulator, session) as (notifier, _):
        await notifier.submit(thread.text("before"))
        await eventually(lambda: _is(lambda: texts_at(simulator) == ["before"]))
    backup = await _back_up(own_postgres, tmp_path)
    async with started(url, simulator, session) as (notifier, _):
        await notifier.submit(thread.text("lost"))
        await eventually(lambda: _is(lambda: texts_at(simulator) == ["before", "lost"]))
    await _restore(own_postgres, backup, new_timeline=True)
    # Without lists it is not over before somebody has asked for its end.
    unlisted = simulator.add_fault("error", operation="messages.list", count=None)
    async with started(url, simulator, session) as (notifier, gate):
        await eventually(gate.is_recovering)
        # The session service has forgotten it too: its agent says the same again, in another message.
        thread.written -= 1
        await notifier.submit(thread.text("lost"), thread.text("after"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await gate.open()
        info = error_info(refused.value)
        assert info is not None
        assert info.reason == "GATE_RECOVERING"
        simulator.clear_faults(unlisted.id)
        await eventually(lambda: _is(lambda: texts_at(simulator) == ["before", "lost", "after"]))
        assert await gate.is_open()


async def test_a_volume_that_was_put_back_under_a_running_process_is_noticed(
    own_postgres: EmbeddedPostgres, simulator: Simulator, session: SessionPeer, thread: Thread, tmp_path: Path
) -> None:
    """The same timeline: only the process that saw the log go further can tell."""
    async with started(own_postgres.url(role_of("notifier")), simulator, session) as (notifier, gate):
        await notifier.submit(thread.text("before"))
        await eventually(lambda: _is(lambda: texts_at(simulator) == ["before"]))
        backup = await _back_up(own_postgres, tmp_path)
        await eventually(gate.is_open)
        lost = thread.text("lost")
        await notifier.submit(lost)
        # The batch that noted its outcome has seen its claim in the log: no look at the gate is needed.
        await session.wait_for("ACCEPTED", lost.message_id)
        unlisted = simulator.add_fault("error", operation="messages.list", count=None)
        await _restore(own_postgres, backup, new_timeline=False)
        await eventually(gate.is_recovering)
        simulator.clear_faults(unlisted.id)
        thread.written -= 1
        await notifier.submit(thread.text("lost"), thread.text("after"))
        await eventually(lambda: _is(lambda: texts_at(simulator) == ["before", "lost", "after"]))


async def test_a_server_that_was_killed_and_has_lost_nothing_goes_on_at_once(
    own_postgres: EmbeddedPostgres, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    async with started(own_postgres.url(role_of("notifier")), simulator, session) as (notifier, gate):
        await eventually(gate.is_open)
        await own_postgres.stop_immediately()
        await own_postgres.start()
        await eventually(gate.is_open)
        assert (await gate.look()).HasField("lost_since") is False
        await notifier.submit(thread.text("one"))
        await eventually(lambda: _is(lambda: texts_at(simulator) == ["one"]))


async def test_a_person_can_say_that_a_volume_was_put_back(
    own_postgres: EmbeddedPostgres, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    async with started(own_postgres.url(role_of("notifier")), simulator, session) as (notifier, gate):
        await eventually(gate.is_open)
        assert (await gate.recover()).state == Gate.STATE_RECOVERING
        await notifier.submit(thread.text("one"))
        opened = await gate.open(force=True)
        assert opened.state == Gate.STATE_OPEN
        await eventually(lambda: _is(lambda: texts_at(simulator) == ["one"]))


async def _is(check: Callable[[], bool]) -> bool:
    return check()


async def _back_up(server: EmbeddedPostgres, folder: Path) -> Path:
    await server.stop_immediately()
    await _copy(server.data / "cluster", folder / "backup")
    await server.start()
    return folder / "backup"


async def _restore(server: EmbeddedPostgres, backup: Path, *, new_timeline: bool) -> None:
    await server.stop_immediately()
    cluster = server.data / "cluster"
    shutil.rmtree(cluster)
    await _copy(backup, cluster)
    if new_timeline:
        (cluster / "recovery.signal").touch()
        owner = cluster.stat()
        os.chown(cluster / "recovery.signal", owner.st_uid, owner.st_gid)
        with (cluster / "postgresql.auto.conf").open("a") as settings:
            settings.write("restore_command = 'false'\n")
    await server.start()


async def _copy(source: Path, target: Path) -> None:
    """With owners and modes, on which PostgreSQL insists."""
    process = await asyncio.create_subprocess_exec("cp", "-a", str(source), str(target))
    assert await process.wait() == 0
