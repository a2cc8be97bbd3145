"""`python -m parley_simulator`: one line when it is ready, a clean end on a signal, clear words about bad settings."""

import asyncio
import json
import os
import signal
import sys

import aiohttp
import pytest

OURS = "+15550001111"
ANYWHERE = {"PARLEY_SIMULATOR_LISTEN": "127.0.0.1:0", "PARLEY_SIMULATOR_CONTROL_LISTEN": "127.0.0.1:0"}


async def start(**environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parley_simulator"),
        env=os.environ | ANYWHERE | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_tells_its_addresses_serves_and_stops_on_a_signal(number: signal.Signals) -> None:
    process = await start(PARLEY_SIMULATOR_NUMBERS=json.dumps([OURS]))
    assert process.stdout is not None
    async with asyncio.timeout(20):
        ready = json.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as session:
            headers = {"Authorization": aiohttp.encode_basic_auth(ready["account_sid"], ready["auth_token"])}
            url = f"{ready['twilio']}/2010-04-01/Accounts/{ready['account_sid']}/IncomingPhoneNumbers.json"
            async with session.get(url, headers=headers) as response:
                numbers = (await response.json())["incoming_phone_numbers"]
            assert [listed["phone_number"] for listed in numbers] == [OURS]
            async with session.get(f"{ready['control']}/health") as response:
                assert (await response.json())["status"] == "ok"
        process.send_signal(number)
        rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (0, b"", b"")


async def test_bad_settings_are_all_named_and_no_value_is_shown() -> None:
    process = await start(
        PARLEY_SIMULATOR_LISTEN="nowhere",
        PARLEY_SIMULATOR_ACCOUNT_SID="secret-value",
        PARLEY_SIMULATOR_SENT_DELAY="-1",
        PARLEY_SIMULATOR_NUMBERS='["12345"]',
    )
    async with asyncio.timeout(20):
        _, errors = await process.communicate()
    assert process.returncode == 2
    lines = errors.decode().splitlines()
    names = {line.partition(":")[0] for line in lines}
    assert {"PARLEY_SIMULATOR_LISTEN", "PARLEY_SIMULATOR_ACCOUNT_SID", "PARLEY_SIMULATOR_SENT_DELAY"} <= names
    assert any(name.startswith("PARLEY_SIMULATOR_NUMBERS") for name in names)
    assert "secret-value" not in errors.decode()
    assert "12345" not in errors.decode()


async def test_settings_that_are_broken_json_are_named_too() -> None:
    process = await start(PARLEY_SIMULATOR_NUMBERS='["+15550001111')
    async with asyncio.timeout(20):
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().startswith("PARLEY_SIMULATOR_NUMBERS: ")
