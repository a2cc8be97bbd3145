"""How commands speak: one console for people, errors that say what to do next, exit codes that scripts can use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

import typer
from rich.console import Console

from parley_chassis.errors import ParleyError
from parley_chassis.postgres.errors import MigrationError, PostgresStartError
from parley_chassis.settings import SettingsError
from parley_cli.stack.session_api import ApiError
from parley_cli.stack.stack_file import NoStack

P = ParamSpec("P")

FORESEEN = (ApiError, NoStack, SettingsError, PostgresStartError, MigrationError, ParleyError)
"""Errors whose text is for the person at the terminal."""


PIPE_WIDTH = 200


def console(*, stderr: bool = False) -> Console:
    """As wide as the terminal; in a pipe wide enough that nothing is cut that another program may read."""
    out = Console(stderr=stderr, highlight=False)
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    return out


def command(function: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A typer command from a coroutine: foreseen errors become one line and exit code 1."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            asyncio.run(function(*args, **kwargs))
        except FORESEEN as error:
            console(stderr=True).print(f"[red]{error}[/red]")
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return run
