"""`parley`: runs the stack on this machine and talks to it."""

from __future__ import annotations

import typer

from parley_cli.commands.agent import agent_app
from parley_cli.commands.demo import demo
from parley_cli.commands.keys import keys_app
from parley_cli.commands.numbers import numbers_app
from parley_cli.commands.send import send
from parley_cli.commands.sessions import sessions
from parley_cli.commands.skip import skip
from parley_cli.commands.text import text
from parley_cli.commands.up import up


def main() -> None:
    app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    for function in (up, demo, text, send, sessions, skip):
        app.command()(function)
    app.add_typer(numbers_app(), name="numbers")
    app.add_typer(keys_app(), name="keys")
    app.add_typer(agent_app(), name="agent")
    app()


if __name__ == "__main__":
    main()
