"""`parley numbers`: which of our numbers reach which agent."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from parley_cli.stack.session_api import session_api
from parley_cli.stack.stack_file import find_stack
from parley_cli.terminal import command, console


@command
async def add(
    number: Annotated[str, typer.Argument(help="The number, in E.164: +15550100100.")],
    agent: Annotated[str, typer.Option(help="The agent that answers it.")],
) -> None:
    """Registers a number, or gives it another agent."""
    stack = find_stack()
    async with session_api(stack.session, stack.api_key) as api:
        registered = await api.update_number(number, agent)
    console().print(f"{registered.number} is answered by {registered.agent}")


@command
async def list_numbers() -> None:
    """Lists our numbers."""
    stack = find_stack()
    table = Table("number", "agent", box=None, header_style="dim")
    async with session_api(stack.session, stack.api_key) as api:
        for number in await api.list_numbers():
            table.add_row(number.number, number.agent)
    console().print(table)


def numbers_app() -> typer.Typer:
    app = typer.Typer(help="Which of our numbers reach which agent.", no_args_is_help=True)
    app.command("add")(add)
    app.command("list")(list_numbers)
    return app
