"""The bytes between the service and its workers: a length of four bytes, then JSON."""

from __future__ import annotations

import json
import struct
from socket import socket
from typing import Any

HEADER = struct.Struct("!I")
CHUNK = 65_536
# json.dumps would make one for each message.
ENCODER = json.JSONEncoder(separators=(",", ":"))


def packed(message: Any) -> bytes:
    body = ENCODER.encode(message).encode()
    return HEADER.pack(len(body)) + body


def receive(connection: socket) -> Any:
    """The next message, or None when the other end is gone. Blocks."""
    data = bytearray(connection.recv(CHUNK))
    while len(data) < HEADER.size or len(data) < HEADER.size + HEADER.unpack_from(data)[0]:
        more = connection.recv(CHUNK) if data else b""
        if not more:
            return None
        data += more
    return json.loads(memoryview(data)[HEADER.size :].tobytes())
