"""Sends and lists messages through Twilio, or through whatever speaks like it at another base URL."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
from twilio.http.response import Response
from twilio.rest import Client

from parley_notifier.adapters.twilio.http_client import HttpClient, TooLate
from parley_notifier.domain.coverage import InboundPage, InboundText
from parley_notifier.domain.facts import Claim
from parley_notifier.domain.outcomes import Answer
from parley_notifier.domain.polls import Standing
from parley_notifier.domain.segments import comparable
from parley_notifier.domain.settlement import TRIAL_PREFIX, Listed, Listing, Look
from parley_notifier.errors import CarrierUnavailable
from parley_notifier.gate_ports import SentMessage, SentPage

SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
SERVICE_SID = re.compile(r"MG[0-9a-fA-F]{32}")
CALLBACK_RULES = "#rc=3&rp=ct,rt,5xx&ct=2000&rt=4000"
"""How Twilio repeats a callback that we could not take: three times within its 15 s."""
PAGE = 200
ACCOUNT_PAGE = 1000
"""Twilio gives no more at once."""
# Before these no byte of a request was written: they arise while a connection is made, or instead of the write.
NOT_LEFT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL, TooLate)
KEEP_ALIVE = 10.0
"""Shorter than any server's: a connection that the other side is closing would leave an outcome unknown."""


@dataclass(frozen=True, slots=True)
class Account:
    """`base_url` without a path. `username` is the account's sid or an API key's."""

    base_url: str
    account_sid: str
    username: str
    password: str = field(repr=False)
    callback_url: str
    """Where status callbacks go: the gateway's public base URL."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to connect, between two bytes, and in all; and how many requests at once."""

    connect: float
    read: float
    total: float
    requests: int


@asynccontextmanager
async def twilio_carrier(account: Account, limits: Limits) -> AsyncIterator[TwilioCarrier]:
    connector = aiohttp.TCPConnector(limit=limits.requests, keepalive_timeout=KEEP_ALIVE)
    timeout = aiohttp.ClientTimeout(total=limits.total, connect=limits.connect, sock_read=limits.read)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
    ) as session:
        # An environment of our own: TWILIO_EDGE and TWILIO_REGION would bend the base URL.
        client = Client(
            account.username,
            account.password,
            account.account_sid,
            http_client=HttpClient(session),
            environment={"PARLEY": "1"},
        )
        yield TwilioCarrier(client, account)


