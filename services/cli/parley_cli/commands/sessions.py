"""`parley sessions`: the newest sessions, or what was said in one."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from parley.session.v1 import session_pb2
from parley_cli.stack.session_api import SessionApi, session_api
from parley_cli.stack.stack_file import find_stack
from parley_cli.terminal import command, console

Message = session_pb2.Message


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
    for session in await api.list_sessions(limit, participant):
        state = "open"
        if session.state == session_pb2.Session.STATE_ENDED:
            state = session_pb2.Session.EndReason.Name(session.end_reason).removeprefix("END_REASON_").lower()
        opened = session.open_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(session.session_id, session.participant, session.endpoint, session.agent, state, opened)
    console().print(table)


async def _show_messages(api: SessionApi, session_id: str) -> None:
    out = console()
    for message in await api.list_messages(session_id):
        time = message.create_time.ToDatetime().strftime("%H:%M:%S")
        if message.direction == Message.DIRECTION_INBOUND:
            out.print(f"[dim]{time}[/dim]  ▸ ", message.text, sep="", markup=True)
        else:
            state = session_pb2.DeliveryState.Name(message.delivery_state).removeprefix("DELIVERY_STATE_").lower()
            out.print(f"[dim]{time}[/dim]  [cyan]◂[/cyan] {message.text} [dim]({state})[/dim]")
