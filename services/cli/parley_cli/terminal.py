"""How commands speak: one console for people, errors that say what to do next, exit codes that scripts can use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from parley_agent.domain.agent_yaml import InvalidAgent
from parley_chassis.errors import ParleyError
from parley_chassis.postgres.errors import MigrationError, PostgresStartError
from parley_chassis.settings import SettingsError
from parley_cli.stack.agent_folders import NoAgent
from parley_cli.stack.session_api import ApiError
from parley_cli.stack.stack_file import NoPhone, NoStack
from parley_cli.stack.twilio_account import TwilioRefused

P = ParamSpec("P")

FORESEEN = (
    *(ApiError, NoStack, NoPhone, NoAgent, InvalidAgent, TwilioRefused),
    *(SettingsError, PostgresStartError, MigrationError, ParleyError),
)
"""Errors whose text is for the person at the terminal."""


PIPE_WIDTH = 200


def console(*, stderr: bool = False) -> Console:
    """As wide as the terminal; in a pipe wide enough that nothing is cut that another program may read."""
    out = Console(stderr=stderr, highlight=False)
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    return out


def complain(problem: str) -> None:
    """Says what is wrong, on standard error."""
    console(stderr=True).print(f"[red]{escape(problem)}[/red]", soft_wrap=True)


class Progress:
    """What is being done at the moment: a spinner beside it on a terminal, nothing in a pipe."""

    def __init__(self, status: Status | None) -> None:
        self._status = status

    def say(self, what: str) -> None:
        if self._status is not None:
            self._status.update(f"[dim]{escape(what)} …[/dim]")


@contextmanager
def working(what: str) -> Iterator[Progress]:
    """Shows that something takes its time, until left. On standard error: the other is for results."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield Progress(None)
        return
    with out.status("") as status:
        progress = Progress(status)
        progress.say(what)
        yield progress


def command(function: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A typer command from a coroutine: foreseen errors become one line and exit code 1."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            asyncio.run(function(*args, **kwargs))
        except FORESEEN as error:
            complain(str(error))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return run
