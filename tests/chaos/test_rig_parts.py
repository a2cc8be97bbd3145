"""What the rig is made of: durations that are the services' own, controls that still find their guards, a proxy."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from parley_notifier.settings import Settings as NotifierSettings
from parley_session.settings import Settings as SessionSettings
from tests.chaos import forms
from tests.chaos.ambush import Caught, ripe
from tests.chaos.broken import BROKEN, GuardMoved, rewrite, rewrite_statement
from tests.chaos.history import Journal, read
from tests.chaos.proxy import Link, to_port
from tests.chaos.scale import CONSTANTS, SETTINGS, Scale
from tests.chaos.schedule import PROCESSES, blows

ROOT = Path(__file__).parents[2]
KINDS: dict[str, type[BaseSettings]] = {"PARLEY_SESSION_": SessionSettings, "PARLEY_NOTIFIER_": NotifierSettings}


@pytest.mark.parametrize("variable", SETTINGS)
def test_what_is_scaled_is_the_default(variable: str) -> None:
    (prefix,) = [prefix for prefix in KINDS if variable.startswith(prefix)]
    field = KINDS[prefix].model_fields[variable.removeprefix(prefix).lower()]
    assert field.default == SETTINGS[variable]


def test_the_constants_that_are_scaled_are_the_services_own() -> None:
    for module, constants in CONSTANTS.items():
        loaded = importlib.import_module(module)
        assert {name: getattr(loaded, name) for name in constants} == constants


def test_every_control_finds_its_guard() -> None:
    take_all_out = "from tests.chaos.broken import BROKEN\nfor _, take_out in BROKEN.values(): take_out()"
    done = subprocess.run([sys.executable, "-c", take_all_out], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_guard_that_has_moved_is_told() -> None:
    with pytest.raises(GuardMoved):
        rewrite("parley_notifier.domain.lane", "Lane.pass_final", "if guard:", "if False:")
    with pytest.raises(GuardMoved):
        rewrite_statement("parley_notifier.adapters.postgres.store", "read_passage", "guard", "true", "gate.sql")


def test_an_ambush_takes_a_fresh_claim_of_somebody_who_is_not_about_to_send() -> None:
    fresh, old = Caught("a", 1, "first.11", 0.05), Caught("b", 1, "first.11", 0.9)
    about_to_send = Caught("c", 1, "first.11", 0.45)
    elsewhere = Caught("d", 2, "second.12", 0.45)
    assert list(ripe([old, fresh, elsewhere], pause=0.5)) == [fresh]
    assert not list(ripe([old, about_to_send, fresh], pause=0.5))
    assert fresh.pid == 11


def test_every_control_has_a_form() -> None:
    assert set(forms.CONTROLS) == set(BROKEN)


def test_a_seed_decides_the_schedule() -> None:
    plan, scale = forms.short(1, 20.0).plan, Scale()
    assert blows(plan, 5, 30, scale) == blows(plan, 5, 30, scale)
    assert blows(plan, 5, 30, scale) != blows(plan, 6, 30, scale)


@pytest.mark.parametrize("seed", range(5))
def test_the_short_form_kills_each_process_and_postgresql(seed: int) -> None:
    options = forms.short(seed, 20.0)
    dealt = blows(options.plan, seed, options.seconds, options.scale)
    assert {blow.target for blow in dealt if blow.kind in ("kill", "stop")} == {*PROCESSES, "postgresql"}


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "some.jsonl")
    journal.write("asked", key="k", token="w1")
    journal.write("asked", key="k", token="w1", message="m1")
    journal.write("skip", began=1.0, offset=60.0)
    journal.write("thread", row={"id": "t", "endpoint": "a", "participant": "b", "taken": 1, "last_inbound": 1})
    journal.close()
    history = read(tmp_path)
    assert [(request.acked, request.messages) for request in history.requests.values()] == [(True, ("m1",))]
    assert [thread.id for thread in history.threads] == ["t"]
    assert history.people_times(0.5) == (0.5, 0.5)
    assert history.people_times(2.0) == (2.0, 62.0)
    assert history.people_times(history.skips[0].ended + 1)[0] == history.skips[0].ended + 61


@asynccontextmanager
async def echo() -> AsyncIterator[Link]:
    """A link to a server that says everything back."""

    async def say_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(say_back, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    link = Link("echo", [to_port(f"{host}:{port}")])
    await link.open()
    try:
        yield link
    finally:
        await link.close()
        server.close()


async def connect(link: Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = link.address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def test_a_link_carries_both_ways() -> None:
    async with asyncio.timeout(10), echo() as link:
        reader, writer = await connect(link)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()


async def test_a_link_that_is_cut_resets_its_connections() -> None:
    async with asyncio.timeout(10), echo() as link:
        reader, writer = await connect(link)
        writer.write(b"hello")
        await reader.readexactly(5)
        assert link.cut() == 1
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_a_slow_link_keeps_the_order() -> None:
    async with asyncio.timeout(10), echo() as link:
        reader, writer = await connect(link)
        link.delay = 0.05
        writer.write(b"first ")
        await asyncio.sleep(0.01)
        link.delay = 0.0
        writer.write(b"second")
        assert await reader.readexactly(12) == b"first second"
        writer.close()


async def test_what_a_hole_has_taken_never_arrives() -> None:
    async with asyncio.timeout(10), echo() as link:
        reader, writer = await connect(link)
        link.open_hole()
        writer.write(b"lost")
        await asyncio.sleep(0.05)
        link.close_hole()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(4)
        writer.close()
        reader, writer = await connect(link)
        writer.write(b"found")
        assert await reader.readexactly(5) == b"found"
        writer.close()


async def test_a_connection_through_a_hole_that_said_nothing_goes_on() -> None:
    async with asyncio.timeout(10), echo() as link:
        reader, writer = await connect(link)
        link.open_hole()
        link.close_hole()
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
