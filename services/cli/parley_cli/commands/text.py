"""`parley text`: texts the running stack as a participant and shows what comes back."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from parley_cli.stack.phone import phone
from parley_cli.stack.stack_file import find_simulated_stack
from parley_cli.terminal import command, complain, console, working

PARTICIPANT = "+15550123456"
TAKEN = ("delivered", "fallback")


@command
async def text(
    body: Annotated[str, typer.Argument(help="What to say.")],
    sender: Annotated[str, typer.Option("--from", help="The participant's number.")] = PARTICIPANT,
    to: Annotated[str, typer.Option(help="Our number; the stack's own if left out.")] = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for a reply.")] = 15.0,
) -> None:
    """Texts one of our numbers and shows the reply."""
    stack = find_simulated_stack()
    out = console()
    async with phone(stack.control, sender, to or stack.number) as handset:
        outcome = await handset.text(body)
        if outcome not in TAKEN:
            complain(f"the webhook was not taken ({outcome}): `parley doctor` says what is wrong")
            raise typer.Exit(1)
        automatic = await handset.automatic()
        for bubble in automatic:
            out.print(f"[magenta]◂ Twilio[/magenta] {escape(bubble.body)}", soft_wrap=True)
        if automatic:
            return  # A keyword reaches no agent.
        with working("waiting for the reply"):
            replies = await handset.replies(timeout=timeout)
        for bubble in replies:
            out.print(f"[cyan]◂[/cyan] {escape(bubble.body)}", soft_wrap=True)
        if not replies:
            complain(f"no reply within {timeout:g} s: see what is known with `parley sessions`")
            raise typer.Exit(1)
