"""Looks at all that the product tells while tests run: log lines, spans, errors' texts, and the logs of processes."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from parley_chassis.logs import JsonFormatter
from tests.canary.marks import opened, told

TESTS = f"{os.sep}tests{os.sep}"
PRODUCT = f"{os.sep}services{os.sep}"
LONGEST = 300


class Watch:
    """`seen` counts what was looked at, by kind; `finds` are sentences that nobody has taken yet."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.finds: list[str] = []
        self._read: dict[Path, int] = {}
        self._format = JsonFormatter().format

    def take(self) -> list[str]:
        found, self.finds = self.finds, []
        return found

    def record(self, record: logging.LogRecord) -> None:
        """A log record, as it would be written. What a test itself logs is its own."""
        if TESTS not in record.pathname:
            self._look("log lines", self._format(record))

    def span(self, span: ReadableSpan) -> None:
        self._look("spans", span.to_json(indent=None))

    def error(self, message: object) -> None:
        """The text of an error that another process is told of, where the product made it."""
        if PRODUCT in _maker():
            self._look("errors", str(message))

    def output(self, text: str, where: str) -> None:
        """What a process wrote: lines of a log, and sentences for people."""
        for line in text.splitlines():
            is_log = is_log_line(line)
            problem = told(line) if is_log else opened(line)
            self.seen["lines of processes"] += is_log
            if problem:
                self.finds.append(f"{where} tells {problem}: {line[:LONGEST]}")

    def files(self, folder: Path) -> None:
        """What has been added to the logs in `folder` since it was last looked at."""
        for path in _logs(folder):
            size = path.stat().st_size
            before = self._read.get(path, 0)
            if size <= before:
                continue
            with path.open(errors="replace") as content:
                content.seek(before)
                self.output(content.read(), path.name)
            self._read[path] = size

    def _look(self, kind: str, line: str) -> None:
        self.seen[kind] += 1
        if problem := told(line):
            self.finds.append(f"one of the {kind} tells {problem}: {line[:LONGEST]}")


def is_log_line(line: str) -> bool:
    if not line.startswith('{"time"'):
        return False
    try:
        content: Any = json.loads(line)
    except ValueError:
        return True  # cut by the end of its process, and no less a line of the log
    return isinstance(content, dict) and {"level", "event"} <= set(content)


def _logs(folder: Path) -> Iterator[Path]:
    # A PostgreSQL's data are many files, and none of them ours.
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("base", "pg_wal", "global")]
        yield from (Path(place, name) for name in names if name.endswith(".log"))


def _maker() -> str:
    """The file of the function that makes an error: what is above its own class."""
    frame = sys._getframe(3)
    while frame.f_back is not None and frame.f_code.co_name == "__init__":
        frame = frame.f_back
    return frame.f_code.co_filename
