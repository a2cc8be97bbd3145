"""`parley agent chat`: talks to an agent at the terminal, without a server, a database or a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.pretty import Pretty

from parley_agent.domain.agent_yaml import InvalidAgent
from parley_agent.testing import Chat
from parley_cli.terminal import console


def chat(directory: Annotated[Path, typer.Argument(help="The agent's folder.", exists=True, file_okay=False)]) -> None:
    """Talks to the agent in DIRECTORY. /state shows what it remembers, /new begins another session, Ctrl-D ends."""
    out = console()
    try:
        conversation = Chat(directory)
    except InvalidAgent as error:
        for problem in error.problems:
            console(stderr=True).print(f"[red]{escape(problem)}[/red]")
        raise typer.Exit(2) from None
    out.print(f"[dim]texting {escape(directory.name)}: /state, /new, Ctrl-D[/dim]")
    while True:
        try:
            line = out.input("[bold]▸[/bold] ").strip()
        except (EOFError, KeyboardInterrupt):
            out.print()
            return
        if line == "/state":
            out.print(Pretty(dict(conversation.state)))
        elif line == "/new":
            conversation.end()
        elif line:
            for reply in conversation.text(line):
                out.print(f"[cyan]◂[/cyan] {escape(reply)}")
            if conversation.hung_up:
                out.print("[dim]the agent has ended the session; your next text opens another[/dim]")


def agent_app() -> typer.Typer:
    app = typer.Typer(help="For people who write agents.", no_args_is_help=True)
    app.callback()(_group)
    app.command("chat")(chat)
    return app


def _group() -> None:
    """Keeps `chat` a command of its own: typer would fold a group of one."""
