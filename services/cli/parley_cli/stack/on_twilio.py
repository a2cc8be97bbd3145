"""Runs the four services in this process for numbers of a real Twilio account: no simulator, and time as it passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres, lasting_data_folder
from parley_cli.stack.account_options import Place, TwilioAccount
from parley_cli.stack.in_process import POSTGRES, SERVICES, start_services
from parley_cli.stack.layout import Databases, Layout
from parley_cli.stack.schema import prepare_database
from parley_cli.stack.stack_file import StackAddresses
from parley_cli.stack.starting import Say


@asynccontextmanager
async def running_on_twilio(
    account: TwilioAccount, place: Place, say: Say = lambda _: None
) -> AsyncIterator[StackAddresses]:
    """Yields once texts to registered numbers would be answered. Leaving it stops everything, callers first."""
    async with AsyncExitStack() as stack:
        say(POSTGRES)
        postgres = await stack.enter_async_context(embedded_postgres(place.data or lasting_data_folder()))
        await prepare_database(postgres)
        layout = Layout.on_loopback(Databases.of(postgres), account.sid, account.auth_token, place.agents)
        layout = layout.with_twilio(account.url).on_the_internet(place.listen, place.public_url)
        say(SERVICES)
        await start_services(stack, layout, None)
        yield _addresses(layout, postgres)


def _addresses(layout: Layout, postgres: EmbeddedPostgres) -> StackAddresses:
    return StackAddresses(
        gateway=layout.gateway_url,
        session=layout.session,
        agent=layout.agent,
        notifier=layout.notifier,
        twilio=layout.twilio_url,
        control="",
        phone="",
        database_url=postgres.url(),
        account_sid=layout.account_sid,
        auth_token=layout.auth_token,
        number="",
        api_key=layout.api_key,
        public_url=layout.public_url,
        agents=str(layout.agents),
    )
