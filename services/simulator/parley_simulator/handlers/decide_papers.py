"""Files addresses, bundles and registrations for the account, and decides on them in Twilio's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from parley_simulator.domain.inventory import NumberType
from parley_simulator.domain.papers import BUNDLE_STATUSES, BUNDLE_TYPES, Address, Bundle
from parley_simulator.domain.records import Records
from parley_simulator.domain.registrations import (
    BRAND_STATUSES,
    CAMPAIGN_STATUSES,
    IDENTITY_STATUSES,
    VERIFICATION_STATUSES,
    Brand,
    Campaign,
    Verification,
)
from parley_simulator.domain.world import World
from parley_simulator.errors import BadRequestError
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock, Ids

Decided: TypeAlias = Bundle | Brand | Campaign | Verification
FiledT = TypeVar("FiledT", Address, Bundle, Brand, Campaign, Verification)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason`: why it was refused, in words."""

    status: str
    reason: str = ""
    identity_status: str = ""
    """Of a brand."""


class DecidePapers:
    def __init__(self, world: World, clock: Clock, ids: Ids, watch: Watch) -> None:
        self._world = world
        self._clock = clock
        self._ids = ids
        self._watch = watch

    def file_address(self, iso_country: str) -> Address:
        if len(iso_country) != 2 or not iso_country.isupper():
            raise BadRequestError("iso_country: write a code of two capitals, for example US")
        now = self._clock()
        address = Address(f"AD{self._ids()}", now, now, iso_country, "Parley", "1 Main Street", "Town", "RG", "12345")
        return self._filed(self._world.papers.addresses, address)

    def file_bundle(self, iso_country: str = "", number_type: str = "", status: str = "draft") -> Bundle:
        """ "" fits any country or type. `number_type` as the numbers API has it: local, mobile, toll-free."""
        if number_type not in ("", *BUNDLE_TYPES):
            raise BadRequestError(f"number_type: use one of {', '.join(BUNDLE_TYPES)}")
        _check("status", status, BUNDLE_STATUSES)
        now = self._clock()
        bundle = Bundle(f"BU{self._ids()}", now, now, "bundle", "desk@example.com", iso_country, number_type)
        bundle.status = status
        return self._filed(self._world.papers.bundles, bundle)

    def file_brand(self, status: str = "PENDING") -> Brand:
        _check("status", status, BRAND_STATUSES)
        now = self._clock()
        return self._filed(self._world.registrations.brands, Brand(f"BN{self._ids()}", now, now, status))

    def file_campaign(self, service_sid: str, brand_sid: str = "", status: str = "IN_PROGRESS") -> Campaign:
        _check("status", status, CAMPAIGN_STATUSES)
        if self._world.services.get(service_sid) is None:
            raise BadRequestError("service_sid: no messaging service has it; GET /services lists them")
        if brand_sid and self._world.registrations.brands.get(brand_sid) is None:
            raise BadRequestError("brand_sid: no brand has it; GET /brands lists them")
        now = self._clock()
        campaign = Campaign(f"QE{self._ids()}", now, now, service_sid, brand_sid, status)
        return self._filed(self._world.registrations.campaigns, campaign)

    def file_verification(self, phone_number: str, status: str = "PENDING_REVIEW") -> Verification:
        _check("status", status, VERIFICATION_STATUSES)
        number = self._world.numbers.find(phone_number)
        if number is None or number.type is not NumberType.TOLL_FREE:
            raise BadRequestError("phone_number: not a toll-free number of this account")
        now = self._clock()
        verification = Verification(f"HH{self._ids()}", now, now, number.sid, phone_number, status)
        return self._filed(self._world.registrations.verifications, verification)

    def decide(self, sid: str, verdict: Verdict) -> Decided:
        """The record that has this sid gets the status. Raises BadRequestError."""
        record = self._find(sid)
        _check("status", verdict.status, _statuses(record))
        if verdict.identity_status:
            _check("identity_status", verdict.identity_status, IDENTITY_STATUSES)
        record.status, record.updated = verdict.status, self._clock()
        if isinstance(record, Brand):
            record.failure_reason = verdict.reason
            record.identity_status = verdict.identity_status or record.identity_status
        elif isinstance(record, Campaign):
            record.errors = (verdict.reason,) if verdict.reason else ()
        elif isinstance(record, Verification):
            record.rejection_reason = verdict.reason
            record.edit_allowed = verdict.status == "TWILIO_REJECTED"
        self._watch.notify()
        return record

    def _find(self, sid: str) -> Decided:
        kept = self._world.registrations
        found: Decided | None = (
            self._world.papers.bundles.get(sid)
            or kept.brands.get(sid)
            or kept.campaigns.get(sid)
            or kept.verifications.get(sid)
        )
        if found is None:
            raise BadRequestError("sid: nothing that is decided on has it")
        return found

    def _filed(self, records: Records[FiledT], record: FiledT) -> FiledT:
        records.add(record)
        self._watch.notify()
        return record


def _statuses(record: Decided) -> tuple[str, ...]:
    if isinstance(record, Bundle):
        return BUNDLE_STATUSES
    if isinstance(record, Brand):
        return BRAND_STATUSES
    return CAMPAIGN_STATUSES if isinstance(record, Campaign) else VERIFICATION_STATUSES


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadRequestError(f"{name}: use one of {', '.join(allowed)}")
