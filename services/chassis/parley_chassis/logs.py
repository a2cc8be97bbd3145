"""Writes log lines as JSON objects on standard error, and gives phone numbers names that tell nobody.

A line holds an event name and ids. Phone numbers, message texts and secrets never go in.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from parley_chassis.settings import ProcessSettings

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
OWN = ("time", "level", "logger", "event", "error", "at")
FRAMES = 6

QUIET = {
    # They print URLs, parameters or bodies, or a line for every call.
    "aiohttp.access": logging.WARNING,
    "alembic": logging.WARNING,
    "kopf.objects": logging.WARNING,
    "psycopg.pool": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "twilio.http_client": logging.WARNING,
    "uvicorn.access": logging.WARNING,
    # Its warnings are errors that it passes on as well.
    "psycopg": logging.ERROR,
}


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `extra` fields stand beside the standard ones.

    Of exceptions only their classes and places are written: their texts may quote what they choked on. For the same
    reason a line of somebody else's is written as its template, without what was filled in.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage() if record.name.startswith("parley") else _template(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= _described(record.exc_info[1])
        line |= {key: value for key, value in vars(record).items() if key not in STANDARD and key not in OWN}
        return json.dumps(line, default=str, skipkeys=True)


def _template(record: logging.LogRecord) -> str:
    """The constant part of a foreign line. asyncio fills in by itself, after the first bracket or line break."""
    text = str(record.msg)
    return re.split(r"[<(\n]", text, maxsplit=1)[0].strip() if record.name == "asyncio" else text


def _described(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return {
        "error": " < ".join(_lineage(error)),
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _lineage(error: BaseException) -> list[str]:
    """The class names of `error` and of what caused it; those in a group stand in brackets."""
    names: list[str] = []
    current: BaseException | None = error
    while current is not None and len(names) < FRAMES:
        inner = getattr(current, "exceptions", ())
        group = f"[{', '.join(type(one).__name__ for one in inner)}]" if inner else ""
        names.append(type(current).__name__ + group)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return names


def configure(process: ProcessSettings) -> None:
    """Makes standard error the one place of this process's logs."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(process.log_level)
    # A line that cannot be formatted would be printed with all that it holds.
    logging.raiseExceptions = False
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


class Pseudonyms:
    """Names for phone numbers in logs: the same number gets the same name under the same key."""

    def __init__(self, key: str = "") -> None:
        self._key = key.encode() or secrets.token_bytes(16)

    def __call__(self, number: str) -> str:
        digest = hmac.digest(self._key, number.encode(), "sha256").hex()[:8]
        return f"p-{digest}-{number[-2:]}"
