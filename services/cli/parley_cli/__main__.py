"""`parley`: runs the stack on this machine and talks to it."""

from __future__ import annotations

import typer

from parley_cli.commands.agent import agent_app
from parley_cli.commands.dead_letters import dead_letters_app
from parley_cli.commands.demo import demo
from parley_cli.commands.doctor import doctor
from parley_cli.commands.hold import hold_app
from parley_cli.commands.keys import keys_app
from parley_cli.commands.numbers import numbers_app
from parley_cli.commands.send import send
from parley_cli.commands.sessions import sessions_app
from parley_cli.commands.skip import skip
from parley_cli.commands.text import text
from parley_cli.commands.up import up


def parley() -> typer.Typer:
    app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    for function in (up, demo, text, send, skip, doctor):
        app.command()(function)
    app.add_typer(sessions_app(), name="sessions")
    app.add_typer(numbers_app(), name="numbers")
    app.add_typer(dead_letters_app(), name="dead-letters")
    app.add_typer(hold_app(), name="hold")
    app.add_typer(keys_app(), name="keys")
    app.add_typer(agent_app(), name="agent")
    return app


def main() -> None:
    parley()()


if __name__ == "__main__":
    main()
