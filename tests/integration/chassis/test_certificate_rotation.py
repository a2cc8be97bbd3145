"""Certificates that are replaced under calls: new connections show the new ones, and no call notices."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from parley.notifier.v1 import notifier_service_pb2_grpc
from parley_chassis import peers
from parley_chassis.certificates import Certificates, mounted
from parley_chassis.grpc_channel import channel_to
from tests.integration.chassis.mounted import Volume
from tests.integration.chassis.notifier_client import Client, client_of, until
from tests.integration.chassis.notifier_service import DEADLINE, REQUEST, Notifier, serving, status_of

PACE = 0.005
"""Seconds between two calls."""
CALL = 0.02
"""Seconds that a call takes, so that some are under way at every moment."""
HOST = "127.0.0.1"


@dataclass
class Seen:
    """A server that notes from which connections and with which certificate its last calls came."""

    calls: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=10))
    notifier: Notifier = field(init=False)

    def __post_init__(self) -> None:
        self.notifier = Notifier(self._act)

    async def _act(self, _request: Any, context: Any) -> None:
        (certificate,) = context.auth_context()["x509_pem_cert"]
        self.calls.append((context.peer(), certificate))
        await asyncio.sleep(CALL)

    @property
    def connections(self) -> set[str]:
        return {peer for peer, _ in self.calls}

    async def is_called_anew(self, old: set[str]) -> None:
        """Waits until calls come by none of the `old` connections any more."""
        await until(lambda: len(self.calls) == self.calls.maxlen and self.connections.isdisjoint(old))


@asynccontextmanager
async def under_calls(client: Client) -> AsyncIterator[list[asyncio.Task[grpc.StatusCode]]]:
    """Calls without repeats, 200 a second; yields how they end."""
    calls: list[asyncio.Task[grpc.StatusCode]] = []

    async def go_on() -> None:
        while True:
            calls.append(asyncio.create_task(status_of(client.call(repeats=0))))
            await asyncio.sleep(PACE)

    going = asyncio.create_task(go_on())
    try:
        yield calls
    finally:
        going.cancel()
        await asyncio.gather(*calls)


async def is_accepted(address: str, certificates: Certificates | None) -> bool:
    """Whether a new connection with these opens."""
    async with channel_to(address, certificates) as channel:
        stub = notifier_service_pb2_grpc.NotifierServiceStub(channel)
        return await status_of(stub.Submit(REQUEST, timeout=DEADLINE)) == grpc.StatusCode.OK


async def test_no_call_notices_that_authority_and_certificates_are_replaced(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    ours = Volume(tmp_path / "client", HOST).mount(old, [old])
    theirs = [Volume(tmp_path / str(number), HOST).mount(old, [old]) for number in range(2)]
    servers = [Seen() for _ in theirs]

    async def replaced(issuer: trustme.CA | None, trusted: Sequence[trustme.CA]) -> None:
        before = [server.connections for server in servers]
        for volume in (*theirs, ours):
            if issuer:
                volume.mount(issuer, trusted)
            else:
                volume.trust(trusted)
        for server, connections in zip(servers, before, strict=True):
            await server.is_called_anew(connections)

    async with AsyncExitStack() as stack:
        addresses = [
            await stack.enter_async_context(serving(server.notifier, volume.process))
            for server, volume in zip(servers, theirs, strict=True)
        ]
        first = mounted(ours.process)
        client = await stack.enter_async_context(client_of(*addresses, process=ours.process))
        async with under_calls(client) as calls:
            for server in servers:
                await server.is_called_anew(set())
            await replaced(None, [old, new])
            await replaced(new, [old, new])
            await replaced(None, [new])
            assert not await is_accepted(addresses[0], first)
            assert await is_accepted(addresses[0], mounted(ours.process))
        shown = {certificate for server in servers for _, certificate in server.calls}
        await until(lambda: len(client.replicas._peers._open) == 2)
    assert {call.result() for call in calls} == {grpc.StatusCode.OK}
    assert shown == {ours.certificate}


async def test_a_certificate_that_a_server_does_not_accept_yet_leaves_the_connection_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(peers, "CONNECT_TIMEOUT", 0.1)
    old, new = trustme.CA(), trustme.CA()
    ours, theirs = (Volume(tmp_path / name, HOST).mount(old, [old]) for name in ("client", "server"))
    server = Seen()
    async with (
        serving(server.notifier, theirs.process) as address,
        client_of(address, process=ours.process) as client,
        under_calls(client) as calls,
    ):
        await server.is_called_anew(set())
        before = server.connections
        ours.mount(new, [old, new])
        await until(lambda: "peer_not_connected" in caplog.messages)
        assert server.connections == before
        theirs.trust([old, new])
        await server.is_called_anew(before)
    assert {call.result() for call in calls} == {grpc.StatusCode.OK}
