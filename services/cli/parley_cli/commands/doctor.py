"""`parley doctor`: examines everything between a phone and an agent, and says what to do about what is wrong."""

from __future__ import annotations

import asyncio

import typer
from rich.markup import escape
from rich.table import Table

from parley_cli.doctor.finding import Finding, State
from parley_cli.doctor.services import examine_public_url, examine_services
from parley_cli.doctor.twilio import examine_twilio
from parley_cli.stack.stack_file import find_stack
from parley_cli.terminal import command, console, working

COLOURS = {State.OK: "green", State.BAD: "red", State.OPEN: "yellow"}


@command
async def doctor() -> None:
    """Examines the stack that runs, its database and its Twilio account; exit code 1 if something is wrong."""
    # It knows the services' migrations, and them with it: nobody else is to wait for their import.
    from parley_cli.doctor.database import examine_database

    stack = find_stack()
    with working("examining the services, the database and Twilio"):
        checks = (examine_services, examine_public_url, examine_database, examine_twilio)
        findings = [finding for found in await asyncio.gather(*(check(stack) for check in checks)) for finding in found]
    console().print(_table(findings))
    if any(finding.state is State.BAD for finding in findings):
        raise typer.Exit(1)


def _table(findings: list[Finding]) -> Table:
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        colour = COLOURS[finding.state]
        detail = escape(finding.detail)
        if finding.fix:
            detail += f"\n[bold]→ {escape(finding.fix)}[/bold]"
        table.add_row(f"[{colour}]{finding.state.value}[/{colour}]", escape(finding.name), detail)
    return table
