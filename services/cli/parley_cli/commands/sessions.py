"""`parley sessions`: the newest sessions, what was said in one, what is being said, and what people do in them."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, aclosing
from typing import Annotated, Any

import typer
from rich.table import Table
from typer.core import TyperGroup

from parley_cli.commands import session_changes
from parley_cli.stack.session_api import Session, SessionApi, is_ended, is_final, session_api, state_of
from parley_cli.stack.stack_file import session_service
from parley_cli.terminal import command, complain, console
from parley_cli.transcript.follow import Change, follow, follow_all
from parley_cli.transcript.lines import heading_of, line_of, standing_of
from parley_cli.transcript.screen import Screen, screen

ID_WIDTH = 36
SHOW = "show"


@command
async def show(
    session_id: Annotated[str, typer.Argument(metavar="[SESSION_ID]", help="Shows this session's messages.")] = "",
    participant: Annotated[str, typer.Option(help="Only this participant's sessions.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at the most.")] = 20,
    following: Annotated[
        bool, typer.Option("--follow", "-f", help="Goes on as things happen; without an id for all that open.")
    ] = False,
) -> None:
    """Lists the newest sessions, or shows one. `show` may be left out."""
    if following and session_id:
        await _follow_one(session_id)
    elif following:
        await _follow_all(participant)
    else:
        async with _connect() as api:
            await (_show_messages(api, session_id) if session_id else _show_sessions(api, limit, participant))


def _connect() -> AbstractAsyncContextManager[SessionApi]:
    return session_api(*session_service())


async def _show_sessions(api: SessionApi, limit: int, participant: str) -> None:
    table = Table("session", "participant", "number", "agent", "state", "opened", box=None, header_style="dim")
    # An id is there to be copied.
    table.columns[0].no_wrap, table.columns[0].min_width = True, ID_WIDTH
    sessions = await api.list_sessions(limit, participant)
    for session in sessions:
        opened = session.open_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S")
        state = state_of(session)
        table.add_row(session.session_id, session.participant, session.endpoint, session.agent, state, opened)
    console().print(table)
    if not sessions:
        complain('there is no session yet: open one with `parley text "Hi"` or `parley send "Hello"`')


async def _show_messages(api: SessionApi, session_id: str) -> None:
    out = console()
    session = await api.get_session(session_id)
    out.print(heading_of(session), soft_wrap=True)
    for message in await api.list_messages(session_id):
        out.print(line_of(message), soft_wrap=True)
    if is_ended(session):
        out.print(f"[dim]{standing_of(session)}[/dim]")


async def _follow_one(session_id: str) -> None:
    session_service()
    with screen(console()) as lines:
        async with aclosing(follow(_connect, session_id)) as changes:
            async for change in changes:
                _show_change(lines, change)


async def _follow_all(participant: str) -> None:
    session_service()
    speakers: dict[str, str] = {}
    with screen(console()) as lines:
        async with aclosing(follow_all(_connect)) as changes:
            async for session_id, change in changes:
                if isinstance(change, Session):
                    speakers[session_id] = change.participant
                if participant in ("", speakers[session_id]):
                    _show_change(lines, change, f"[dim]{speakers[session_id]}[/dim] ")


def _show_change(lines: Screen, change: Change, before: str = "") -> None:
    if isinstance(change, Session):
        lines.show(f"{change.session_id} {standing_of(change)}", heading_of(change), final=True)
    else:
        lines.show(change.message_id, f"{before}{line_of(change)}", final=is_final(change))


class SessionsGroup(TyperGroup):
    """A group whose first command needs no name: `parley sessions ID` is `parley sessions show ID`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)


def sessions_app() -> typer.Typer:
    app = typer.Typer(cls=SessionsGroup, help="The newest sessions, or what is said in one, and what people do there.")
    app.command(SHOW)(show)
    app.command("send")(session_changes.send)
    app.command("hand-off")(session_changes.hand_off)
    app.command("resume")(session_changes.resume)
    app.command("end")(session_changes.end)
    return app
