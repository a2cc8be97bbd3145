"""`parley agent chat`: talks to an agent at the terminal, without a server, a database or a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from parley_agent.domain.agent_yaml import InvalidAgent
from parley_agent.sandbox.program import Unloadable
from parley_cli.chat.desk import Desk
from parley_cli.chat.keyboard import Keyboard
from parley_cli.stack.agent_folders import NoAgent, agent_at
from parley_cli.terminal import complain, console

DEFAULT_AGENTS = Path("agents")


def chat(
    agent: Annotated[str, typer.Argument(metavar="PATH|NAME", help="The agent's folder, or its name.")],
    agents: Annotated[Path, typer.Option(help="Where an agent is looked for by its name.")] = DEFAULT_AGENTS,
) -> None:
    """Talks to an agent. /help lists what else can be typed; Ctrl-D leaves."""
    out = console()
    try:
        desk = Desk(agent_at(agent, agents), out)
    except (NoAgent, InvalidAgent, Unloadable) as error:
        complain(str(error))
        raise typer.Exit(2) from None
    out.print(f"[dim]you text {escape(agent)}: /help lists what else you can do, Ctrl-D leaves[/dim]")
    keyboard = Keyboard(out, list(desk.commands))
    while not desk.is_over and (line := keyboard.line()) is not None:
        desk.handle(line)
    if not desk.is_over:
        out.print()


def agent_app() -> typer.Typer:
    app = typer.Typer(help="For people who write agents.", no_args_is_help=True)
    app.callback()(_group)
    app.command("chat")(chat)
    return app


def _group() -> None:
    """Keeps `chat` a command of its own: typer would fold a group of one."""
