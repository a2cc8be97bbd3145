"""Tells a story at the terminal: bubbles as they come, and for each claim a check that ends the story if it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import LiteralString

from rich.console import Console
from rich.markup import escape

from parley_chassis.postgres.pool import Database
from parley_cli.stack.in_process import Stack
from parley_cli.stack.session_api import SessionApi, delivery_of, is_inbound, session_api, state_of
from parley_simulator.domain.messages import Message

PARTICIPANT = "+15550123456"
PATIENCE = 20.0
LOOK_INTERVAL = 0.02


class StepFailed(Exception):
    """What was claimed did not happen."""


class Teller:
    """One participant's phone, the stack behind it, and the reader's terminal."""

    def __init__(self, stack: Stack, database: Database, out: Console) -> None:
        self.stack = stack
        self._database = database
        self.checks = 0
        self._out = out
        self._seen = 0

    def heading(self, text: str) -> None:
        self._out.print(f"\n[bold]{text}[/bold]")

    def note(self, text: str) -> None:
        self._out.print(f"  [dim]{escape(text)}[/dim]")

    def check(self, holds: bool, claim: str) -> None:
        """Prints the claim with a tick. Raises StepFailed where it does not hold."""
        if not holds:
            raise StepFailed(claim)
        self.checks += 1
        self._out.print(f"  [green]✓[/green] [dim]{escape(claim)}[/dim]")

    async def text(self, body: str) -> None:
        """The participant texts; the webhook has to be answered 200."""
        began = time.perf_counter()
        self._out.print(f"  [bold]you ▸[/bold] {escape(body)}")
        inbound = await self.stack.simulator.text(PARTICIPANT, self.stack.addresses.number, body)
        if inbound.outcome != "delivered":
            raise StepFailed(f"the webhook was not answered 200 ({inbound.outcome})")
        self.note(f"signed webhook → committed in PostgreSQL → 200, in {1000 * (time.perf_counter() - began):.0f} ms")

    async def reply(self, count: int = 1) -> list[str]:
        """The next texts that reach the phone."""
        began = time.perf_counter()
        wanted = self._seen + count
        try:
            sent = await self.stack.simulator.wait_for_outbound(PARTICIPANT, wanted, PATIENCE)
        except TimeoutError:
            raise StepFailed(f"no reply within {PATIENCE:.0f} s") from None
        new: Sequence[Message] = sent[self._seen :]
        self._seen = len(sent)
        for message in new:
            self._out.print(f"  [cyan]◂ agent[/cyan] {escape(message.body)}")
        self.note(f"agent's turn → outbox → accepted by Twilio, in {1000 * (time.perf_counter() - began):.0f} ms")
        return [message.body for message in new]

    async def quiet(self) -> None:
        """Returns when nothing is under way any more: no open turn, no message without an outcome."""
        await self._none("SELECT (SELECT count(*) FROM session.turns WHERE open) + count(*) FROM session.outbox")

    async def delivered(self) -> None:
        """Returns when every text that was sent has been reported delivered to the session service."""
        await self._none("SELECT count(*) FROM session.messages WHERE direction = 2 AND delivery_state <> 5")

    async def _none(self, query: LiteralString) -> None:
        deadline = time.monotonic() + PATIENCE
        while await self.count(query):
            if time.monotonic() > deadline:
                raise StepFailed(f"something is still under way after {PATIENCE:.0f} s")
            await asyncio.sleep(LOOK_INTERVAL)

    async def count(self, query: LiteralString) -> int:
        """The one number that `query` asks PostgreSQL for."""
        ((number,),) = await self._database.run(query)
        return int(number)

    @property
    def outbox(self) -> list[str]:
        """Everything that Twilio has accepted for the participant."""
        return [message.body for message in self.stack.simulator.outbox(PARTICIPANT)]

    async def table_of_sessions(self) -> list[str]:
        """How each session of the participant stands, oldest first; printed with its transcript."""
        addresses = self.stack.addresses
        async with session_api(addresses.session, addresses.api_key) as api:
            return await self._transcripts(api)

    async def _transcripts(self, api: SessionApi) -> list[str]:
        states = []
        for session in reversed(await api.list_sessions(50, PARTICIPANT)):
            states.append(state_of(session))
            self._out.print(f"  [dim]session[/dim] {session.session_id} [dim]{states[-1]}[/dim]")
            for message in await api.list_messages(session.session_id):
                arrow = "[bold]▸[/bold]" if is_inbound(message) else "[cyan]◂[/cyan]"
                fate = "" if is_inbound(message) else f" [dim]({delivery_of(message)})[/dim]"
                self._out.print(f"    {arrow} {escape(message.text)}{fate}")
        return states
