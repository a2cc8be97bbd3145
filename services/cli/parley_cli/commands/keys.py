"""`parley keys`: who may use the HTTP API, for which agents, and what for."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from parley_cli.durations import duration_of
from parley_cli.stack.key_api import key_api
from parley_cli.stack.stack_file import session_service
from parley_cli.terminal import command, console

ID_WIDTH = 36


class Scope(Enum):
    send = "send"
    read = "read"


@command
async def create(
    name: Annotated[str, typer.Argument(help="What the key is for; for people to read.")],
    agent: Annotated[list[str] | None, typer.Option(help="Only for this agent; may be repeated. Default: all.")] = None,
    scope: Annotated[list[Scope] | None, typer.Option(help="Only for this; may be repeated. Default: both.")] = None,
    expires: Annotated[str, typer.Option(help="After how long: 12h, 90d, 4w. Default: never.")] = "",
) -> None:
    """Makes a key, and shows it this once."""
    lifetime, scopes = duration_of(expires) if expires else None, [one.value for one in scope or Scope]
    async with key_api(*session_service()) as api:
        key, text = await api.create(name, agent or [], scopes, lifetime)
    console(stderr=True).print(f"The key {key.key_id}; it is not shown again:")
    # Alone on standard output, for scripts.
    typer.echo(text)


@command
async def list_keys() -> None:
    """Lists the keys, oldest first."""
    now = datetime.now(UTC)
    table = Table("id", "name", "agents", "scopes", "state", "created", "expires", box=None, header_style="dim")
    # An id is there to be copied.
    table.columns[0].no_wrap, table.columns[0].min_width = True, ID_WIDTH
    async with key_api(*session_service()) as api:
        for key in await api.list():
            agents, scopes = ", ".join(key.agents) or "all", ", ".join(key.scopes)
            state, created = key.state(now), _day(key.create_time)
            table.add_row(key.key_id, escape(key.name), agents, scopes, state, created, _day(key.expire_time))
    console().print(table)


@command
async def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, from the list.")]) -> None:
    """Makes a key worthless, within five seconds and for good."""
    async with key_api(*session_service()) as api:
        key = await api.revoke(key_id)
    console().print(f"{key.key_id} ({escape(key.name)}) is revoked")


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "never"


def keys_app() -> typer.Typer:
    app = typer.Typer(help="Who may use the HTTP API.", no_args_is_help=True)
    app.command("create")(create)
    app.command("list")(list_keys)
    app.command("revoke")(revoke)
    return app
