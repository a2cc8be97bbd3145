"""`parley sessions`: the newest sessions, or what was said in one."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from parley_cli.stack.session_api import SessionApi, delivery_of, is_inbound, session_api, state_of
from parley_cli.stack.stack_file import find_stack
from parley_cli.terminal import command, console

ID_WIDTH = 36


@command
async def sessions(
    session_id: Annotated[str, typer.Argument(help="Shows this session's messages.")] = "",
    participant: Annotated[str, typer.Option(help="Only this participant's sessions.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at the most.")] = 20,
) -> None:
    """Lists the newest sessions, or shows one."""
    stack = find_stack()
    async with session_api(stack.session, stack.api_key) as api:
        if session_id:
            await _show_messages(api, session_id)
        else:
            await _show_sessions(api, limit, participant)


async def _show_sessions(api: SessionApi, limit: int, participant: str) -> None:
    table = Table("session", "participant", "number", "agent", "state", "opened", box=None, header_style="dim")
    # An id is there to be copied.
    table.columns[0].no_wrap, table.columns[0].min_width = True, ID_WIDTH
    for session in await api.list_sessions(limit, participant):
        opened = session.open_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S")
        state = state_of(session)
        table.add_row(session.session_id, session.participant, session.endpoint, session.agent, state, opened)
    console().print(table)


async def _show_messages(api: SessionApi, session_id: str) -> None:
    out = console()
    for message in await api.list_messages(session_id):
        time = message.create_time.ToDatetime().strftime("%H:%M:%S")
        if is_inbound(message):
            out.print(f"[dim]{time}[/dim]  ▸ {escape(message.text)}")
        else:
            text, state = escape(message.text), delivery_of(message)
            out.print(f"[dim]{time}[/dim]  [cyan]◂[/cyan] {text} [dim]({state})[/dim]")
