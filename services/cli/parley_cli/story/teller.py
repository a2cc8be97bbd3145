"""Tells a story at the terminal: bubbles as they come, and for each claim a check that ends the story if it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

import aiohttp
from rich.console import Console
from rich.markup import escape

from parley_chassis.postgres.pool import Database
from parley_cli.stack.in_process import Stack
from parley_cli.stack.session_api import Session, SessionApi, delivery_of, is_inbound, session_api, state_of
from parley_simulator.domain.messages import Message

PARTICIPANT = "+15550123456"
AGENT = "appointment_desk"
PATIENCE = 20.0
LOOK_INTERVAL = 0.02


class StepFailed(Exception):
    """What was claimed did not happen."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The HTTP API's answer to a text of ours."""

    status: int
    session_id: str = ""
    message_id: str = ""


class Teller:
    """One participant's phone with one of our numbers, the stack behind it, and the reader's terminal."""

    def __init__(self, stack: Stack, database: Database, out: Console, key: str, number: str = "") -> None:
        self.stack = stack
        self.checks = 0
        self._number = number or stack.addresses.number
        self._database = database
        self._out = out
        self._key = key
        self._seen = 0
        self._automatic = 0

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
        inbound = await self.stack.simulator.text(PARTICIPANT, self._number, body)
        if inbound.outcome != "delivered":
            raise StepFailed(f"the webhook was not answered 200 ({inbound.outcome})")
        self.note(f"signed webhook → committed in PostgreSQL → 200, in {1000 * (time.perf_counter() - began):.0f} ms")

    async def reply(self, count: int = 1) -> list[str]:
        """The next answers of the agent."""
        return await self._arrive(count, "agent's turn → outbox → accepted by Twilio")

    async def arrive(self) -> None:
        """The next text that reaches the phone, which no agent has written."""
        await self._arrive(1, "outbox → accepted by Twilio")

    async def _arrive(self, count: int, way: str) -> list[str]:
        began = time.perf_counter()
        wanted = self._seen + count
        try:
            sent = await self.stack.simulator.wait_for_outbound(PARTICIPANT, wanted, PATIENCE, number=self._number)
        except TimeoutError:
            raise StepFailed(f"no reply within {PATIENCE:.0f} s") from None
        new: Sequence[Message] = sent[self._seen :]
        self._seen = len(sent)
        for message in new:
            self._out.print(f"  [cyan]◂[/cyan] {escape(message.body)}")
        self.note(f"{way}, in {1000 * (time.perf_counter() - began):.0f} ms")
        return [message.body for message in new]

    async def send(self, body: str, key: str) -> Sent:
        """Texts the participant through the HTTP API, as a client of PolyAI's endpoint would."""
        self._out.print(f"  [bold]POST ▸[/bold] {escape(body)}")
        headers = {"X-PolyAi-Auth-Token": self._key, "X-TOKEN-ID": AGENT, "Idempotency-Key": key}
        url = f"{self.stack.addresses.gateway}/v1/outbound-sms"
        payload = {"user_number": PARTICIPANT, "message": body}
        async with aiohttp.ClientSession() as http, http.post(url, json=payload, headers=headers) as response:
            answer = await response.json()
            self.note(f"{response.status} {answer.get('detail', '')}".strip())
            return Sent(response.status, answer.get("session_id", ""), answer.get("message_id", ""))

    async def skip(self, duration: timedelta) -> None:
        """Lets time pass for people. Nothing else is shortened."""
        hours, minutes = divmod(duration.total_seconds() // 60, 60)
        self._out.print("  [bold]⏩[/bold] " + (f"{hours:.0f} h later" if hours else f"{minutes:.0f} min later"))
        async with self._api() as api:
            await api.skip_time(duration)

    async def calling(self, agent: str, number: str) -> Teller:
        """The same phone, texting another number."""
        layout = self.stack.layout
        self.stack.simulator.add_number(number, sms_url=layout.sms_url, sms_fallback_url=layout.sms_fallback_url)
        async with self._api() as api:
            await api.update_number(number, agent)
        return Teller(self.stack, self._database, self._out, self._key, number)

    def show_automatic(self) -> None:
        """What Twilio itself has answered."""
        automatic = [m.body for m in self.stack.simulator.outbox(PARTICIPANT, automatic=True) if m.automatic]
        for body in automatic[self._automatic :]:
            self._out.print(f"  [magenta]◂ Twilio[/magenta] {escape(body)}")
        self._automatic = len(automatic)

    async def states(self) -> list[str]:
        """How each session with the number stands, oldest first."""
        async with self._api() as api:
            return [state_of(session) for session in await self._sessions(api)]

    async def state_becomes(self, state: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while (await self.states())[-1] != state:
            if time.monotonic() > deadline:
                raise StepFailed(f"the session is not {state} after {PATIENCE:.0f} s")
            await asyncio.sleep(LOOK_INTERVAL)

    async def turns_of(self, session_id: str) -> int:
        ((number,),) = await self._database.run(
            "SELECT count(*) FROM session.turns WHERE session_id = %s::uuid", (session_id,)
        )
        return int(number)

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
        """Everything that Twilio has accepted for the participant from this number."""
        return [message.body for message in self.all_outboxes if message.from_ == self._number]

    @property
    def all_outboxes(self) -> list[Message]:
        return self.stack.simulator.outbox(PARTICIPANT)

    async def table_of_sessions(self) -> list[str]:
        """How each session with the number stands, oldest first; printed with its transcript."""
        async with self._api() as api:
            return [await self._transcript(api, session) for session in await self._sessions(api)]

    async def _transcript(self, api: SessionApi, session: Session) -> str:
        state = state_of(session)
        self._out.print(f"  [dim]session[/dim] {session.session_id} [dim]{state}[/dim]")
        for message in await api.list_messages(session.session_id):
            arrow = "[bold]▸[/bold]" if is_inbound(message) else "[cyan]◂[/cyan]"
            fate = message.ignore_reason if is_inbound(message) else delivery_of(message)
            self._out.print(f"    {arrow} {escape(message.text)}" + (f" [dim]({fate})[/dim]" if fate else ""))
        return state

    async def _sessions(self, api: SessionApi) -> list[Session]:
        sessions = await api.list_sessions(50, PARTICIPANT)
        return [session for session in reversed(sessions) if session.endpoint == self._number]

    def _api(self) -> AbstractAsyncContextManager[SessionApi]:
        addresses = self.stack.addresses
        return session_api(addresses.session, addresses.api_key)
