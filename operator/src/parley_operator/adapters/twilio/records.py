"""Reads what Twilio's API shows: numbers, offers, messaging services, campaigns, verifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from parley_operator.domain.facts import Campaign, Offer, OwnedNumber, Service, Verification

Record = Mapping[str, Any]


def number_of(record: Record) -> OwnedNumber:
    return OwnedNumber(
        sid=str(record["sid"]),
        phone_number=str(record["phone_number"]),
        friendly_name=record.get("friendly_name") or "",
        sms=_can_sms(record.get("capabilities")),
        # "" when unset, by Twilio's examples; null by its documents.
        sms_url=record.get("sms_url") or "",
        sms_method=record.get("sms_method") or "POST",
        sms_fallback_url=record.get("sms_fallback_url") or "",
        sms_fallback_method=record.get("sms_fallback_method") or "POST",
        sms_application_sid=record.get("sms_application_sid") or "",
        created=parsedate_to_datetime(record["date_created"]).timestamp() if record.get("date_created") else 0.0,
    )


def offer_of(record: Record) -> Offer:
    return Offer(str(record["phone_number"]), record.get("address_requirements") or "none")


def service_of(record: Record, members: Sequence[Record]) -> Service:
    return Service(
        sid=str(record["sid"]),
        members=frozenset(str(member["sid"]) for member in members),
        defers_to_number=bool(record.get("use_inbound_webhook_on_number")),
        inbound_url=record.get("inbound_request_url") or "",
    )


def campaign_of(record: Record | None, brand: Record | None) -> Campaign:
    if record is None:
        return Campaign()
    errors = record.get("errors") or ()
    words = "; ".join(
        str(one.get("description") or one.get("error_code")) for one in errors if isinstance(one, Mapping)
    )
    return Campaign(record.get("campaign_status") or "", (brand or {}).get("status") or "", words)


def verifications_of(records: Sequence[Record]) -> dict[str, Verification]:
    """By the sid of the toll-free number, the latest of each."""
    in_order = sorted(records, key=lambda record: str(record.get("date_created") or ""))
    return {
        str(record.get("tollfree_phone_number_sid")): Verification(
            record.get("status") or "", record.get("rejection_reason") or ""
        )
        for record in in_order
    }


def _can_sms(capabilities: object) -> bool:
    # Written in upper case in some of Twilio's answers.
    values = capabilities if isinstance(capabilities, Mapping) else {}
    return any(bool(value) for name, value in values.items() if str(name).lower() == "sms")
