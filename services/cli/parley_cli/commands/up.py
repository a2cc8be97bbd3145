"""`parley up`: the whole stack in one process, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from parley_chassis.logs import configure
from parley_chassis.settings import ProcessSettings, load
from parley_cli.stack.in_process import NUMBER, Options, running
from parley_cli.stack.stack_file import StackAddresses, announce, withdraw
from parley_cli.terminal import command, console

DEFAULT_AGENTS = Path("agents")
DEFAULT_AGENT = "appointment_desk"


@command
async def up(
    agents: Annotated[Path, typer.Option(help="A folder of agents, or one agent's folder.")] = DEFAULT_AGENTS,
    agent: Annotated[str, typer.Option(help="The agent that answers the number.")] = DEFAULT_AGENT,
    number: Annotated[str, typer.Option(help="Our number.")] = NUMBER,
    data: Annotated[Path | None, typer.Option(help="Keeps the data here; otherwise it goes at the end.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Prints the addresses as one line of JSON.")] = False,
) -> None:
    """Runs everything on this machine: PostgreSQL, a simulated Twilio, the agents, the services."""
    configure(load(ProcessSettings))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number_of_signal in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number_of_signal, stop.set)
    async with running(Options(agents.resolve(), agent, data, number)) as stack:
        path = announce(stack.addresses)
        try:
            if json:
                print(stack.addresses.to_json(), flush=True)
            else:
                _show(stack.addresses)
            await stop.wait()
        finally:
            withdraw(path, stack.addresses)


def _show(addresses: StackAddresses) -> None:
    table = Table.grid(padding=(0, 2))
    rows = {
        "phone": addresses.phone,
        "our number": addresses.number,
        "gateway": addresses.gateway,
        "session API (gRPC)": addresses.session,
        "simulated Twilio": addresses.twilio,
        "its controls": addresses.control,
        "database": addresses.database_url,
    }
    for name, value in rows.items():
        table.add_row(f"[dim]{name}[/dim]", value)
    out = console()
    out.print("\n[bold]Parley is up.[/bold]\n")
    out.print(table)
    out.print('\nText it from another terminal: [bold]parley text "Hi there"[/bold]   Stop it with Ctrl-C.\n')
