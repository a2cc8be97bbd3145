"""`parley numbers add | remove`: registers a number and makes Twilio bring its texts here, or undoes both."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from parley_cli.stack.agent_folders import find_agent
from parley_cli.stack.phone import own_number
from parley_cli.stack.session_api import session_api
from parley_cli.stack.stack_file import StackAddresses, find_stack, session_service
from parley_cli.stack.twilio_account import NumberAtTwilio, TwilioApi, TwilioRefused, twilio_api
from parley_cli.stack.webhooks import Webhooks
from parley_cli.terminal import command, console, working

SEARCH = "https://console.twilio.com/us1/develop/phone-numbers/manage/search"
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def _e164(number: str) -> str:
    if not E164.fullmatch(number):
        raise typer.BadParameter("write it in E.164: +15550100100")
    return number


NumberArgument = Annotated[
    str, typer.Argument(callback=_e164, metavar="NUMBER", help="The number, in E.164: +15550100100.")
]


class KeywordMode(Enum):
    provider = "provider"
    advanced = "advanced"
    none = "none"


@command
async def add(
    number: NumberArgument,
    agent: Annotated[str, typer.Option(help="The agent that answers it.")],
    keywords: Annotated[
        KeywordMode | None, typer.Option(help="Who takes STOP, START and HELP for what they are.")
    ] = None,
    opt_out_scope: Annotated[
        str, typer.Option(help="Numbers with the same one share opt-outs: their messaging service's sid.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Asks nothing.")] = False,
) -> None:
    """Registers a number, or gives it another agent, and has Twilio bring its texts here."""
    stack = find_stack()
    if stack.agents:
        find_agent(Path(stack.agents), agent)
    if stack.is_simulated:
        await own_number(stack.control, number)
    async with (
        twilio_api(stack.twilio, stack.account_sid, stack.auth_token) as twilio,
        session_api(stack.session, stack.api_key) as api,
    ):
        with working("asking Twilio about the number"):
            known = await _find(twilio, number)
            service = await twilio.service_of(known.sid)
        _agree(known, stack.webhooks, asks=not yes)
        if service is not None and not opt_out_scope:
            opt_out_scope = service.sid
            console().print(f"It is in the messaging service {service.sid}, and shares its opt-outs.", soft_wrap=True)
        mode = keywords.value if keywords else ""
        registered = await api.update_number(number, agent, keywords=mode, opt_out_scope=opt_out_scope)
        # Last: whatever Twilio brings from now on is taken.
        await twilio.set_webhooks(known.sid, stack.webhooks)
        if service is not None and not service.defers_to_number and service.inbound_url != stack.webhooks.sms_url:
            raise TwilioRefused(
                f"registered, but the messaging service {service.sid} sends its texts elsewhere: let it defer to the "
                "sender's webhook (Integration) at https://console.twilio.com/us1/develop/sms/services"
            )
    console().print(f"{registered.number} is answered by {registered.agent}; its texts come to {stack.public_url}")


@command
async def remove(number: NumberArgument) -> None:
    """Forgets a number: its texts are not taken any more. What was said stays."""
    stack = find_stack()
    async with (
        twilio_api(stack.twilio, stack.account_sid, stack.auth_token) as twilio,
        session_api(stack.session, stack.api_key) as api,
    ):
        known = await twilio.find_number(number)
        # First: what Twilio brought after the number is forgotten would be refused.
        is_ours = known is not None and _leads_to(known.sms_url, stack)
        if known is not None and is_ours:
            await twilio.set_webhooks(known.sid, None)
        await api.delete_number(number)
    left = "Twilio calls nobody for it now" if is_ours else "its webhook at Twilio is not ours, and was left as it is"
    console().print(f"{number} is forgotten; {left}")


@command
async def pause(number: NumberArgument) -> None:
    """Sends nothing from a number any more, within five seconds. Texts to it are answered as ever; the answers wait."""
    async with session_api(*session_service()) as api:
        await api.pause_number(number, paused=True)
    console().print(f"nothing is sent from {number}; `parley numbers resume {number}` sends what has waited")


@command
async def resume(number: NumberArgument) -> None:
    """Sends again from a number, what has waited first."""
    async with session_api(*session_service()) as api:
        await api.pause_number(number, paused=False)
    console().print(f"texts are sent from {number} again")


async def _find(twilio: TwilioApi, number: str) -> NumberAtTwilio:
    known = await twilio.find_number(number)
    if known is None:
        raise TwilioRefused(f"the number is not in this account: buy it first at {SEARCH}")
    if not known.takes_sms:
        raise TwilioRefused(f"the number can neither send nor receive SMS: take another, {SEARCH}")
    return known


def _agree(known: NumberAtTwilio, webhooks: Webhooks, *, asks: bool) -> None:
    """Shows what the number's texts led to; raises Abort unless it may be replaced."""
    before = known.application_sid or known.sms_url
    if not before or not known.differences(webhooks):
        return
    console().print(f"Its texts go to [bold]{before}[/bold] now.", soft_wrap=True)
    if asks and not before.startswith(webhooks.public_url):
        typer.confirm("Bring them here instead?", abort=True)


def _leads_to(url: str, stack: StackAddresses) -> bool:
    return url.startswith(f"{stack.public_url}/")
