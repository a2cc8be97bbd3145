"""Who may ask: the account's own token, its API keys, nobody else."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from parley_simulator.app import running
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OURS, TOKEN, simulator_settings

ANN = "+15550100001"
KEY = "SK" + "a" * 32


async def test_a_wrong_token_is_401_with_code_20003(simulator: Simulator, connect: Callable[..., Client]) -> None:
    client = connect(simulator, secret="wrong")
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(client.messages.create, to=ANN, from_=OURS, body="x")
    assert (caught.value.status, caught.value.code) == (401, 20003)
    assert simulator.messages() == []


async def test_an_api_key_opens_the_api() -> None:
    async with running(simulator_settings(api_keys={KEY: "secret"})) as simulator:
        headers = {"Authorization": aiohttp.encode_basic_auth(KEY, "secret")}
        url = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/IncomingPhoneNumbers.json"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            assert response.status == 200


@pytest.mark.parametrize("authorization", [None, "Basic !!!", "Bearer x", ""])
async def test_without_credentials_the_answer_asks_for_them(simulator: Simulator, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    url = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/Messages.json"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == 'Basic realm="Twilio API"'
        assert await response.json() == {
            "code": 20003,
            "message": "Authenticate",
            "more_info": "https://www.twilio.com/docs/errors/20003",
            "status": 401,
        }


async def test_another_account_in_the_path_is_refused(simulator: Simulator) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
    url = f"{simulator.api_url}/2010-04-01/Accounts/AC{'f' * 32}/Messages.json"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert response.status == 401


async def test_the_control_plane_is_not_on_the_apis_port(simulator: Simulator) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
    async with aiohttp.ClientSession(headers=headers) as session:
        for path in ("/messages", "/reset", "/health"):
            async with session.get(simulator.api_url + path) as response:
                assert response.status == 404
