"""A gateway between Twilio's side and the peers that play the services behind it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from parley_chassis.settings import load
from parley_gateway.app import Gateway, running
from parley_gateway.settings import Settings
from tests.integration.gateway.peers import DEVELOPMENT, NotifierPeer, SessionPeer, serving
from tests.integration.gateway.twilio_side import ACCOUNT, OTHER_ACCOUNT, OTHER_TOKEN, PUBLIC_URL, TOKEN, WAIT

StartGateway = Callable[..., Awaitable[Gateway]]


@asynccontextmanager
async def starting_gateways(sessions: SessionPeer, notifier: NotifierPeer) -> AsyncIterator[StartGateway]:
    """Yields what starts a gateway with the given settings changed; stops all that were started."""
    async with AsyncExitStack() as stack:
        session_address = await stack.enter_async_context(serving(sessions))
        notifier_address = await stack.enter_async_context(serving(notifier))

        async def start(**changes: Any) -> Gateway:
            addresses = {"session_address": [session_address], "notifier_address": [notifier_address]}
            return await stack.enter_async_context(running(gateway_settings(**{**addresses, **changes})))

        yield start


def gateway_settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "public_url": PUBLIC_URL,
        "twilio_accounts": f"{ACCOUNT}={TOKEN},{OTHER_ACCOUNT}={OTHER_TOKEN}",
        # A slow machine is no failure, unless a test asks for one.
        "call_timeout": WAIT,
        "answer_timeout": WAIT,
        "process": DEVELOPMENT,
        **changes,
    }
    return load(Settings, **values)
