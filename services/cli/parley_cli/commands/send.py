"""`parley send`: opens a session with a text of ours, and shows what the participant's phone gets."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from parley_cli.commands.text import PARTICIPANT
from parley_cli.stack.phone import phone
from parley_cli.stack.session_api import session_api
from parley_cli.stack.stack_file import find_stack
from parley_cli.terminal import command, console


@command
async def send(
    body: Annotated[str, typer.Argument(help="What to say.")],
    to: Annotated[str, typer.Option(help="The participant's number.")] = PARTICIPANT,
    agent: Annotated[str, typer.Option(help="Whose session it is; the stack's own if left out.")] = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the text to arrive.")] = 15.0,
) -> None:
    """Texts a participant first; the agent takes over with their reply."""
    stack = find_stack()
    out = console()
    async with phone(stack.control, to, stack.number) as handset, session_api(stack.session, stack.api_key) as api:
        agent = agent or next(number.agent for number in await api.list_numbers() if number.number == stack.number)
        await handset.catch_up()
        started = await api.start_session(agent, to, body)
        for bubble in await handset.replies(timeout=timeout):
            out.print(f"[cyan]◂[/cyan] {escape(bubble.body)}")
    out.print(f'[dim]session {started.session_id}[/dim]   answer it with [bold]parley text "…" --from {to}[/bold]')
