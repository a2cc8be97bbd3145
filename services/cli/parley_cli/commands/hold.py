"""`parley hold`: keeps all texts from being sent, and shows why none is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape

from parley_cli.stack.gate_api import Gate, gate_api
from parley_cli.stack.stack_file import notifier_service
from parley_cli.terminal import command, console


@command
async def on(
    reason: Annotated[str, typer.Argument(help="Why, for whoever asks.")] = "",
) -> None:
    """Sends nothing any more. Texts are taken and answered as ever; the answers wait."""
    async with gate_api(*notifier_service()) as api:
        _show(await api.close(reason))


@command
async def off(
    force: Annotated[
        bool, typer.Option("--force", help="Also while a recovery is under way: texts may be sent twice.")
    ] = False,
) -> None:
    """Sends again, what has waited first."""
    async with gate_api(*notifier_service()) as api:
        _show(await api.open(force=force))


@command
async def recover(
    since: Annotated[datetime | None, typer.Option(help="From when on it has forgotten what was done, in UTC.")] = None,
) -> None:
    """Says that a volume was put back: what was sent since is looked for at Twilio before anything is sent again."""
    async with gate_api(*notifier_service()) as api:
        _show(await api.recover(since))


@command
async def status() -> None:
    """Shows whether texts are sent, and if not, why."""
    async with gate_api(*notifier_service()) as api:
        _show(await api.look())


def _show(gate: Gate) -> None:
    out = console()
    since = gate.change_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC")
    waiting = f"{gate.waiting} text{'' if gate.waiting == 1 else 's'} waiting"
    match gate.state:
        case Gate.STATE_OPEN:
            out.print(f"open since {since}: texts are sent, {waiting}")
        case Gate.STATE_CLOSED:
            why = f" ({escape(gate.reason)})" if gate.reason else ""
            out.print(
                f"[yellow]held[/yellow] since {since}{why}: nothing is sent, {waiting}; `parley hold off` ends it"
            )
        case _:
            out.print(f"[yellow]recovering[/yellow] since {since}: nothing is sent, {waiting}")
            out.print("  the database is not the one that it was, or has forgotten something")
            if gate.HasField("lost_since"):
                lost = gate.lost_since.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC")
                out.print(f"  Twilio's lists are compared from {lost} on")
                out.print(f"  {_mark(gate.inbound_covered)} participants' texts have been fetched")
                out.print(f"  {_mark(gate.outbound_covered)} what was sent is known again")


def _mark(done: bool) -> str:
    return "[green]✓[/green]" if done else "…"


def hold_app() -> typer.Typer:
    app = typer.Typer(help="Whether texts are sent at all.", no_args_is_help=True)
    app.command("on")(on)
    app.command("off")(off)
    app.command("recover")(recover)
    app.command("status")(status)
    return app
