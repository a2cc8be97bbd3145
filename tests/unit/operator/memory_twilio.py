"""A Twilio that sells numbers, forgets to answer, lists late, and takes up what a dead process has asked for.

Each request may be the last of its process: the fates say which one, and whether it still took effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from parley_operator.domain.facts import Campaign, Offer, OwnedNumber, Service, Verification
from parley_operator.domain.failures import UNCLEAR, UNREACHABLE, refusal
from parley_operator.domain.steps import Buy, Search
from parley_operator.errors import ClusterUnavailable, Refused
from parley_operator.ports import Account, NoAccount

START = 1_800_000_000.0
LATE = 30.0
"""Seconds after which a purchase of a dead process is carried out, and a new number is listed, at the latest."""


class Killed(BaseException):
    """The process is gone. No handler may catch it."""


@dataclass
class Fates:
    """What becomes of the requests that change something, in their order; after the last all goes well."""

    left: list[str] = field(default_factory=list)
    made: int = 0
    last: str = ""

    def next(self) -> str:
        self.made += 1
        self.last = self.left.pop(0) if self.left else "done"
        return self.last


def meet(fates: Fates, of: str = "twilio") -> str:
    """What becomes of a request before it has an effect: `killed-before`, `late` (it is carried out some time after
    its process is dead, if it is a purchase), `busy`, `unreachable`; else it goes on."""
    fate = fates.next()
    if fate in ("killed-before", "late"):
        raise Killed
    if fate in ("busy", "unreachable"):
        raise (
            ClusterUnavailable("away")
            if of == "cluster"
            else Refused(refusal(429, 20429) if fate == "busy" else UNREACHABLE)
        )
    return fate


def after(fate: str, of: str = "twilio") -> None:
    """And after it: `killed-after`, `unlisted` (what was bought is not in Twilio's lists at first), or `lost`: it is
    done, and nobody is told."""
    if fate in ("killed-after", "unlisted"):
        raise Killed
    if fate == "lost":
        raise ClusterUnavailable("away") if of == "cluster" else Refused(UNCLEAR)


class MemoryTwilio:
    """The port Account, and what Twilio knows."""

    sid = "AC" + "1" * 32

    def __init__(self, fates: Fates, clock: Callable[[], float]) -> None:
        self.fates = fates
        self.clock = clock
        self.numbers: dict[str, OwnedNumber] = {}
        self.for_sale = [Offer(f"+4479{index:08d}") for index in range(8)]
        self.stolen: set[str] = set()
        """Offered still, and sold to somebody else a moment ago."""
        self.services: dict[str, Service] = {}
        self.campaign = Campaign()
        self.verification = Verification()
        self.bundle = ""
        self.bought: list[str] = []
        self.released: list[str] = []
        self.calls = 0
        self.purchases = 0
        """Requests to buy."""
        self.outage = False
        self._late: list[tuple[float, Buy]] = []
        self._listed_from: dict[str, float] = {}

    def own(self, phone_number: str, **fields: object) -> OwnedNumber:
        sid = f"PN{len(self.numbers) + len(self.released):032x}"
        self.numbers[sid] = replace(OwnedNumber(sid, phone_number, created=START), **fields)  # type: ignore[arg-type]
        return self.numbers[sid]

    def _called(self) -> None:
        self.calls += 1
        self._carry_out_late_ones(self.clock())
        if self.outage:
            raise Refused(UNREACHABLE)

    def _carry_out_late_ones(self, until: float) -> None:
        due = [buy for at, buy in self._late if at <= until]
        self._late = [(at, buy) for at, buy in self._late if at > until]
        for buy in due:
            with suppress(Refused):
                self._sell(buy)

    def hide(self, sid: str) -> None:
        """The number is not in the lists for a while."""
        self._listed_from[sid] = self.clock() + LATE

    @property
    def _listed(self) -> list[OwnedNumber]:
        return [one for one in self.numbers.values() if self._listed_from.get(one.sid, 0.0) <= self.clock()]

    async def list_numbers(self) -> Sequence[OwnedNumber]:
        self._called()
        return self._listed

    async def find_numbers(self, *, phone_number: str = "", friendly_name: str = "") -> Sequence[OwnedNumber]:
        self._called()
        return [
            number
            for number in self._listed
            if phone_number in ("", number.phone_number) and friendly_name in ("", number.friendly_name)
        ]

    async def fetch_number(self, sid: str) -> OwnedNumber | None:
        self._called()
        return self.numbers.get(sid)

    async def search(self, search: Search) -> Sequence[Offer]:
        self._called()
        await asyncio.sleep(0)
        return list(self.for_sale)

    async def buy(self, buy: Buy) -> OwnedNumber:
        self._called()
        self.purchases += 1
        try:
            fate = meet(self.fates)
        except Killed:
            if self.fates.last == "late":
                self._late.append((self.clock() + LATE, buy))
            raise
        # What a dead process had asked for before is carried out now at the latest.
        self._carry_out_late_ones(float("inf"))
        number = self._sell(buy)
        if fate == "unlisted":
            self.hide(number.sid)
        after(fate)
        return number

    def _sell(self, buy: Buy) -> OwnedNumber:
        offer = next((one for one in self.for_sale if one.phone_number == buy.phone_number), None)
        if offer is None or buy.phone_number in self.stolen:
            self.for_sale = [one for one in self.for_sale if one is not offer]
            raise Refused(refusal(400, 21422))
        if offer.address != "none" and not buy.address_sid:
            raise Refused(refusal(400, 21631))
        self.for_sale.remove(offer)
        self.bought.append(buy.phone_number)
        return self.own(buy.phone_number, friendly_name=buy.friendly_name)

    async def configure(self, sid: str, fields: Mapping[str, str]) -> OwnedNumber:
        self._called()
        fate = meet(self.fates)
        if sid not in self.numbers:
            raise Refused(refusal(404, 20404))
        names = {
            "SmsUrl": "sms_url",
            "SmsMethod": "sms_method",
            "SmsFallbackUrl": "sms_fallback_url",
            "SmsFallbackMethod": "sms_fallback_method",
            "SmsApplicationSid": "sms_application_sid",
        }
        changes = {names[name]: value for name, value in fields.items()}
        self.numbers[sid] = replace(self.numbers[sid], **changes)  # type: ignore[arg-type]
        after(fate)
        return self.numbers[sid]

    async def release(self, sid: str) -> None:
        self._called()
        fate = meet(self.fates)
        if self.numbers.pop(sid, None) is not None:
            self.released.append(sid)
        after(fate)

    async def list_services(self) -> Sequence[Service]:
        self._called()
        return list(self.services.values())

    async def attach(self, service_sid: str, sid: str) -> None:
        self._called()
        fate = meet(self.fates)
        service = self.services[service_sid]
        self.services[service_sid] = replace(service, members=service.members | {sid})
        after(fate)

    async def detach(self, service_sid: str, sid: str) -> None:
        self._called()
        fate = meet(self.fates)
        service = self.services[service_sid]
        self.services[service_sid] = replace(service, members=service.members - {sid})
        after(fate)

    async def fetch_campaign(self, service_sid: str) -> Campaign:
        self._called()
        return self.campaign

    async def list_verifications(self) -> Mapping[str, Verification]:
        self._called()
        return dict.fromkeys(self.numbers, self.verification)

    async def fetch_bundle_status(self, sid: str) -> str:
        self._called()
        return self.bundle


class MemoryAccounts:
    def __init__(self, account: Account) -> None:
        self.account: Account | NoAccount = account

    def find(self, name: str) -> Account | NoAccount:
        return self.account

    def reload(self) -> Sequence[str]:
        return []
