"""What is fuzzed over a socket: a gateway as it is, between peers; raw bytes of HTTP, and JSON for its API.

Oracles: the grammar of HTTP answers, the statuses that are documented, and for JSON a second reading of the body.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.fuzz.finding import MOST_FINDS, Finds
from tests.fuzz.mutations import ODD_BYTES, Mutations
from tests.integration.gateway.api_peers import OUR_NUMBER
from tests.integration.gateway.between import starting_gateways
from tests.integration.gateway.peers import SessionPeer, notifier_peer, session_peer
from tests.integration.gateway.twilio_side import (
    FALLBACK,
    FORM,
    STATUS,
    WAIT,
    call,
    report,
    request,
    signed,
)

AT_ONCE = 16
BODY_LIMIT = 64 * 1024
DOCUMENTED = frozenset({200, 202, 204, 307, 400, 401, 403, 404, 405, 408, 409, 413, 415, 431})
"""No 5xx among them: the peers are there and take everything. 100 is told apart."""
ANSWER = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [A-Za-z ]*\r\n((?:[a-z-]+: [^\r\n]*\r\n)*)\r\n")
LENGTH = re.compile(rb"^content-length: ([0-9]+)\r$", re.MULTILINE)
HTTP_PIECES = (
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"Expect: 100-continue\r\n"),
    *(
        b"Connection: close\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
        b"HTTP/1.0",
        b"HTTP/9.9",
        b"5\r\nhello\r\n",
    ),
    *(
        b": ",
        b"\r",
        b"\n",
        b"\r\n ",
        b"GET / HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    ),
)
E164 = re.compile(r"\+[1-9][0-9]{1,14}")
JSON_SEEDS = [
    b'{"user_number": "+15550100", "message": "Hello"}',
    b'{"user_number": "+15550100", "message": "Hello", "agent_number": "%s"}' % OUR_NUMBER.encode(),
    b'{"message": "\\ud83d\\udc4d \xc3\xa9", "user_number": "+442071838750", "agent_number": null}',
    b'[1e309, NaN, -0, {"a": {"a": []}}, true, "\\ud800"]',
]
JSON_PIECES = (
    *(b'"', b"\\", b"\\u0000", b"\\ud800", b"null", b"{", b"}", b"[", b"]", b",", b":", b"1e999", b"-", b"NaN"),
    *(
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b'"user_number": ',
        b'"__proto__": {}, ',
        b" ",
        b"\xc2\xa0",
        b"x" * 1600,
    ),
)


@dataclass
class Door:
    url: str
    sessions: SessionPeer
    key: str


@asynccontextmanager
async def door() -> AsyncIterator[Door]:
    sessions = session_peer()
    async with starting_gateways(sessions, notifier_peer()) as start:
        gateway = await start(receive_timeout=0.5, requests_per_second=0)
        yield Door(gateway.url, sessions, sessions.keys.make(["shop"]))


async def http(door: Door, mutations: Mutations, *, seconds: float = 0.0, executions: int = 0) -> Finds:
    seeds = [
        signed(),
        signed(STATUS, report()),
        signed(FALLBACK) + signed(),
        request(
            "/v1/outbound-sms",
            JSON_SEEDS[0],
            {"Authorization": f"Bearer {door.key}", "Content-Type": "application/json"},
        ),
        request(
            "/v1/sessions?page_size=1",
            headers={"Authorization": f"Bearer {door.key}", "Content-Length": None},
            method="GET",
        ),
        request("/docs", headers={"Content-Length": None}, method="GET"),
        request("/health/live", headers={"Content-Type": FORM}, method="GET"),
        b"POST /twilio/sms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ]

    async def attempt() -> str:
        content = mutations.content(seeds, (*ODD_BYTES, *HTTP_PIECES))
        said = await _said(door.url, content)
        return wrong(said) and f"{wrong(said)} in {said[:300]!r}: {content!r}"

    found = await _fuzz("http", attempt, seconds, executions)
    if (await call(door.url, signed())).status != 200:
        found.add("a good text is not taken any more")
    return found


def wrong(said: bytes) -> str:
    """What is wrong with all that a gateway said on one connection; nothing where it is answers and nothing else."""
    while said:
        head = ANSWER.match(said)
        if head is None:
            return "no answer of HTTP"
        status = int(head[1])
        if status == 100:
            said = said[head.end() :]
            continue
        if status not in DOCUMENTED:
            return f"status {status}"
        length = LENGTH.search(head[2])
        size = int(length[1]) if length else 0
        if b"Traceback" in said[head.end() : head.end() + size]:
            return "a traceback"
        said = said[head.end() + size :]
        # To HEAD, which some seeds become, the length is told and nothing sent.
    return ""


async def _said(url: str, content: bytes) -> bytes:
    """All that is answered to `content` and the end of the connection."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(content)
        with suppress(OSError):
            await writer.drain()
            writer.write_eof()
        with suppress(ConnectionResetError):
            return await reader.read()
        return b""
    finally:
        writer.close()


async def json_bodies(door: Door, mutations: Mutations, *, seconds: float = 0.0, executions: int = 0) -> Finds:
    async def attempt() -> str:
        body = mutations.content(JSON_SEEDS, JSON_PIECES)
        headers = {"Authorization": f"Bearer {door.key}", "Content-Type": "application/json"}
        reply = await call(door.url, request("/v1/outbound-sms", body, headers))
        wanted = 413 if len(body) > BODY_LIMIT else 202 if is_outbound_text(body) else 400
        if reply.status != wanted:
            return f"{reply.status} {reply.body[:200]}, not {wanted}: {body!r}"
        answer = json.loads(reply.body)
        if wanted == 400 and set(answer) != {"detail"}:
            return f"{body!r}: {answer!r}"
        return ""

    return await _fuzz("json", attempt, seconds, executions)


def is_outbound_text(body: bytes) -> bool:
    """A second reading of what POST /v1/outbound-sms takes."""
    try:
        content: Any = json.loads(body.decode())
    except (ValueError, RecursionError):
        return False
    if not isinstance(content, dict) or not {"user_number", "message"} <= set(content):
        return False
    if set(content) - {"user_number", "message", "agent_number"}:
        return False
    user, message, agent = content["user_number"], content["message"], content.get("agent_number")
    numbers = [user] if agent is None else [user, agent]
    if not all(isinstance(number, str) and E164.fullmatch(number) for number in numbers):
        return False
    return (
        isinstance(message, str)
        and bool(message.strip())
        and len(message) <= 1600
        and not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in message)
    )


async def _fuzz(target: str, attempt: Callable[[], Any], seconds: float, executions: int) -> Finds:
    found = Finds(target)
    began = time.monotonic()

    async def worker() -> None:
        while (found.executions < executions or time.monotonic() - began < seconds) and len(found.finds) < MOST_FINDS:
            found.executions += 1
            try:
                async with asyncio.timeout(WAIT):
                    problem = await attempt()
            except Exception as error:
                problem = f"raised {error!r}"
            if problem:
                found.add(problem)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    found.seconds = time.monotonic() - began
    return found


OVER_SOCKETS = {"http": http, "json": json_bodies}
