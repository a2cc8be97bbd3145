"""A wire to PostgreSQL that can be cut at the worst moment: after a COMMIT was done, before anybody heard of it."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
"""How PostgreSQL says that a COMMIT is done."""
SOCKET = ".s.PGSQL.5432"


class Wire:
    """Passes everything on, until told to swallow the answer to the next COMMIT and to end that connection."""

    def __init__(self, url: str, server: Path) -> None:
        self.url = url
        self._server = server
        self._swallow = 0
        self._connections: set[asyncio.Task[None]] = set()
        self.swallowed = 0

    def swallow_commits(self, count: int = 1) -> None:
        self._swallow += count

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def close(self) -> None:
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(str(self._server))
        forth = asyncio.create_task(_pass_on(reader, to_server))
        try:
            await self._pass_back(from_server, writer)
        finally:
            forth.cancel()
            to_server.close()
            writer.close()

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if self._swallow and COMMITTED in data:
                    self._swallow -= 1
                    self.swallowed += 1
                    return
                writer.write(data)
                await writer.drain()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[Wire]:
    """A wire to the server that `url` names by its socket's folder; Wire.url is the way through it."""
    folder = str(conninfo_to_dict(url)["host"])
    with tempfile.TemporaryDirectory(prefix="wire-") as place:
        wire = Wire(url.replace(folder.replace("/", "%2F"), place).replace(folder, place), Path(folder) / SOCKET)
        server = await asyncio.start_unix_server(wire.connect, str(Path(place) / SOCKET))
        try:
            yield wire
        finally:
            server.close()
            await wire.close()
