"""`parley skip`: lets a day pass in a moment, for warnings and ends."""

from __future__ import annotations

from typing import Annotated

import typer

from parley_cli.durations import duration_of
from parley_cli.stack.session_api import session_api
from parley_cli.stack.stack_file import find_simulated_stack
from parley_cli.terminal import command, console


@command
async def skip(duration: Annotated[str, typer.Argument(help="How far: 10m, 24h, 30d.")]) -> None:
    """Moves the clock by which people's deadlines are kept; everything else keeps its time."""
    far = duration_of(duration)
    stack = find_simulated_stack()
    async with session_api(stack.session, stack.api_key) as api:
        now = await api.skip_time(far)
    console().print(f"For people it is now [bold]{now:%Y-%m-%d %H:%M:%S}[/bold] UTC.")
