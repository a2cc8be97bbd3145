"""One Twilio account, by its REST API: one request at a time, since Twilio limits how many are under way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from twilio.http.response import Response
from twilio.rest import Client

from parley_operator.adapters.twilio.http_client import HttpClient
from parley_operator.adapters.twilio.records import campaign_of, number_of, offer_of, service_of, verifications_of
from parley_operator.domain.facts import Campaign, Offer, OwnedNumber, Service, Verification
from parley_operator.domain.failures import UNCLEAR, UNREACHABLE, Kind, refusal
from parley_operator.domain.steps import Buy, Search
from parley_operator.errors import Refused

PAGE = 1000
OFFERS = 50
KINDS = {"local": "Local", "mobile": "Mobile", "tollFree": "TollFree"}
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# Before these no byte of a request was written: they arise while a connection is made.
NOT_LEFT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


@dataclass(frozen=True, slots=True)
class Credentials:
    """`username` is the account's sid or an API key's. `base_url` takes the place of all of Twilio's hosts."""

    account_sid: str
    username: str
    password: str = field(repr=False)
    base_url: str = ""

    def url(self, host: str) -> str:
        return self.base_url or f"https://{host}.twilio.com"


class TwilioAccount:
    """The port Account."""

    def __init__(self, session: aiohttp.ClientSession, credentials: Credentials) -> None:
        # An environment of our own: TWILIO_EDGE and TWILIO_REGION would bend the URLs.
        self._client = Client(
            credentials.username,
            credentials.password,
            credentials.account_sid,
            http_client=HttpClient(session),
            environment={"PARLEY": "1"},
        )
        self.sid = credentials.account_sid
        self._api = f"{credentials.url('api')}/2010-04-01/Accounts/{credentials.account_sid}"
        self._messaging = f"{credentials.url('messaging')}/v1"
        self._compliance = f"{credentials.url('numbers')}/v2/RegulatoryCompliance"
        self._turn = asyncio.Lock()
        self._pause = 0.0
        self._resume = 0.0

    async def list_numbers(self) -> Sequence[OwnedNumber]:
        return await self._numbers({})

    async def find_numbers(self, *, phone_number: str = "", friendly_name: str = "") -> Sequence[OwnedNumber]:
        wanted = {"PhoneNumber": phone_number, "FriendlyName": friendly_name}
        found = await self._numbers({name: value for name, value in wanted.items() if value})
        # Twilio finds numbers by a part of them.
        return [
            number
            for number in found
            if phone_number in ("", number.phone_number) and friendly_name in ("", number.friendly_name)
        ]

    async def fetch_number(self, sid: str) -> OwnedNumber | None:
        record = await self._fetch(f"{self._api}/IncomingPhoneNumbers/{sid}.json")
        return number_of(record) if record is not None else None

    async def search(self, search: Search) -> Sequence[Offer]:
        query: dict[str, object] = {"SmsEnabled": "true", "PageSize": OFFERS}
        query |= {"AreaCode": search.area_code} if search.area_code else {}
        query |= {"Contains": search.contains} if search.contains else {}
        url = f"{self._api}/AvailablePhoneNumbers/{search.country}/{KINDS[search.type]}.json"
        answer = await self._call("GET", url, query)
        return [offer_of(record) for record in answer["available_phone_numbers"]]

    async def buy(self, buy: Buy) -> OwnedNumber:
        form = {"PhoneNumber": buy.phone_number, "FriendlyName": buy.friendly_name}
        form |= {"AddressSid": buy.address_sid} if buy.address_sid else {}
        form |= {"BundleSid": buy.bundle_sid} if buy.bundle_sid else {}
        return number_of(await self._call("POST", f"{self._api}/IncomingPhoneNumbers.json", form))

    async def configure(self, sid: str, fields: Mapping[str, str]) -> OwnedNumber:
        return number_of(await self._call("POST", f"{self._api}/IncomingPhoneNumbers/{sid}.json", dict(fields)))

    async def release(self, sid: str) -> None:
        await self._delete(f"{self._api}/IncomingPhoneNumbers/{sid}.json")

    async def list_services(self) -> Sequence[Service]:
        services = await self._pages(f"{self._messaging}/Services", "services")
        return [
            service_of(
                record, await self._pages(f"{self._messaging}/Services/{record['sid']}/PhoneNumbers", "phone_numbers")
            )
            for record in services
        ]

    async def attach(self, service_sid: str, sid: str) -> None:
        try:
            url = f"{self._messaging}/Services/{service_sid}/PhoneNumbers"
            await self._call("POST", url, {"PhoneNumberSid": sid})
        except Refused as refused:
            if refused.failure.kind is not Kind.DONE:
                raise

    async def detach(self, service_sid: str, sid: str) -> None:
        await self._delete(f"{self._messaging}/Services/{service_sid}/PhoneNumbers/{sid}")

    async def fetch_campaign(self, service_sid: str) -> Campaign:
        url = f"{self._messaging}/Services/{service_sid}/Compliance/Usa2p"
        campaigns = await self._pages(url, "compliance", is_missing_empty=True)
        campaign = campaigns[0] if campaigns else None
        sid = (campaign or {}).get("brand_registration_sid")
        brand = await self._fetch(f"{self._messaging}/a2p/BrandRegistrations/{sid}") if sid else None
        return campaign_of(campaign, brand)

    async def list_verifications(self) -> Mapping[str, Verification]:
        return verifications_of(await self._pages(f"{self._messaging}/Tollfree/Verifications", "verifications"))

    async def fetch_bundle_status(self, sid: str) -> str:
        record = await self._fetch(f"{self._compliance}/Bundles/{sid}")
        return str(record["status"]) if record is not None else ""

    async def _numbers(self, query: dict[str, object] | dict[str, str]) -> list[OwnedNumber]:
        records = await self._pages(f"{self._api}/IncomingPhoneNumbers.json", "incoming_phone_numbers", query)
        return [number_of(record) for record in records]

    async def _pages(
        self, url: str, key: str, query: Mapping[str, object] | None = None, *, is_missing_empty: bool = False
    ) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        page: str = url
        wanted: dict[str, object] | None = {**(query or {}), "PageSize": PAGE}
        while page:
            try:
                answer = await self._call("GET", page, wanted)
            except Refused as refused:
                if is_missing_empty and refused.failure.kind is Kind.GONE:
                    return found
                raise
            found += answer[key]
            following = answer.get("next_page_uri") or (answer.get("meta") or {}).get("next_page_url")
            # Wherever the link points, our credentials go to this list and nowhere else.
            page, wanted = f"{url}?{urlsplit(str(following)).query}" if following else "", None
        return found

    async def _fetch(self, url: str) -> Mapping[str, Any] | None:
        try:
            return await self._call("GET", url)
        except Refused as refused:
            if refused.failure.kind is Kind.GONE:
                return None
            raise

    async def _delete(self, url: str) -> None:
        """What is not there is deleted."""
        try:
            await self._call("DELETE", url)
        except Refused as refused:
            if refused.failure.kind is not Kind.GONE:
                raise

    async def _call(self, method: str, url: str, fields: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        """Raises Refused. Waits for its turn, and for the end of a pause that Twilio asked for."""
        where = {"params": fields} if method == "GET" else {"data": fields}
        async with self._turn:
            await asyncio.sleep(max(0.0, self._resume - time.monotonic()))
            try:
                response = await self._client.request_async(method, url, **where)
            except NOT_LEFT:
                raise Refused(UNREACHABLE) from None
            except (aiohttp.ClientError, OSError):
                # TimeoutError is an OSError.
                raise Refused(UNREACHABLE if method == "GET" else UNCLEAR) from None
            self._note_load(response)
        return _answer(response)

    def _note_load(self, response: Response) -> None:
        if response.status_code != 429:
            self._pause = 0.0
            return
        self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        asked = str((response.headers or {}).get("Retry-After", ""))
        self._resume = time.monotonic() + (min(float(asked), LONGEST_PAUSE) if asked.isdigit() else self._pause)


def _answer(response: Response) -> Mapping[str, Any]:
    try:
        body = json.loads(response.text) if response.text else {}
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if response.status_code >= 300:
        code = body.get("code")
        raise Refused(refusal(response.status_code, code if isinstance(code, int) else 0))
    return body
