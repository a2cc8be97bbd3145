"""`parley demo`: one conversation through the whole stack, in some real weather; each step checked."""

from __future__ import annotations

import logging
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from parley_cli.stack.key_api import key_api
from parley_cli.terminal import command, console

DEFAULT_AGENTS = Path("agents")


@command
async def demo(
    agents: Annotated[Path, typer.Option(help="The folder with the example agents.")] = DEFAULT_AGENTS,
) -> None:
    """Tells the story of a text, from the signed webhook to its delivery, and checks each step."""
    # They bring every service: no other command is to wait for their import.
    from parley_chassis.postgres.pool import database
    from parley_cli.stack.in_process import Options, running
    from parley_cli.story.script import STORY
    from parley_cli.story.teller import AGENT, StepFailed, Teller

    # The story shows what goes wrong on purpose; the log would say it again.
    for service in ("parley_notifier", "parley_session", "parley_agent"):
        logging.getLogger(service).setLevel(logging.CRITICAL)
    out = console()
    began = time.monotonic()
    out.print("\n[bold]Parley[/bold]  starting PostgreSQL, a simulated Twilio, an agent and the four services …")
    async with AsyncExitStack() as open_until_the_end:
        stack = await open_until_the_end.enter_async_context(running(Options(agents.resolve(), AGENT)))
        url = stack.postgres.url()
        stored = await open_until_the_end.enter_async_context(database(url, application="parley-demo", size=1))
        out.print(f"[dim]up after {time.monotonic() - began:.1f} s[/dim]\n")
        async with key_api(stack.addresses.session, stack.addresses.api_key) as keys:
            _, key = await keys.create("demo", [AGENT], ["send"], None)
        teller = Teller(stack, stored, out, key)
        try:
            for step in STORY:
                await step(teller)
        except StepFailed as error:
            out.print(f"\n[red bold]✗ {error}[/red bold]")
            raise typer.Exit(1) from None
        _conclude(out, teller.checks, time.monotonic() - began)


def _conclude(out: Console, checks: int, seconds: float) -> None:
    out.print(f"\n[green bold]All {checks} checks passed[/green bold] in {seconds:.1f} s.")
    out.print('Next: [bold]make up[/bold], then in another terminal [bold].venv/bin/parley text "Hi there"[/bold]\n')
