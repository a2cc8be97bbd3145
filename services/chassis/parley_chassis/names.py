"""Looks up which addresses a DNS name stands for."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The `ip:port`s behind a `name:port`. Raises OSError or UnicodeError where there is none."""


def authority_of(name: str) -> str:
    """The `name:port` as certificates name it: without the dot that spares a look-up the search list."""
    host, _, port = name.rpartition(":")
    return f"{host.rstrip('.')}:{port}"


def is_name(address: str) -> bool:
    """Whether `address` is a DNS name and a port, and may stand for several servers."""
    if not re.fullmatch(r"[\w.-]+:[0-9]+", address):
        return False  # an IPv6 address, or a form that only gRPC knows
    host = address.rpartition(":")[0]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # This machine is one server, whichever of its addresses that listens on.
        return host != "localhost"
    return False


async def look_up(address: str) -> Sequence[str]:
    host, _, port = address.rpartition(":")
    found = await asyncio.get_running_loop().getaddrinfo(
        host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    # One that has an address of each family is still one server.
    family = min((family for family, *_ in found), key=lambda family: family != socket.AF_INET)
    hosts = {str(where[0]) for of, _, _, _, where in found if of == family}
    return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in sorted(hosts)]
