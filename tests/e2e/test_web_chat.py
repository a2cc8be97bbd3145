"""Web chat with real agents, and with the example client, which a visitor would have in a terminal."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import grpc
import pytest

import parley_session.app
import parley_session.settings
from parley.channel.v1 import channel_pb2
from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc
from parley_cli.stack.in_process import Stack, settings_of
from tests.integration.session.watching import Watcher
from tests.laws.tree import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLIENT = ROOT / "examples/web_chat/client.py"
LIMIT = 20.0


@dataclass
class Terminal:
    """The example client, with its standard input and output in our hands."""

    process: asyncio.subprocess.Process

    async def write(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def read(self) -> str:
        assert self.process.stdout
        async with asyncio.timeout(LIMIT):
            return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def close(self) -> tuple[str, str]:
        """Ends its input; what it still has to say, and its complaints."""
        assert self.process.stdin
        self.process.stdin.close()
        async with asyncio.timeout(LIMIT):
            out, err = await self.process.communicate()
        assert self.process.returncode == 0
        return out.decode(), err.decode()


@asynccontextmanager
async def terminal(address: str, key: str, agent: str, visitor: str = "") -> AsyncIterator[Terminal]:
    arguments = ["--address", address, "--agent", agent, *(["--visitor", visitor] if visitor else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CLIENT),
        *arguments,
        env={**os.environ, "PARLEY_API_KEY": key},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Terminal(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_the_example_client_shows_a_conversation(stack: Stack) -> None:
    """The agent greets on text messages only: it knows web chat by its channel type."""
    async with terminal(stack.addresses.session, stack.addresses.api_key, "seed") as chat:
        await chat.write("hello")
        assert await chat.read() == "seed: Hello, how can I help?"
        await chat.write("what is up?")
        assert await chat.read() == "seed: 1: what is up?"
        await chat.write("STOP")
        assert await chat.read() == "seed: 2: STOP"
        assert await chat.close() == ("-- the session has ended\n", "")


async def test_the_example_client_goes_on_in_the_next_session(stack: Stack) -> None:
    async with terminal(stack.addresses.session, stack.addresses.api_key, "hanging") as chat:
        await chat.write("hello")
        assert await chat.read() == "hanging: text 1"
        await chat.write("bye")
        assert [await chat.read(), await chat.read()] == ["hanging: Goodbye after 2.", "-- the session has ended"]
        await chat.write("hello again")
        assert await chat.read() == "hanging: text 1", "nothing is carried over"
        assert (await chat.close())[1] == ""


async def test_the_example_client_says_that_an_agent_is_unknown(stack: Stack) -> None:
    async with terminal(stack.addresses.session, stack.addresses.api_key, "nobody") as chat:
        await chat.write("hello")
        assert await chat.read() == "-- not taken: OUTCOME_UNKNOWN_NUMBER"
        assert await chat.close() == ("", "")


async def test_the_example_client_outlives_the_service_that_it_talks_to(stack: Stack) -> None:
    """The service is stopped in the middle of a watch, and is not there when a line is written."""
    async with AsyncExitStack() as stopping:
        stops = [await _second_session_service(stack, {})]
        stopping.push_async_callback(lambda: stops.pop()[1].aclose())
        address = stops[0][0]
        async with terminal(address, stack.addresses.api_key, "both") as chat:
            await chat.write("one")
            assert [await chat.read(), await chat.read()] == ["both: Welcome.", "both: You said one"]
            await stops.pop()[1].aclose()
            await chat.write("two")
            stops.append(await _second_session_service(stack, {"PARLEY_SESSION_LISTEN": address}))
            assert await chat.read() == "both: You said two"
            await chat.write("three")
            assert await chat.read() == "both: You said three"
            assert await chat.close() == ("-- the session has ended\n", "")


async def _second_session_service(stack: Stack, variables: Mapping[str, str]) -> tuple[str, AsyncExitStack]:
    """Another replica in the stack, and what stops it."""
    environment = {**stack.layout.environment("session"), "PARLEY_SESSION_LISTEN": "127.0.0.1:0", **variables}
    settings = settings_of(parley_session.settings.Settings, "PARLEY_SESSION_", environment)
    running = AsyncExitStack()
    service = await running.enter_async_context(parley_session.app.running(settings))
    return service.address, running


async def test_a_reply_is_told_at_once_and_has_no_delivery(stack: Stack) -> None:
    metadata = [("authorization", f"Bearer {stack.addresses.api_key}")]
    visitor = str(uuid4())
    async with grpc.aio.insecure_channel(stack.addresses.session) as channel:
        sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        message = session_pb2.InboundMessage(
            channel=channel_pb2.CHANNEL_WEB_CHAT,
            endpoint="answering",
            participant=visitor,
            source_id=str(uuid4()),
            text="hello",
        )
        received = session_service_pb2.ReceiveMessagesRequest(messages=[message])
        (result,) = (await sessions.ReceiveMessages(received, metadata=metadata)).results
        assert result.outcome == session_pb2.ReceiveResult.OUTCOME_ACCEPTED
        listed = session_service_pb2.ListSessionsRequest(participant=visitor)
        (session,) = (await sessions.ListSessions(listed, metadata=metadata)).sessions
        watcher = Watcher(sessions, session.session_id, metadata=metadata)
        stream = asyncio.create_task(watcher.watch())
        await watcher.until(lambda w: w.texts == ["hello", "started=True heard=hello"])
        assert watcher.states == [session_pb2.DELIVERY_STATE_UNSPECIFIED] * 2
        assert (watcher.session.channel, watcher.session.agent) == (channel_pb2.CHANNEL_WEB_CHAT, "answering")
        ending = session_service_pb2.EndSessionRequest(session_id=session.session_id)
        await sessions.EndSession(ending, metadata=metadata)
        await asyncio.wait_for(stream, LIMIT)
        page = session_service_pb2.ListMessagesRequest(session_id=session.session_id)
        assert list((await sessions.ListMessages(page, metadata=metadata)).messages) == watcher.transcript
