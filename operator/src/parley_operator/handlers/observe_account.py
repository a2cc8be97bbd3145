"""Remembers for a moment what a Twilio account shows, so that a thousand resources cost a few lists and no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Generic, TypeVar

from parley_operator.domain.facts import Campaign, Offer, OwnedNumber, Service, Verification
from parley_operator.domain.failures import Failure
from parley_operator.domain.steps import Search
from parley_operator.errors import Refused
from parley_operator.ports import Account

T = TypeVar("T")

FAILURE_AGE = 2.0
"""Seconds for which a failed look is not repeated: those who waited for it share it."""


class Remembered(Generic[T]):
    """One value that is looked up again when it is older than `age` seconds; many who ask at once wait for one look."""

    def __init__(self, look: Callable[[], Awaitable[T]], age: float) -> None:
        self._look = look
        self._age = age
        self._turn = asyncio.Lock()
        self._value: T | None = None
        self._until = 0.0
        self._failure: Failure | None = None

    async def get(self) -> T:
        """Raises Refused."""
        async with self._turn:
            if time.monotonic() >= self._until:
                await self._renew()
        if self._failure is not None:
            raise Refused(self._failure)
        assert self._value is not None
        return self._value

    async def _renew(self) -> None:
        try:
            self._value = await self._look()
            self._failure, age = None, self._age
        except Refused as refused:
            self._failure, age = refused.failure, min(FAILURE_AGE, self._age)
        self._until = time.monotonic() + age

    def forget(self) -> None:
        self._until = 0.0

    @property
    def known(self) -> T | None:
        """What was seen last, however long ago."""
        return self._value


class ObservedAccount:
    """`age` in seconds. What we change ourselves is noted, so that it is seen at once."""

    def __init__(self, account: Account, age: float) -> None:
        self.account = account
        self._age = age
        self._numbers = Remembered(self._list_numbers, age)
        self._services = Remembered(self._list_services, age)
        self._verifications: Remembered[Mapping[str, Verification]] = Remembered(account.list_verifications, age)
        self._campaigns: dict[str, Remembered[Campaign]] = {}
        self._offers: dict[Search, Remembered[list[Offer]]] = {}

    async def _list_numbers(self) -> dict[str, OwnedNumber]:
        return {number.sid: number for number in await self.account.list_numbers()}

    async def _list_services(self) -> dict[str, Service]:
        return {service.sid: service for service in await self.account.list_services()}

    async def numbers(self) -> Mapping[str, OwnedNumber]:
        """By sid."""
        return await self._numbers.get()

    async def services(self) -> Mapping[str, Service]:
        return await self._services.get()

    async def verification(self, sid: str) -> Verification:
        return (await self._verifications.get()).get(sid, Verification())

    async def campaign(self, service_sid: str) -> Campaign:
        if service_sid not in self._campaigns:
            self._campaigns[service_sid] = Remembered(lambda: self.account.fetch_campaign(service_sid), self._age)
        return await self._campaigns[service_sid].get()

    async def offers(self, search: Search, *, anew: bool) -> tuple[Offer, ...]:
        """What was not taken yet of what was found; when that is used up, or `anew`, what is found now."""
        remembered = self._offers.get(search)
        if remembered is None:
            remembered = self._offers[search] = Remembered(lambda: self._search(search), self._age)
        if anew or not await remembered.get():
            remembered.forget()
        return tuple(await remembered.get())

    async def _search(self, search: Search) -> list[Offer]:
        return list(await self.account.search(search))

    def take_offer(self, phone_number: str) -> None:
        """It is offered to nobody else."""
        for remembered in self._offers.values():
            offers = remembered.known or []
            offers[:] = [offer for offer in offers if offer.phone_number != phone_number]

    def note(self, number: OwnedNumber) -> None:
        if self._numbers.known is not None:
            self._numbers.known[number.sid] = number

    def note_gone(self, sid: str) -> None:
        if self._numbers.known is not None:
            self._numbers.known.pop(sid, None)

    def note_member(self, service_sid: str, sid: str, *, is_member: bool) -> None:
        services = self._services.known or {}
        if (service := services.get(service_sid)) is not None:
            members = service.members | {sid} if is_member else service.members - {sid}
            services[service_sid] = replace(service, members=members)
