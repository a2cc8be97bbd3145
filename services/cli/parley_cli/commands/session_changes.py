"""`parley sessions send | hand-off | resume | end`: what people do in a session beside its agent."""

from __future__ import annotations

from typing import Annotated

import typer

from parley_cli.stack.session_api import Session, session_api
from parley_cli.stack.stack_file import session_service
from parley_cli.terminal import command, console
from parley_cli.transcript.lines import heading_of

SessionId = Annotated[str, typer.Argument(metavar="SESSION_ID", help="The session's id, from `parley sessions`.")]


@command
async def send(session_id: SessionId, text: Annotated[str, typer.Argument(help="What to say.")]) -> None:
    """Texts the participant as a person; the agent reads it as its own."""
    async with session_api(*session_service()) as api:
        await api.send_message(session_id, text)
    console().print(f"[dim]on its way; see it go with[/dim] parley sessions {session_id} --follow", soft_wrap=True)


@command
async def hand_off(
    session_id: SessionId,
    to: Annotated[str, typer.Option(help="Who takes it over, for people to read.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for people to read.")] = "",
) -> None:
    """Pauses the agent: texts are kept for people, until the session is resumed or ended."""
    async with session_api(*session_service()) as api:
        _show(await api.hand_off_session(session_id, to, reason))


@command
async def resume(session_id: SessionId) -> None:
    """Gives the session back to its agent, from the participant's next text on."""
    async with session_api(*session_service()) as api:
        _show(await api.resume_session(session_id))


@command
async def end(session_id: SessionId) -> None:
    """Ends the session; the participant's next text opens another."""
    async with session_api(*session_service()) as api:
        _show(await api.end_session(session_id))


def _show(session: Session) -> None:
    console().print(heading_of(session), soft_wrap=True)
