"""Calls spread over replicas, of which one refuses, is away, is frozen, or comes back."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest
import uvloop

from parley_chassis.errors import FailedPrecondition, ResourceExhausted, Unavailable
from parley_chassis.replicas import RECONNECT
from tests.integration.chassis.notifier_client import LIMIT, Client, client_of, client_of_servers, server_process
from tests.integration.chassis.notifier_service import DEADLINE, Notifier, serving, status_of

SHORT = 0.4


def failing(error: Exception) -> Notifier:
    async def act(_request: Any, _context: Any) -> None:
        raise error

    return Notifier(act)


@asynccontextmanager
async def cut_from(address: str, cut: asyncio.Event) -> AsyncIterator[str]:
    """An address that leads to another one until `cut` is set: then it is nobody's, and its connections break."""
    host, _, port = address.rpartition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        pumps = asyncio.gather(pump(reader, to_writer), pump(to_reader, writer))
        await cut.wait()
        server.close()
        pumps.cancel()
        writer.transport.abort()
        to_writer.transport.abort()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield "{}:{}".format(*server.sockets[0].getsockname())
    finally:
        cut.set()
        server.close()


async def test_calls_go_round() -> None:
    notifiers = [Notifier() for _ in range(3)]
    async with client_of_servers(*notifiers) as client:
        for _ in range(9):
            await client.call()
    assert [notifier.calls for notifier in notifiers] == [3, 3, 3]


async def test_a_replica_that_is_away_costs_no_call() -> None:
    async with serving() as gone:
        pass
    notifier = Notifier()
    async with serving(notifier) as address, client_of(gone, address) as client:
        for _ in range(4):
            await client.call()
    assert notifier.calls == 4


async def test_a_replica_that_refuses_is_left_alone_for_a_moment() -> None:
    bad, good = failing(Unavailable("stopping")), Notifier()
    async with client_of_servers(bad, good) as client:
        for _ in range(5):
            await client.call()
    assert (bad.calls, good.calls) == (1, 5)


async def test_after_the_moment_it_is_asked_again() -> None:
    bad, good = failing(Unavailable("stopping")), Notifier()
    async with client_of_servers(bad, good, suspension=0.05) as client:
        await client.call()
        bad.act = None
        async with asyncio.timeout(LIMIT):
            while bad.calls < 4:
                await client.call()
    assert bad.calls == 4


@pytest.mark.parametrize("error", [FailedPrecondition("no"), ResourceExhausted("slower"), ValueError("a fault")])
async def test_an_answer_is_not_asked_for_twice(error: Exception) -> None:
    first, second = failing(error), Notifier()
    async with client_of_servers(first, second) as client:
        assert await status_of(client.call()) != grpc.StatusCode.OK
        assert (first.calls, second.calls) == (1, 0)
        await client.call()
        assert await status_of(client.call()) != grpc.StatusCode.OK
    assert (first.calls, second.calls) == (2, 1)


async def test_when_all_refuse_each_is_asked_once_and_the_last_error_arrives() -> None:
    notifiers = [failing(Unavailable("first")), failing(Unavailable("second"))]
    async with client_of_servers(*notifiers) as client:
        assert await status_of(client.call()) == grpc.StatusCode.UNAVAILABLE
        assert [notifier.calls for notifier in notifiers] == [1, 1]
        # All suspended is none suspended.
        assert await status_of(client.call()) == grpc.StatusCode.UNAVAILABLE
    assert [notifier.calls for notifier in notifiers] == [2, 2]


@pytest.mark.parametrize(("repeats", "calls"), [(0, 1), (1, 2), (3, 4)])
async def test_a_single_replica_is_asked_again_as_often_as_allowed(repeats: int, calls: int) -> None:
    notifier = failing(Unavailable("no"))
    async with client_of_servers(notifier) as client:
        assert await status_of(client.call(repeats=repeats)) == grpc.StatusCode.UNAVAILABLE
    assert notifier.calls == calls


async def test_a_single_replica_is_called_again_soon_after_it_is_back() -> None:
    async with AsyncExitStack() as stack:
        async with serving() as address:
            client = await stack.enter_async_context(client_of(address))
            await client.call()
        assert await status_of(client.call()) == grpc.StatusCode.UNAVAILABLE
        await asyncio.sleep(0.8)  # lets the pauses between attempts to connect grow
        await stack.enter_async_context(serving(listen=address))
        back = time.monotonic()
        while await status_of(client.call()) != grpc.StatusCode.OK:
            assert time.monotonic() - back < LIMIT
            await asyncio.sleep(0.02)
        assert time.monotonic() - back < 2.0


