"""`parley dead-letters`: texts that did not reach their participants, and what to do about them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from parley_cli.stack.dead_letter_api import dead_letter_api
from parley_cli.stack.session_api import delivery_of
from parley_cli.stack.stack_file import session_service
from parley_cli.terminal import command, console

ID_WIDTH = 36
ERRORS = "https://www.twilio.com/docs/errors"
MessageId = Annotated[str, typer.Argument(metavar="ID", help="The message's id, from the list.")]


@command
async def list_dead_letters(
    agent: Annotated[str, typer.Option(help="Only those of this agent.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 20,
) -> None:
    """Lists what did not reach its participant, the latest first."""
    async with dead_letter_api(*session_service()) as api:
        letters = await api.list(limit, agent)
    if not letters:
        console().print("Every text has reached its participant, or is on its way.")
        return
    table = Table("id", "written", "from", "to", "what became of it", "text", box=None, header_style="dim")
    table.columns[0].no_wrap, table.columns[0].min_width = True, ID_WIDTH
    for letter in letters:
        message = letter.message
        written = message.create_time.ToDatetime().strftime("%Y-%m-%d %H:%M")
        became = delivery_of(message) + (f" ({message.delivery_error})" if message.delivery_error else "")
        table.add_row(
            message.message_id, written, letter.endpoint, letter.participant, became, escape(message.text[:60])
        )
    console().print(table)
    if any(letter.message.delivery_error for letter in letters):
        console().print(f"[dim]What a code means:[/dim] {ERRORS}/<code>", soft_wrap=True)


@command
async def retry(message_id: MessageId) -> None:
    """Sends the text again, as a new message; once, however often this is said."""
    async with dead_letter_api(*session_service()) as api:
        console().print(f"on its way again, as {await api.retry(message_id)}")


@command
async def drop(message_id: MessageId) -> None:
    """Lets the text be: it leaves the list, and nothing is sent."""
    async with dead_letter_api(*session_service()) as api:
        await api.drop(message_id)
    console().print(f"{message_id} is settled")


def dead_letters_app() -> typer.Typer:
    app = typer.Typer(help="Texts that did not reach their participants.", no_args_is_help=True)
    app.command("list")(list_dead_letters)
    app.command("retry")(retry)
    app.command("drop")(drop)
    return app
