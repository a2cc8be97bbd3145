"""What the carrier's tests send, from where, and servers that are no Twilio."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from parley_notifier.adapters.twilio.carrier import Account, Limits
from parley_notifier.domain.facts import Claim

OURS, THEIRS, TOKEN = "+15550001111", "+15550100001", "the-token-of-the-test-account"
SID, SERVICE = "AC" + "0" * 31 + "1", "MG" + "a" * 32
NEVER = math.inf
LIMITS = Limits(connect=0.3, read=0.3, total=0.5, requests=4)
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def claim(text: str = "hello", sender: str = OURS, participant: str = THEIRS) -> Claim:
    return Claim("0f0e0d0c-0b0a-0908-0706-050403020100", "t", 1, sender, participant, text)


def account(url: str, **fields: str) -> Account:
    usual = {"account_sid": SID, "username": SID, "password": TOKEN, "callback_url": "https://gateway.example.com/"}
    return Account(url, **(usual | fields))


@asynccontextmanager
async def something_that_answers(handle: Handle) -> AsyncIterator[str]:
    """A server that is no Twilio; its URL."""

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handled, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def saying(answer: bytes) -> Handle:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return handle
