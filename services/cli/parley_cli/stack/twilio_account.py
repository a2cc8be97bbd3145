"""A Twilio account as the commands look at it: its numbers, what they are configured with, and what overrides that.

Sends nothing: that is the notifier's.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from parley_cli.stack.webhooks import Webhooks

TIMEOUT = 10.0
PAGE = 100
CREDENTIALS = "compare the account SID and the auth token with those at https://console.twilio.com (Account Info)"
POST = "POST"
DATE_GRAIN = timedelta(seconds=1)
"""The smallest step of the clock that Twilio shows."""


class TwilioRefused(Exception):
    """Twilio refused or did not answer; the text says what to do, and holds no number and no secret."""


@dataclass(frozen=True, slots=True)
class NumberAtTwilio:
    """What Twilio knows of a number of the account; "" is an unset URL."""

    sid: str
    number: str = field(repr=False)
    takes_sms: bool
    sms_url: str = field(repr=False)
    sms_method: str
    sms_fallback_url: str = field(repr=False)
    application_sid: str

    def differences(self, wanted: Webhooks) -> list[str]:
        """What is not as the gateway needs it, each by Twilio's name."""
        expected = {
            "SmsUrl": (self.sms_url, wanted.sms_url),
            "SmsMethod": (self.sms_method, POST),
            "SmsFallbackUrl": (self.sms_fallback_url, wanted.sms_fallback_url),
            "SmsApplicationSid": (self.application_sid, ""),
        }
        return [name for name, (found, right) in expected.items() if found != right]


@dataclass(frozen=True, slots=True)
class Service:
    """A messaging service that has a number: whether it calls the number's webhook, and else which."""

    sid: str
    defers_to_number: bool
    inbound_url: str = field(repr=False)


class TwilioApi:
    """Asks one account. Raises TwilioRefused."""

    def __init__(self, http: aiohttp.ClientSession, url: str, account_sid: str) -> None:
        self._http = http
        self._numbers = f"{url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers"
        self._services = f"{messaging_url(url).rstrip('/')}/v1/Services"

    async def time(self) -> datetime | None:
        """Twilio's clock, in whole seconds; None where it does not say. The cheapest call that proves credentials."""
        _, headers = await self._ask("GET", f"{self._numbers}.json", {"PageSize": "1"})
        return _date(headers.get("Date", ""))

    async def find_number(self, number: str) -> NumberAtTwilio | None:
        body, _ = await self._ask("GET", f"{self._numbers}.json", {"PhoneNumber": number})
        with _understanding():
            found = [_number(item) for item in body["incoming_phone_numbers"]]
        # The filter takes parts of numbers too.
        return next((one for one in found if one.number == number), None)

    async def set_webhooks(self, sid: str, webhooks: Webhooks | None) -> None:
        """Makes Twilio call these for the number's texts; None: nobody."""
        form = {
            "SmsUrl": webhooks.sms_url if webhooks else "",
            "SmsMethod": POST,
            "SmsFallbackUrl": webhooks.sms_fallback_url if webhooks else "",
            "SmsFallbackMethod": POST,
            "SmsApplicationSid": "",
        }
        await self._ask("POST", f"{self._numbers}/{sid}.json", form=form)

    async def service_of(self, sid: str) -> Service | None:
        """The messaging service that has the number; a number is in one at the most."""
        page = f"{self._services}?PageSize={PAGE}"
        while page:
            body, _ = await self._ask("GET", page)
            with _understanding():
                services = [_service(item) for item in body["services"]]
                _, _, query = (body["meta"].get("next_page_url") or "").partition("?")
            for service in services:
                if await self._is_there(f"{self._services}/{service.sid}/PhoneNumbers/{sid}"):
                    return service
            # Wherever the link points, our credentials go nowhere else.
            page = f"{self._services}?{query}" if query else ""
        return None

    async def _is_there(self, url: str) -> bool:
        async with _answering(), self._http.get(url) as response:
            return response.status == 200

    async def _ask(
        self, method: str, url: str, query: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
    ) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        async with _answering(), self._http.request(method, url, params=query, data=form) as response:
            text = await response.text()
            if response.status >= 400:
                raise TwilioRefused(_refusal(response.status, text))
            try:
                body = json.loads(text)
            except ValueError:
                raise TwilioRefused("the answer is not Twilio's: does a proxy answer in its place?") from None
            return body, response.headers


@asynccontextmanager
async def twilio_api(url: str, account_sid: str, auth_token: str) -> AsyncIterator[TwilioApi]:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    credentials = {"Authorization": aiohttp.encode_basic_auth(account_sid, auth_token)}
    async with aiohttp.ClientSession(headers=credentials, timeout=timeout) as http:
        yield TwilioApi(http, url, account_sid)


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TwilioRefused(f"Twilio does not answer ({type(error).__name__}): is the network there?") from None


@contextmanager
def _understanding() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError):
        raise TwilioRefused("Twilio's answer was not understood: does a proxy answer in its place?") from None


def _refusal(status: int, text: str) -> str:
    if status == 401:
        return f"Twilio does not accept these credentials: {CREDENTIALS}"
    try:
        code = json.loads(text).get("code")
    except (ValueError, AttributeError):
        code = None
    return f"Twilio refused (status {status}" + (f", https://www.twilio.com/docs/errors/{code})" if code else ")")


def _number(item: Mapping[str, Any]) -> NumberAtTwilio:
    capabilities = {name.lower(): bool(value) for name, value in item["capabilities"].items()}
    return NumberAtTwilio(
        sid=item["sid"],
        number=item["phone_number"],
        takes_sms=capabilities.get("sms", False),
        sms_url=item["sms_url"] or "",
        sms_method=item["sms_method"] or "",
        sms_fallback_url=item["sms_fallback_url"] or "",
        application_sid=item["sms_application_sid"] or "",
    )


def _service(item: Mapping[str, Any]) -> Service:
    return Service(item["sid"], bool(item["use_inbound_webhook_on_number"]), item.get("inbound_request_url") or "")


def messaging_url(url: str) -> str:
    """Messaging services have a host of their own at Twilio; what stands for Twilio serves both at one."""
    parts = urlsplit(url)
    host = parts.netloc
    if host.endswith(".twilio.com") and host.startswith("api."):
        host = f"messaging.{host.removeprefix('api.')}"
    return urlunsplit(parts._replace(netloc=host))


def _date(value: str) -> datetime | None:
    try:
        return parsedate_to_datetime(value).astimezone(UTC)
    except ValueError:
        return None