class TwilioCarrier:
    """The ports Carrier, Inbox, SentList and StatusSource."""

    def __init__(self, client: Client, account: Account) -> None:
        self._client = client
        self._callback_url = f"{account.callback_url.rstrip('/')}/twilio/status/"
        self._messages = f"{account.base_url.rstrip('/')}/2010-04-01/Accounts/{account.account_sid}/Messages.json"

    async def send(self, claim: Claim, until: float) -> Answer:
        form = {
            "To": claim.participant,
            "From": claim.sender,
            "Body": claim.text,
            "StatusCallback": f"{self._callback_url}{claim.delivery_id}{CALLBACK_RULES}",
        }
        if SERVICE_SID.fullmatch(claim.scope):
            form["MessagingServiceSid"] = claim.scope
        if claim.validity:
            form["ValidityPeriod"] = str(claim.validity)
        try:
            left = until - time.monotonic()
            response = await self._client.request_async("POST", self._messages, data=form, timeout=left)
        except NOT_LEFT:
            return Answer(left=False)
        except (aiohttp.ClientError, OSError):
            # TimeoutError is an OSError.
            return Answer()
        return _answer(response)

    async def list_messages(self, look: Look) -> Listing:
        # By the sender as well, the list would not show what a messaging service has yet to choose one for.
        wanted: dict[str, object] = {"To": look.participant, "PageSize": PAGE}
        page = await self._list(self._messages, wanted)
        try:
            messages = [_listed(message) for message in page["messages"]]
        except (KeyError, TypeError, ValueError):
            raise CarrierUnavailable("the message list was not understood") from None
        messages.sort(key=lambda message: message.create_time, reverse=True)
        return Listing(messages, complete=not page.get("next_page_uri"))

    async def list_inbound(self, page: str) -> InboundPage:
        body = await self._list(page or f"{self._messages}?PageSize={ACCOUNT_PAGE}", None)
        try:
            return InboundPage(
                texts=tuple(self._inbound(message) for message in body["messages"] if _is_inbound(message)),
                oldest_time=min((_time(message) for message in body["messages"][-1:]), default=None),
                next_page=self._next_page(body.get("next_page_uri")),
            )
        except (KeyError, TypeError, ValueError):
            raise CarrierUnavailable("the message list was not understood") from None

    async def list_sent(self, page: str) -> SentPage:
        body = await self._list(page or f"{self._messages}?PageSize={ACCOUNT_PAGE}", None)
        try:
            return SentPage(
                messages=[_sent(message) for message in body["messages"] if message["direction"] == "outbound-api"],
                oldest_time=min((_time(message) for message in body["messages"][-1:]), default=None),
                next_page=self._next_page(body.get("next_page_uri")),
            )
        except (KeyError, TypeError, ValueError):
            raise CarrierUnavailable("the message list was not understood") from None

    async def get_message(self, sid: str) -> Standing | None:
        if not SID.fullmatch(sid):
            # A proof may have named anything, and it would become a part of the path.
            return None
        try:
            response = await self._client.request_async("GET", f"{self._messages.removesuffix('.json')}/{sid}.json")
        except (aiohttp.ClientError, OSError) as error:
            raise CarrierUnavailable(f"the message was not read ({type(error).__name__})") from None
        if response.status_code == 404:
            # It was deleted there.
            return None
        body = _json(response)
        if response.status_code != 200 or not isinstance(body.get("status"), str):
            raise CarrierUnavailable(f"the message was not read (status {response.status_code})")
        code = body.get("error_code")
        return Standing(body["status"], code if isinstance(code, int) else 0)

    async def _list(self, url: str, wanted: dict[str, object] | None) -> Mapping[str, Any]:
        try:
            response = await self._client.request_async("GET", url, params=wanted)
        except (aiohttp.ClientError, OSError) as error:
            raise CarrierUnavailable(f"the message list was not read ({type(error).__name__})") from None
        body = _json(response)
        if response.status_code != 200 or not isinstance(body.get("messages"), list):
            raise CarrierUnavailable(f"the message list was not read (status {response.status_code})")
        return body

    def _next_page(self, uri: object) -> str:
        if not uri:
            return ""
        _, _, query = str(uri).partition("?")
        if not query:
            raise ValueError("a page that is not named")
        # Wherever it points, our credentials go to this list and nowhere else.
        return f"{self._messages}?{query}"

    def _inbound(self, message: Mapping[str, Any]) -> InboundText:
        has_media = str(message.get("num_media") or "0") != "0"
        return InboundText(
            sid=str(message["sid"]),
            number=str(message["to"]),
            participant=str(message["from"]),
            text=str(message["body"] or ""),
            # What each of them is would take a request for each such text: this is where they are listed.
            media_urls=(f"{self._messages.removesuffix('.json')}/{message['sid']}/Media.json",) if has_media else (),
            receive_time=_time(message),
        )


def _sent(message: Mapping[str, Any]) -> SentMessage:
    return SentMessage(
        sid=str(message["sid"]),
        # A messaging service has yet to choose it.
        sender=str(message.get("from") or ""),
        participant=str(message["to"]),
        text=comparable(str(message["body"] or "").removeprefix(TRIAL_PREFIX)),
        create_time=parsedate_to_datetime(message["date_created"]).timestamp(),
    )


def _is_inbound(message: Mapping[str, Any]) -> bool:
    """One that Twilio still receives is listed again when it is whole."""
    return message["direction"] == "inbound" and message.get("status") != "receiving"


def _time(message: Mapping[str, Any]) -> float:
    return parsedate_to_datetime(message["date_sent"] or message["date_created"]).timestamp()


def _answer(response: Response) -> Answer:
    body = _json(response)
    sid, code = body.get("sid"), body.get("code")
    return Answer(
        http_status=response.status_code,
        error_code=code if isinstance(code, int) else 0,
        sid=sid if isinstance(sid, str) and SID.fullmatch(sid) else "",
        request_id=str((response.headers or {}).get("Twilio-Request-Id", ""))[:64],
    )


def _json(response: Response) -> Mapping[str, Any]:
    try:
        body = orjson.loads(response.text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _listed(message: Mapping[str, Any]) -> Listed:
    created = parsedate_to_datetime(message["date_created"]).timestamp()
    sender = str(message.get("from") or "")
    return Listed(str(message["sid"]), str(message["direction"]), str(message["body"] or ""), created, sender)
