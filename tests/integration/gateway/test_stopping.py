"""A gateway that stops: what it has begun it finishes, what comes later it does not take."""

import asyncio
import json
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from parley_chassis.settings import SettingsError
from parley_gateway.app import Gateway
from parley_gateway.workers import reload_accounts
from tests.integration.gateway.between import starting_gateways
from tests.integration.gateway.peers import NotifierPeer, SessionPeer, serving
from tests.integration.gateway.twilio_side import ACCOUNT, PUBLIC_URL, TOKEN, WAIT, Caller, call, sid, signed, text

READY = b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_text_that_is_being_stored_is_answered_and_no_other_is_taken(
    sessions: SessionPeer, notifier: NotifierPeer
) -> None:
    async with AsyncExitStack() as stack:
        gateway = await (await stack.enter_async_context(starting_gateways(sessions, notifier)))()
        sessions.doors.open.clear()
        async with Caller(gateway.url) as caller, Caller(gateway.url) as idle:
            await idle.send(READY)
            assert (await idle.reply()).status == 200
            await caller.send(signed())
            await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
            stopping = asyncio.create_task(stack.aclose())
            assert await idle.is_closed()
            with pytest.raises(ConnectionRefusedError):
                await call(gateway.url, READY)
            sessions.doors.open.set()
            assert (await caller.reply()).status == 200
            assert await caller.is_closed()
            await asyncio.wait_for(stopping, WAIT)
    assert len(sessions.received) == 1


async def test_a_request_that_never_ends_does_not_hold_up_the_stop(
    sessions: SessionPeer, notifier: NotifierPeer
) -> None:
    async with AsyncExitStack() as stack:
        start = await stack.enter_async_context(starting_gateways(sessions, notifier))
        gateway: Gateway = await start(receive_timeout=0.3)
        async with Caller(gateway.url) as begun, Caller(gateway.url) as silent:
            await begun.send(signed()[:-1])
            await asyncio.sleep(0.05)
            await asyncio.wait_for(stack.aclose(), WAIT)
            assert (await begun.reply()).status == 408
            assert await silent.is_closed()


async def test_readiness_goes_before_the_doors_close(sessions: SessionPeer, notifier: NotifierPeer) -> None:
    async with AsyncExitStack() as stack:
        gateway = await (await stack.enter_async_context(starting_gateways(sessions, notifier)))()
        sessions.doors.open.clear()
        async with Caller(gateway.url) as caller:
            # Both sent before the stop: the second is answered during it.
            await caller.send(signed() + READY)
            await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
            stopping = asyncio.create_task(stack.aclose())
            await asyncio.sleep(0.05)
            sessions.doors.open.set()
            assert (await caller.reply()).status == 200
            assert (await caller.reply()).status == 503
            await asyncio.wait_for(stopping, WAIT)


# --- a process of its own ---------------------------------------------------------------------------------------


def environment(session_address: str, notifier_address: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    return kept | {
        "PARLEY_INSECURE_DEV": "1",
        "PARLEY_GATEWAY_LISTEN": "127.0.0.1:0",
        "PARLEY_GATEWAY_PUBLIC_URL": PUBLIC_URL,
        "PARLEY_GATEWAY_SESSION_ADDRESS": session_address,
        "PARLEY_GATEWAY_NOTIFIER_ADDRESS": notifier_address,
        "PARLEY_GATEWAY_TWILIO_ACCOUNTS": f"{ACCOUNT}={TOKEN}",
    }


async def start_process(env: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "parley_gateway", env=env, stderr=asyncio.subprocess.PIPE
    )


async def lines_until(process: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    assert process.stderr
    async with asyncio.timeout(30):
        async for line in process.stderr:
            told: dict[str, Any] = json.loads(line)
            if told["event"] == event:
                return told
    raise AssertionError(f"the process ended before {event}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_that_is_told_to_stop_answers_and_ends_well(
    sessions: SessionPeer, notifier: NotifierPeer, number: signal.Signals
) -> None:
    async with serving(sessions) as session_address, serving(notifier) as notifier_address:
        process = await start_process(environment(session_address, notifier_address))
        try:
            url = (await lines_until(process, "gateway_listening"))["url"]
            sessions.doors.open.clear()
            async with Caller(url) as caller:
                await caller.send(signed())
                await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
                process.send_signal(number)
                await lines_until(process, "stopping")
                sessions.doors.open.set()
                assert (await caller.reply()).status == 200
            assert await asyncio.wait_for(process.wait(), WAIT) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_a_process_without_an_account_does_not_start() -> None:
    process = await start_process(environment("127.0.0.1:1", "127.0.0.1:1") | {"PARLEY_GATEWAY_TWILIO_ACCOUNTS": ""})
    _, told = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert told.decode().startswith("PARLEY_GATEWAY_TWILIO_ACCOUNTS: ")


async def test_an_address_that_is_taken_is_said_so(sessions: SessionPeer, notifier: NotifierPeer) -> None:
    async with starting_gateways(sessions, notifier) as start:
        taken = (await start()).url.removeprefix("http://")
        with pytest.raises(SettingsError, match=f"cannot listen on {taken}"):
            await start(listen=taken)


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1:http", "127.0.0.1:99999", "256.0.0.1:0", ""])
async def test_an_address_that_is_none_is_said_so(sessions: SessionPeer, notifier: NotifierPeer, listen: str) -> None:
    async with starting_gateways(sessions, notifier) as start:
        with pytest.raises(SettingsError, match="cannot listen on"):
            await start(listen=listen)


async def test_tokens_in_a_file_are_replaced_while_the_gateway_runs(
    sessions: SessionPeer, notifier: NotifierPeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload_accounts, "INTERVAL", 0.01)
    file = tmp_path / "accounts"
    file.write_text(f"{ACCOUNT}=old-token\n")
    async with starting_gateways(sessions, notifier) as start:
        gateway = await start(twilio_accounts={}, twilio_accounts_file=file)
        assert (await call(gateway.url, signed(token="new-token"))).status == 403
        file.write_text(f"{ACCOUNT}=old-token|new-token\n")
        async with asyncio.timeout(WAIT):
            while (await call(gateway.url, signed(token="new-token"))).status != 200:
                pass
        assert (await call(gateway.url, signed(fields=text(MessageSid=sid(2)), token="old-token"))).status == 200


async def test_a_gateway_does_not_start_with_a_file_that_it_cannot_use(
    sessions: SessionPeer, notifier: NotifierPeer, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text("")
    async with starting_gateways(sessions, notifier) as start:
        for name in ("empty", "missing"):
            with pytest.raises(SettingsError, match="PARLEY_GATEWAY_TWILIO_ACCOUNTS_FILE: "):
                await start(twilio_accounts={}, twilio_accounts_file=tmp_path / name)
