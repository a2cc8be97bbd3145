"""Finds ports that are free: services that must know each other's addresses before they start need them early."""

from __future__ import annotations

import errno
import random
import socket
from contextlib import ExitStack

LOWEST, HIGHEST = 15_000, 30_000
"""Below those that systems give to outgoing connections, which could take a port between our look and its use."""
TRIES = 200


def free_ports(count: int) -> list[int]:
    """`count` different ports of the loopback address that nobody listens on."""
    with ExitStack() as stack:
        # All are held until the last is found, so that none is found twice.
        held = [stack.enter_context(_free_socket()) for _ in range(count)]
        return [held_socket.getsockname()[1] for held_socket in held]


def _free_socket() -> socket.socket:
    for _ in range(TRIES):
        try:
            return socket.create_server(("127.0.0.1", random.randint(LOWEST, HIGHEST)))  # noqa: S311
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    return socket.create_server(("127.0.0.1", 0))
