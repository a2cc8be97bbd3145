"""Takes what an agent's code prints into the service's log, a line each; numbers of people are blotted out."""

from __future__ import annotations

import asyncio
import logging
import re

LONGEST_LINE = 4096
NUMBERS = re.compile(r"\+?\d{8,15}")


class ProgramOutput(asyncio.Protocol):
    """Reads the pipe that is the standard output and error of an agent's processes."""

    def __init__(self, agent: str, log: logging.Logger) -> None:
        self._agent = agent
        self._log = log
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._write(line)

    def connection_lost(self, exc: Exception | None) -> None:
        self._write(self._rest)
        self._rest = b""

    def _write(self, line: bytes) -> None:
        text = line[:LONGEST_LINE].decode(errors="replace").rstrip()
        if text:
            self._log.info("agent_output", extra={"agent": self._agent, "text": NUMBERS.sub("<number>", text)})
