"""`parley numbers`: which of our numbers reach which agent."""

from __future__ import annotations

import typer
from rich.table import Table

from parley_cli.commands.number_changes import add, pause, remove, resume
from parley_cli.stack.session_api import keywords_of, session_api
from parley_cli.stack.stack_file import session_service
from parley_cli.terminal import command, complain, console


@command
async def list_numbers() -> None:
    """Lists our numbers."""
    table = Table("number", "agent", "keywords", "opt-out scope", "sending", box=None, header_style="dim")
    async with session_api(*session_service()) as api:
        numbers = await api.list_numbers()
    for number in numbers:
        sending = "paused" if number.sending_paused else "on"
        table.add_row(number.number, number.agent, keywords_of(number), number.opt_out_scope or "its own", sending)
    console().print(table)
    if not numbers:
        complain("no number is registered: add one with `parley numbers add +1… --agent …`")


def numbers_app() -> typer.Typer:
    app = typer.Typer(help="Which of our numbers reach which agent.", no_args_is_help=True)
    app.command("add")(add)
    app.command("list")(list_numbers)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("remove")(remove)
    return app
