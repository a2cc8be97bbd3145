"""A running simulator, a receiver for its webhooks, and Twilio's own client against it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeAlias

import aiohttp
import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from parley_simulator.app import running
from parley_simulator.settings import NumberSettings, Settings
from parley_simulator.simulator import Simulator
from tests.contract.simulator.receiver import Receiver, receiving

OURS, OTHER = "+15550001111", "+15550002222"
TOKEN = "the-token-of-the-test-account"

Control: TypeAlias = aiohttp.ClientSession


def simulator_settings(**fields: object) -> Settings:
    """Any ports, statuses without delay, retries without pause."""
    defaults: dict[str, object] = {
        "listen": "127.0.0.1:0",
        "control_listen": "127.0.0.1:0",
        "auth_token": TOKEN,
        "numbers": (NumberSettings(phone_number=OURS), NumberSettings(phone_number=OTHER)),
        "sent_delay": 0.0,
        "delivered_delay": 0.0,
        "webhook_retry_pause": 0.0,
    }
    return Settings.model_validate(defaults | fields)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running(simulator_settings()) as started:
        yield started


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
async def wired(simulator: Simulator, receiver: Receiver) -> Simulator:
    """The simulator with our number's webhook at the receiver."""
    simulator.add_number(OURS, sms_url=receiver.url())
    return simulator


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Makes clients of the twilio library: its synchronous client, to be called in a thread."""
    clients: list[Client] = []

    def connected(simulator: Simulator, user: str = "", secret: str = TOKEN) -> Client:
        http = TwilioHttpClient(timeout=10)
        assert http.session is not None
        http.session.trust_env = False
        # Any environment but the process's own, where TWILIO_REGION or TWILIO_EDGE would rewrite the address.
        client = Client(
            user or simulator.account_sid, secret, simulator.account_sid, http_client=http, environment={"NONE": "1"}
        )
        client.api.base_url = client.messaging.base_url = client.numbers.base_url = simulator.api_url
        clients.append(client)
        return client

    yield connected
    for client in clients:
        client.http_client.session.close()


@pytest.fixture
def client(simulator: Simulator, connect: Callable[..., Client]) -> Client:
    return connect(simulator)


@pytest.fixture
async def control(simulator: Simulator) -> AsyncIterator[Control]:
    async with aiohttp.ClientSession(simulator.control_url) as session:
        yield session


@pytest.fixture
def dead_url() -> Iterator[str]:
    """A webhook URL at which nobody listens; the port stays taken, so that nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/sms"


@pytest.fixture
async def api(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    """The REST API without a library, with the account's credentials."""
    headers = {"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
    base = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/"
    async with aiohttp.ClientSession(base, headers=headers) as session:
        yield session


async def eventually(check: Callable[[], bool], timeout: float = 30.0) -> None:
    """For what nothing announces."""
    async with asyncio.timeout(timeout):
        while not check():
            await asyncio.sleep(0.005)
