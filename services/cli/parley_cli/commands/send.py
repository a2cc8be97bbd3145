"""`parley send`: opens a session with a text of ours, and shows what a simulated phone gets."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from parley_cli.commands.text import PARTICIPANT
from parley_cli.stack.phone import phone
from parley_cli.stack.session_api import ApiError, SessionApi, session_api
from parley_cli.stack.stack_file import StackAddresses, find_stack
from parley_cli.terminal import command, complain, console, working


@command
async def send(
    body: Annotated[str, typer.Argument(help="What to say.")],
    to: Annotated[str, typer.Option(help="The participant's number.")] = PARTICIPANT,
    agent: Annotated[str, typer.Option(help="Whose session it is; the only one's if left out.")] = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the text to arrive.")] = 15.0,
) -> None:
    """Texts a participant first; the agent takes over with their reply."""
    stack = find_stack()
    async with session_api(stack.session, stack.api_key) as api:
        agent = agent or await _usual_agent(stack, api)
        if stack.is_simulated:
            await _send_to_phone(stack, api, to, agent, body, timeout)
            return
        started = await api.start_session(agent, to, body)
    console().print(f"on its way; see it go with [bold]parley sessions {started.session_id} --follow[/bold]")


async def _send_to_phone(
    stack: StackAddresses, api: SessionApi, to: str, agent: str, body: str, timeout: float
) -> None:
    out = console()
    # The session service chooses which of the agent's numbers it comes from.
    async with phone(stack.control, to, None) as handset:
        await handset.catch_up()
        started = await api.start_session(agent, to, body)
        with working("waiting for the text to arrive"):
            bubbles = await handset.replies(timeout=timeout)
    for bubble in bubbles:
        out.print(f"[cyan]◂[/cyan] {escape(bubble.body)}", soft_wrap=True)
    if not bubbles:
        complain(
            f"it has not arrived within {timeout:g} s: see it go with `parley sessions {started.session_id} --follow`"
        )
        raise typer.Exit(1)
    endpoint = (await api.get_session(started.session_id)).endpoint
    ours = "" if endpoint == stack.number else f" --to {endpoint}"
    answer = f'parley text "…" --from {to}{ours}'
    out.print(f"[dim]session {started.session_id}[/dim]   answer it with [bold]{answer}[/bold]", soft_wrap=True)


async def _usual_agent(stack: StackAddresses, api: SessionApi) -> str:
    """The agent of the stack's own number, or of all numbers. Raises ApiError where there are several."""
    numbers = await api.list_numbers()
    agents = {number.agent for number in numbers if number.number == stack.number} or {one.agent for one in numbers}
    if len(agents) != 1:
        there_are = ", ".join(sorted(agents)) or "none: register a number first, `parley numbers add +1… --agent …`"
        raise ApiError(f"say whose session it is, with --agent; agents that have a number: {there_are}")
    return agents.pop()
