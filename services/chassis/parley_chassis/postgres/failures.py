"""Tells connections that have gone, and errors that are nobody's fault, from the rest.

Asks the server nothing, and lets no value that a statement carried into a text.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from typing import Any

import psycopg
from psycopg import errors


def has_input(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether something came in that nobody has read; on an idle connection that is the news of its end."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def cut(connection: psycopg.AsyncConnection[Any]) -> None:
    """Makes the connection look closed by the server, so that whoever waits on it stops waiting."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def is_transient(error: Exception) -> bool:
    """Whether the same statement may succeed later: the error says something about the server, not about it."""
    if isinstance(error, errors.PipelineAborted):
        return False  # an error before it was passed over
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return True  # it is a standby now
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def silence(error: Exception) -> None:
    """Takes the values out of the text of an error of the server's; `diag` still has all that it said."""
    if isinstance(error, psycopg.Error) and error.sqlstate:
        names = (error.sqlstate, error.diag.table_name, error.diag.column_name, error.diag.constraint_name)
        error.args = (" ".join(name for name in names if name),)
