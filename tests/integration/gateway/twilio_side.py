"""Twilio as the gateway meets it: signed forms over plain sockets, so that a test can send what no client would."""

import asyncio
import base64
import hmac
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from tests.integration.gateway.api_peers import OUR_NUMBER

PUBLIC_URL = "https://sms.example.com"
ACCOUNT, TOKEN = "AC" + "1" * 32, "0123456789abcdef0123456789abcdef"
OTHER_ACCOUNT, OTHER_TOKEN = "AC" + "2" * 32, "fedcba9876543210fedcba9876543210"
SMS, FALLBACK = "/twilio/sms", "/twilio/sms/fallback"
DELIVERY = "018f3c1e-0000-7000-8000-00000000000a"
STATUS = f"/twilio/status/{DELIVERY}"
FORM = "application/x-www-form-urlencoded"
WAIT = 10.0

Fields = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: str


def sid(number: int = 1) -> str:
    return f"SM{number:032x}"


def text(**changes: str | None) -> dict[str, str]:
    """The fields of Twilio's canonical inbound text, blank ones included; None takes one away."""
    fields: dict[str, str | None] = {
        "ToCountry": "US",
        "ToState": "CA",
        "SmsMessageSid": sid(),
        "NumMedia": "0",
        "ToCity": "SAN FRANCISCO",
        "FromZip": "",
        "SmsSid": sid(),
        "FromState": "CA",
        "SmsStatus": "received",
        "FromCity": "",
        "Body": "Ahoy 👍",
        "FromCountry": "US",
        "To": OUR_NUMBER,
        "ToZip": "94105",
        "NumSegments": "1",
        "MessageSid": sid(),
        "AccountSid": ACCOUNT,
        "From": "+15550100",
        "ApiVersion": "2010-04-01",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def report(**changes: str | None) -> dict[str, str]:
    fields: dict[str, str | None] = {
        "SmsSid": sid(),
        "SmsStatus": "delivered",
        "MessageStatus": "delivered",
        "To": "+15550100",
        "MessageSid": sid(),
        "AccountSid": ACCOUNT,
        "From": OUR_NUMBER,
        "ApiVersion": "2010-04-01",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def pairs_of(fields: Fields) -> list[tuple[str, str]]:
    return list(fields.items()) if isinstance(fields, Mapping) else list(fields)


def sign(url: str, fields: Fields, token: str = TOKEN) -> str:
    data = url + "".join(name + value for name, value in sorted(set(pairs_of(fields))))
    return base64.b64encode(hmac.digest(token.encode(), data.encode(), "sha1")).decode()


def request(
    target: str, body: bytes | str = b"", headers: Mapping[str, str | None] | None = None, method: str = "POST"
) -> bytes:
    """The bytes of a request as they are given; a header of None is left out."""
    body = body.encode() if isinstance(body, str) else body
    all_headers: dict[str, str | None] = {
        "Host": "sms.example.com",
        "Content-Type": FORM,
        "Content-Length": str(len(body)),
        "User-Agent": "TwilioProxy/1.1",
        "I-Twilio-Idempotency-Token": "803c29b1-163f-4e1a-a6c6-d74f62efab06",
        **(headers or {}),
    }
    lines = [
        f"{method} {target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in all_headers.items() if value is not None),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def signed(
    target: str = SMS,
    fields: Fields | None = None,
    *,
    token: str = TOKEN,
    signed_url: str | None = None,
    headers: Mapping[str, str | None] | None = None,
    method: str = "POST",
) -> bytes:
    fields = pairs_of(text() if fields is None else fields)
    signature = sign(signed_url or PUBLIC_URL + target, fields, token)
    return request(target, urlencode(fields), {"X-Twilio-Signature": signature, **(headers or {})}, method)


class Caller:
    """One connection to the gateway at `url`."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port

    async def __aenter__(self) -> "Caller":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def send(self, content: bytes) -> None:
        self._writer.write(content)
        with suppress(OSError):
            await self._writer.drain()

    async def reply(self) -> Reply:
        async with asyncio.timeout(WAIT):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Reply(int(head[0].split()[1]), headers, body.decode())

    def is_cut_off(self) -> bool:
        """Whether sending has failed."""
        return self._writer.transport.is_closing()

    async def is_closed(self) -> bool:
        """Waits until the gateway has closed the connection, having said nothing more."""
        async with asyncio.timeout(WAIT):
            try:
                return await self._reader.read() == b""
            except ConnectionResetError:
                return True


async def call(url: str, content: bytes) -> Reply:
    async with Caller(url) as caller:
        await caller.send(content)
        return await caller.reply()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():
            await asyncio.sleep(0.001)
