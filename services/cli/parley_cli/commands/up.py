"""`parley up`: the whole stack in one process, until Ctrl-C; with a simulated Twilio, or for a real account."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from parley_chassis.logs import configure
from parley_chassis.settings import ProcessSettings, load
from parley_cli.stack.account_options import TWILIO, Place, account_of, checked_public_url, free_address
from parley_cli.stack.agent_folders import check_agents, find_agent
from parley_cli.stack.stack_file import StackAddresses, announce, withdraw
from parley_cli.stack.starting import NUMBER, Say, on_account, simulated
from parley_cli.terminal import command, console, working

DEFAULT_AGENTS = Path("agents")
DEFAULT_AGENT = "appointment_desk"
PORT = 8080
LOG_LEVEL = "PARLEY_LOG_LEVEL"

Start = Callable[[Say], AbstractAsyncContextManager[StackAddresses]]


@command
async def up(
    agents: Annotated[Path, typer.Option(help="A folder of agents, or one agent's folder.")] = DEFAULT_AGENTS,
    agent: Annotated[str, typer.Option(help="The agent that answers the number.")] = DEFAULT_AGENT,
    number: Annotated[str, typer.Option(help="Our number.")] = NUMBER,
    data: Annotated[
        Path | None,
        typer.Option(help="Keeps the data here; otherwise it goes at the end, or, on a real account, has its place."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Prints the addresses as one line of JSON.")] = False,
    public_url: Annotated[
        str, typer.Option(help="No simulator: where Twilio reaches this machine, e.g. through a tunnel.")
    ] = "",
    account_sid: Annotated[
        str, typer.Option(help="The real account; its token is PARLEY_TWILIO_AUTH_TOKEN, or is asked for.")
    ] = "",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the gateway listens for the tunnel.")] = PORT,
    twilio_url: Annotated[str, typer.Option(help="Another server that speaks like Twilio.")] = TWILIO,
) -> None:
    """Runs everything on this machine: PostgreSQL, a simulated Twilio, the agents, the services.

    With --public-url and --account-sid it serves numbers of a real Twilio account instead; add them with
    `parley numbers add`.
    """
    _configure_logs()
    if bool(public_url) != bool(account_sid):
        raise typer.BadParameter("--public-url and --account-sid go together: a real account needs both")
    if public_url:
        account = account_of(account_sid, twilio_url)
        url, listen = checked_public_url(public_url, twilio_url), free_address(port)
        check_agents(agents)
        await _run(partial(on_account, account, Place(agents.resolve(), data, listen, url)), json=json)
    else:
        find_agent(agents, agent)
        await _run(partial(simulated, agents.resolve(), agent, data, number), json=json)


async def _run(start: Start, *, json: bool) -> None:
    """Until a signal comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number_of_signal in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number_of_signal, stop.set)
    async with AsyncExitStack() as until_stopped:
        with working("starting") as progress, _hushed():
            addresses = await until_stopped.enter_async_context(start(progress.say))
        until_stopped.callback(withdraw, announce(addresses), addresses)
        _announce(addresses, json=json)
        await stop.wait()


def _configure_logs() -> None:
    """Who reads along at a terminal is told of what goes wrong, who collects a log of everything."""
    is_watched = sys.stderr.isatty() and LOG_LEVEL not in os.environ
    configure(load(ProcessSettings, log_level="WARNING") if is_watched else load(ProcessSettings))


@contextmanager
def _hushed() -> Iterator[None]:
    """On a terminal, warnings of services that do not find each other yet would only break the spinner's line."""
    root = logging.getLogger()
    level = root.level
    if sys.stderr.isatty():
        root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


def _announce(addresses: StackAddresses, *, json: bool) -> None:
    if json:
        print(addresses.to_json(), flush=True)
        return
    table = Table.grid(padding=(0, 2))
    rows = {
        "phone": addresses.phone,
        "our number": addresses.number,
        "public URL": "" if addresses.is_simulated else addresses.public_url,
        "gateway": addresses.gateway,
        "HTTP API": f"{addresses.gateway}/docs" if addresses.is_simulated else "",
        "its key": addresses.http_key,
        "session API (gRPC)": addresses.session,
        "simulated Twilio" if addresses.is_simulated else "Twilio": addresses.twilio,
        "its controls": addresses.control,
        "database": addresses.database_url,
    }
    for name, value in rows.items():
        if value:
            table.add_row(f"[dim]{name}[/dim]", value)
    out = console()
    out.print("\n[bold]Parley is up.[/bold]\n")
    out.print(table)
    out.print(f"\n{_next(addresses)}   Stop it with Ctrl-C.\n")


def _next(addresses: StackAddresses) -> str:
    if addresses.is_simulated:
        return 'Text it from another terminal: [bold]parley text "Hi there"[/bold]'
    return "Give it a number from another terminal: [bold]parley numbers add +1… --agent …[/bold], then parley doctor."