async def test_no_call_fails_while_one_replica_has_just_come_back_and_the_other_goes() -> None:
    async with AsyncExitStack() as stack:
        async with serving() as second:
            pass
        async with serving() as first:
            client = await stack.enter_async_context(client_of(first, second, suspension=0.05))
            grown = time.monotonic() + 1.0
            while time.monotonic() < grown:  # lets the pauses between attempts to connect grow
                await client.call()
                await asyncio.sleep(0.02)
            notifier = Notifier()
            await stack.enter_async_context(serving(notifier, listen=second))
        await client.call()
        assert notifier.calls == 1


async def test_a_call_that_was_cut_off_late_is_repeated_on_another_replica() -> None:
    silent_for_ever = asyncio.Event()
    cut = asyncio.Event()

    async def act(_request: Any, _context: Any) -> None:
        asyncio.get_running_loop().call_later(RECONNECT * 1.5, cut.set)
        await silent_for_ever.wait()

    notifier = Notifier()
    async with (
        serving(Notifier(act)) as first,
        serving(notifier) as second,
        cut_from(first, cut) as way,
    ):
        async with client_of(way, second) as client:
            await client.call()
        silent_for_ever.set()
    assert notifier.calls == 1


async def test_while_no_replica_is_there_a_call_fails_soon() -> None:
    async with serving() as first, serving() as second:
        pass
    async with client_of(first, second) as client:
        began = time.monotonic()
        assert await status_of(client.call(timeout=DEADLINE)) == grpc.StatusCode.UNAVAILABLE
        assert RECONNECT / 2 < time.monotonic() - began < DEADLINE


async def test_a_frozen_replica_costs_one_deadline_and_is_used_again_when_it_thaws() -> None:
    notifier = Notifier()
    with server_process() as (frozen, process):
        async with serving(notifier) as address, client_of(frozen, address, suspension=0.5) as client:
            await client.call()
            await client.call()
            process.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            for _ in range(20):
                await client.call(timeout=SHORT)
            # Twice at most, once for each time that it was tried: at first, and after the first suspension.
            assert time.monotonic() - began < 20 * SHORT * 0.4
            assert notifier.calls == 21
            process.send_signal(signal.SIGCONT)
            async with asyncio.timeout(LIMIT):
                answered_here = True
                while answered_here:
                    before = notifier.calls
                    await client.call(timeout=SHORT)
                    answered_here = notifier.calls > before


async def test_only_one_call_finds_out_whether_a_silent_replica_is_back() -> None:
    silent_for_ever = asyncio.Event()

    async def act(_request: Any, _context: Any) -> None:
        await silent_for_ever.wait()

    silent, good = Notifier(act), Notifier()
    async with client_of_servers(silent, good, suspension=0.1) as client:
        await asyncio.gather(*(client.call(timeout=SHORT) for _ in range(8)))
        assert (silent.calls, good.calls) == (4, 8)
        await asyncio.sleep(0.15)
        await asyncio.gather(*(client.call(timeout=SHORT) for _ in range(8)))
        assert (silent.calls, good.calls) == (5, 16)


async def test_suspensions_of_a_silent_replica_grow_and_those_of_a_refusing_one_do_not() -> None:
    client = Client("127.0.0.1:1", suspension=1.0)
    (replica,) = client.all
    lengths = []
    for code in [*[grpc.StatusCode.DEADLINE_EXCEEDED] * 5, grpc.StatusCode.UNAVAILABLE]:
        replica.failed(replica.begin(SHORT), code)
        lengths.append(round(replica.suspended_until - time.monotonic()))
    assert lengths == [1, 2, 4, 8, 8, 1]
    replica.answered()
    assert replica.suspended_until == 0
    await client.replicas.close()


async def test_closing_ends_the_calls_under_way() -> None:
    began = asyncio.Event()

    async def act(_request: Any, _context: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    async with client_of_servers(Notifier(act)) as client:
        calling = asyncio.create_task(client.call(repeats=0))
        await began.wait()
        await client.replicas.close()
        await asyncio.wait({calling}, timeout=LIMIT)
        assert calling.done()
        assert calling.cancelled() or calling.exception() is not None


def test_a_service_without_an_address_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="address"):
        Client()


def test_server_and_client_run_on_uvloop() -> None:
    async def main() -> None:
        notifier = Notifier()
        async with client_of_servers(notifier) as client:
            await asyncio.gather(*(client.call() for _ in range(50)))
        assert notifier.calls == 50

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
