"""The cluster's network in a namespace of its own: a bridge that pods are plugged into, and doors to what is outside.

Addresses and ports are thus those of the manifests, and none of this machine is taken.
"""

from __future__ import annotations

import asyncio
import ctypes
import ipaddress
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

import aiohttp

from tests.kube.chart.node.box import Plug

CLONE_NEWNET = 0x40000000
ROUTER = "10.244.0.1"
PODS = ipaddress.ip_network("10.244.0.0/16")
READY_SECONDS = 20.0
CHUNK = 1 << 16

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Network:
    """`pid` is that of a process that does nothing but keep the namespace."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        self._numbers = count(2)
        self._doors: list[asyncio.Server] = []
        self._relays: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def new_address(self) -> str:
        """A pod's, which nothing else has."""
        return str(PODS[256 + next(self._numbers)])

    def plug(self, address: str) -> Plug:
        """For one life of a container: the cable of an earlier one may not be gone yet."""
        return Plug(self.pid, f"pod{next(self._numbers)}", f"{address}/{PODS.prefixlen}", ROUTER)

    def http(self, **options: Any) -> aiohttp.ClientSession:
        """A client that is on this network."""
        connector = aiohttp.TCPConnector(socket_factory=lambda _: self.new_socket(), force_close=True)
        return aiohttp.ClientSession(connector=connector, **options)

    async def open_door(self, address: str, port: int, to: Connect, tls: ssl.SSLContext | None = None) -> None:
        """What pods send to `address:port`, an address outside of theirs, gets where `to` leads."""
        listening = await self.listening(address, port)
        self._doors.append(await asyncio.start_server(self._relayed(to), sock=listening, ssl=tls))

    async def listening(self, address: str, port: int) -> socket.socket:
        """A socket at an address of the world outside the pods."""
        await self._ip("addr", "replace", f"{address}/32", "dev", "br0")
        listening = self.new_socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        return listening

    async def connect(self, address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As the node itself, for instance its kubelet."""
        sock = self.new_socket()
        try:
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except BaseException:
            sock.close()
            raise
        return await asyncio.open_connection(sock=sock)

    @asynccontextmanager
    async def forwarded(self, address: str, port: int) -> AsyncIterator[str]:
        """`kubectl port-forward`: the `host:port` of this machine that leads to a pod's."""
        server = await asyncio.start_server(self._relayed(lambda: self.connect(address, port)), "127.0.0.1", 0)
        try:
            host, local = server.sockets[0].getsockname()
            yield f"{host}:{local}"
        finally:
            await _close(server)

    def new_socket(self) -> socket.socket:
        """A socket stays in the namespace that its maker was in, whoever uses it; so a thread goes there and ends."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._socket_there).result()

    def _socket_there(self) -> socket.socket:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(self._namespace, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        made = socket.socket()
        made.setblocking(False)
        return made

    def _relayed(self, to: Connect) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # Ours from the first moment: a task that is canceled before it has begun closes nothing.
            task = asyncio.get_running_loop().create_task(_relay(reader, writer, to))
            self._relays[task] = writer
            task.add_done_callback(self._relays.pop)

        return relay

    async def _ip(self, *words: str) -> None:
        command = ["nsenter", "-t", str(self.pid), "-n", "ip", *words]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()

    async def close(self) -> None:
        for door in self._doors:
            await _close(door)
        relays = dict(self._relays)
        for task, writer in relays.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*relays, return_exceptions=True)
        os.close(self._namespace)


@asynccontextmanager
async def network() -> AsyncIterator[Network]:
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]
    keeper = await asyncio.create_subprocess_exec(*command)
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not _has_own_network(keeper.pid):
                await asyncio.sleep(0.01)
        found = Network(keeper.pid)
        try:
            await found._ip("link", "set", "lo", "up")
            await found._ip("link", "add", "br0", "type", "bridge")
            await found._ip("addr", "add", f"{ROUTER}/{PODS.prefixlen}", "dev", "br0")
            await found._ip("link", "set", "br0", "up")
            yield found
        finally:
            await found.close()
    finally:
        keeper.kill()
        await keeper.wait()


def to_address(host: str, port: int) -> Connect:
    return lambda: asyncio.open_connection(host, port)


def to_unix_socket(path: str) -> Connect:
    return lambda: asyncio.open_unix_connection(path)


def missing() -> str:
    """Why there can be no such network here; empty if there can."""
    if os.geteuid():
        return "only root can give a process a network and a file tree of its own"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "ip", "link", "add", "br0", "type", "bridge"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"no namespaces or no bridge here: {tried.stderr.strip()}" if tried.returncode else ""


def _has_own_network(pid: int) -> bool:
    return os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")


async def _close(server: asyncio.Server) -> None:
    """What was accepted a moment ago becomes a connection in the loop's next rounds; a closed server would leak it."""
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    for _ in range(3):
        await asyncio.sleep(0)
    server.close()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: Connect) -> None:
    try:
        far_reader, far_writer = await to()
    except OSError:
        writer.transport.abort()
        return
    try:
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
    finally:
        writer.close()
        far_writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
    with suppress(OSError, RuntimeError):
        if target.can_write_eof():
            target.write_eof()
        else:
            target.close()
