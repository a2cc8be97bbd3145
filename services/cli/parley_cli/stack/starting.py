"""Starts a stack for `parley up`. The services are imported only here, when they are needed: that takes its time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from parley_cli.stack.account_options import Place, TwilioAccount
from parley_cli.stack.stack_file import StackAddresses
from parley_cli.stack.twilio_account import twilio_api

NUMBER = "+15550100100"

Say = Callable[[str], None]
"""Takes what is being done at the moment, for whoever waits for it."""


@asynccontextmanager
async def simulated(
    agents: Path, agent: str, data: Path | None, number: str, say: Say
) -> AsyncIterator[StackAddresses]:
    """With a Twilio of its own. Without `data` nothing is kept."""
    from parley_cli.stack.in_process import Options, running

    async with running(Options(agents, agent, data, number), say) as stack:
        yield stack.addresses


@asynccontextmanager
async def on_account(account: TwilioAccount, place: Place, say: Say) -> AsyncIterator[StackAddresses]:
    """For a real account. Raises TwilioRefused, before anything starts, where Twilio does not take the credentials."""
    from parley_cli.stack.on_twilio import running_on_twilio

    say("asking Twilio whether it knows the account")
    async with twilio_api(account.url, account.sid, account.auth_token) as twilio:
        await twilio.time()
    async with running_on_twilio(account, place, say) as addresses:
        yield addresses
