"""A name that stands for several replicas, which come, go, freeze, or cannot be reached."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from parley_chassis import peers
from tests.integration.chassis.mounted import Volume
from tests.integration.chassis.notifier_client import (
    LIMIT,
    NAME,
    Client,
    Directory,
    client_of,
    server_process,
    until,
)
from tests.integration.chassis.notifier_service import Notifier, serving, status_of

SHORT = 1.0


@asynccontextmanager
async def behind_a_name(*notifiers: Notifier) -> AsyncIterator[tuple[Client, Directory, list[str]]]:
    """A client that knows all servers of `notifiers` by one name."""
    async with AsyncExitStack() as stack:
        addresses = [await stack.enter_async_context(serving(notifier)) for notifier in notifiers]
        directory = Directory(*addresses)
        client = await stack.enter_async_context(client_of(NAME, directory=directory))
        await client.reaches(*addresses)
        yield client, directory, addresses


async def test_calls_go_round_the_servers_behind_a_name() -> None:
    notifiers = [Notifier() for _ in range(3)]
    async with behind_a_name(*notifiers) as (client, _, _):
        for _ in range(9):
            await client.call()
    assert [notifier.calls for notifier in notifiers] == [3, 3, 3]


async def test_a_name_and_an_address_stand_side_by_side() -> None:
    named, fixed = Notifier(), Notifier()
    async with serving(named) as behind, serving(fixed) as address:
        directory = Directory(behind)
        async with client_of(address, NAME, directory=directory) as client:
            await client.reaches(address, behind)
            for _ in range(4):
                await client.call(repeats=0)
    assert (fixed.calls, named.calls) == (2, 2)


async def test_a_server_that_comes_gets_calls_and_costs_none() -> None:
    old, new = [Notifier(), Notifier()], Notifier()
    async with behind_a_name(*old) as (client, directory, addresses), serving(new) as address:
        directory.addresses = [*addresses, address]
        async with asyncio.timeout(LIMIT):
            while new.calls < 3:
                await client.call(repeats=0)
    assert all(notifier.calls for notifier in old)


async def test_a_server_that_goes_finishes_its_calls_and_gets_no_more() -> None:
    finish = asyncio.Event()

    async def act(_request: Any, _context: Any) -> None:
        await finish.wait()

    stays, goes = Notifier(), Notifier(act)
    async with behind_a_name(stays, goes) as (client, directory, addresses):
        calls = [asyncio.create_task(client.call(repeats=0)) for _ in range(4)]
        await until(lambda: goes.calls == 2)
        directory.addresses = addresses[:1]
        await client.reaches(addresses[0])
        for _ in range(5):
            await client.call(repeats=0)
        assert not all(call.done() for call in calls)
        finish.set()
        assert [await status_of(call) for call in calls] == [grpc.StatusCode.OK] * 4
        await until(lambda: len(client.replicas._peers._open) == 1)
    assert (stays.calls, goes.calls) == (7, 2)


async def test_a_server_at_another_address_takes_the_place_of_the_only_one() -> None:
    first, second = Notifier(), Notifier()
    async with serving(second) as address, AsyncExitStack() as old:
        directory = Directory(await old.enter_async_context(serving(first)))
        async with client_of(NAME, directory=directory) as client:
            await client.reaches(*directory.addresses)
            await client.call(repeats=0)
            directory.addresses = [address]
            async with asyncio.timeout(LIMIT):
                while not second.calls:
                    await client.call(repeats=0)
            await old.aclose()
            await client.call(repeats=0)
    assert first.calls


async def test_what_is_known_stays_while_the_name_cannot_be_looked_up(caplog: pytest.LogCaptureFixture) -> None:
    notifiers = [Notifier(), Notifier()]
    async with behind_a_name(*notifiers) as (client, directory, _):
        directory.addresses = []
        await directory.is_asked_again()
        for _ in range(4):
            await client.call(repeats=0)
    assert [notifier.calls for notifier in notifiers] == [2, 2]
    assert "peer_not_connected" not in caplog.messages


async def test_a_server_that_cannot_be_reached_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "CONNECT_TIMEOUT", 0.1)
    async with serving() as gone:
        pass
    notifiers = [Notifier(), Notifier()]
    async with behind_a_name(*notifiers) as (client, directory, addresses):
        directory.addresses = [*addresses, gone]
        await directory.is_asked_again()
        for _ in range(6):
            await client.call(repeats=0)
    assert [notifier.calls for notifier in notifiers] == [3, 3]


async def test_the_last_servers_stay_until_others_are_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "CONNECT_TIMEOUT", 0.1)
    async with serving() as gone:
        pass
    notifiers = [Notifier(), Notifier()]
    async with behind_a_name(*notifiers) as (client, directory, _):
        directory.addresses = [gone]
        await directory.is_asked_again()
        for _ in range(4):
            await client.call(repeats=0)
    assert [notifier.calls for notifier in notifiers] == [2, 2]


async def test_a_silent_server_behind_a_name_costs_one_deadline() -> None:
    async def act(_request: Any, _context: Any) -> None:
        await asyncio.Event().wait()

    silent, good = Notifier(act), Notifier()
    async with behind_a_name(silent, good) as (client, _, _):
        for _ in range(20):
            await client.call(timeout=SHORT)
    assert (silent.calls, good.calls) == (1, 20)


async def test_a_frozen_server_behind_a_name_is_left_alone() -> None:
    notifier = Notifier()
    with server_process() as (frozen, process):
        async with serving(notifier) as address:
            directory = Directory(address, frozen)
            async with client_of(NAME, directory=directory) as client:
                await client.reaches(address, frozen)
                process.send_signal(signal.SIGSTOP)
                for _ in range(10):
                    await client.call(timeout=SHORT)
                # Asked twice, it would be left alone for longer.
                left = [replica.suspended_until - time.monotonic() for replica in client.all]
    assert notifier.calls == 10
    assert [0 < seconds <= 60 for seconds in sorted(left)] == [False, True]


async def test_a_failure_has_the_name_looked_up_soon() -> None:
    second = Notifier()
    async with serving(second) as address, AsyncExitStack() as stack:
        async with serving() as first:
            directory = Directory(first)
            client = await stack.enter_async_context(client_of(NAME, directory=directory, interval=3600.0))
            await client.reaches(first)
            await client.call()
        directory.addresses = [address]
        async with asyncio.timeout(LIMIT):
            while await status_of(client.call()) != grpc.StatusCode.OK:
                await asyncio.sleep(0.02)
    assert second.calls


async def test_a_server_proves_to_be_the_one_that_the_name_stands_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "CONNECT_TIMEOUT", 0.5)
    authority = trustme.CA()
    host = NAME.rpartition(":")[0]
    right = Volume(tmp_path / "right", host).mount(authority, [authority])
    wrong = Volume(tmp_path / "wrong", "session.parley.test").mount(authority, [authority])
    client_volume = Volume(tmp_path / "client", "gateway.parley.test").mount(authority, [authority])
    proper, impostor = Notifier(), Notifier()
    async with serving(proper, right.process) as address, serving(impostor, wrong.process) as other:
        directory = Directory(other, address)
        async with client_of(NAME, process=client_volume.process, directory=directory) as client:
            await client.reaches(address)
            for _ in range(4):
                await client.call(repeats=0)
    assert (proper.calls, impostor.calls) == (4, 0)
