"""Keeps a channel to each server of a service: looks names up again, follows replaced certificates, drains what goes.

One task of each service called; a service at fixed addresses without certificates needs none. Calls wait for nothing
here: they find the servers of the moment in a list.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import grpc

from parley_chassis.certificates import Certificates, mounted, newest
from parley_chassis.grpc_channel import channel_to
from parley_chassis.lifecycle import Wake
from parley_chassis.names import Resolve, is_name, look_up
from parley_chassis.settings import ProcessSettings

log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between two looks at names and certificates."""
PAUSE = 0.5
"""Seconds between two looks at the least, however much fails."""
CONNECT_TIMEOUT = 2.0
DRAIN = 600.0
"""Seconds that calls under way to a server that has gone get to finish: more than any turn may take."""


class Peer(Protocol):
    """What calls one server over one channel."""

    async def close(self, grace: float | None = None) -> None:
        """Closes the channel. Calls under way get `grace` seconds; none are begun any more."""


PeerT = TypeVar("PeerT", bound=Peer)


@dataclass(frozen=True, slots=True, eq=False)
class _Link(Generic[PeerT]):
    name: str
    """As configured."""
    address: str
    """As found; the name itself until it was found."""
    certificates: Certificates | None
    channel: grpc.aio.Channel
    peer: PeerT


class Peers(Generic[PeerT]):
    """The peers behind `addresses` (`host:port`s), made by `make` from their channels.

    A server that is new, or to be shown new certificates, joins once it is connected; until then, and while a look-up
    fails, those that are known stay.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        make: Callable[[grpc.aio.Channel], PeerT],
        process: ProcessSettings,
        *,
        resolve: Resolve = look_up,
        interval: float = INTERVAL,
    ) -> None:
        if not addresses:
            raise ValueError("a service needs at least one address")
        self._addresses, self._make, self._process = tuple(addresses), make, process
        self._resolve, self._interval = resolve, interval
        self._certificates = mounted(process)
        self._found: dict[str, Sequence[str] | None] = {name: None for name in addresses if is_name(name)}
        self._wake = Wake()
        self._open: set[_Link[PeerT]] = set()
        self._draining: dict[_Link[PeerT], asyncio.Task[None]] = {}
        self._links = [self._opened(name, name) for name in addresses]
        self.all = [link.peer for link in self._links]
        """At least one; a new list whenever it changes."""
        follows = self._found or self._certificates
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="peers") if follows else None

    def look(self) -> None:
        """Looks soon: a call has failed."""
        self._wake.set()

    async def close(self) -> None:
        """Cancels the calls under way."""
        tasks = [*self._draining.values()]
        if self._task:
            tasks.append(self._task)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(link.peer.close() for link in self._open))

    async def _follow(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                log.exception("peers_not_followed")
            await asyncio.sleep(min(PAUSE, self._interval))
            await self._wake.wait(self._interval)

    async def _look(self) -> None:
        self._certificates = newest(self._process, self._certificates)
        await asyncio.gather(*map(self._find, self._found))
        links = await asyncio.gather(*map(self._links_of, self._addresses))
        self._take([link for several in links for link in several])

    async def _find(self, name: str) -> None:
        try:
            found = sorted(set(await self._resolve(name)))
        except (OSError, UnicodeError):
            found = []  # a name without a server that is ready is no name
        if found and found != self._found[name]:
            log.info("peers_found", extra={"peer": name, "count": len(found)})
            self._found[name] = found

    async def _links_of(self, name: str) -> Iterable[_Link[PeerT]]:
        known = {link.address: link for link in self._links if link.name == name}
        wanted = self._found.get(name) or [name]
        links = await asyncio.gather(*(self._connected(name, address, known.get(address)) for address in wanted))
        return [link for link in links if link] or known.values()

    async def _connected(self, name: str, address: str, known: _Link[PeerT] | None) -> _Link[PeerT] | None:
        if known and known.certificates == self._certificates:
            return known
        link = self._opened(name, address)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await link.channel.channel_ready()
                return link
        log.warning("peer_not_connected", extra={"peer": name})
        return known

    def _opened(self, name: str, address: str) -> _Link[PeerT]:
        channel = channel_to(address, self._certificates, name)
        link = _Link(name, address, self._certificates, channel, self._make(channel))
        self._open.add(link)
        return link

    def _take(self, links: list[_Link[PeerT]]) -> None:
        if links != self._links:
            self._links = links
            self.all = [link.peer for link in links]
        for link in self._open.difference(links, self._draining):
            task = asyncio.get_running_loop().create_task(self._drain(link), name="drain_peer")
            self._draining[link] = task

    async def _drain(self, link: _Link[PeerT]) -> None:
        try:
            await link.peer.close(DRAIN)
            self._open.discard(link)
        finally:
            del self._draining[link]
