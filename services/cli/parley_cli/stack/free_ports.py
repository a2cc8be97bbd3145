"""Finds ports that are free: services that must know each other's addresses before they start need them early."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """`count` different ports of the loopback address that nobody listens on."""
    with ExitStack() as stack:
        # All are held until the last is found, so that none is found twice.
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [held_socket.getsockname()[1] for held_socket in held]
