"""How the control plane shows what the simulator knows, as JSON values. Times are ISO 8601 in UTC."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from parley_simulator.domain.calls import Call
from parley_simulator.domain.faults import Fault
from parley_simulator.domain.inventory import Offer
from parley_simulator.domain.messages import Message
from parley_simulator.domain.numbers import Number
from parley_simulator.domain.world import Alert, HookRecord
from parley_simulator.handlers.hold_requests import Hold


def message_view(message: Message) -> dict[str, Any]:
    return {
        "index": message.index,
        "sid": message.sid,
        "direction": message.direction,
        "from": message.from_,
        "to": message.to,
        "body": message.body,
        "status": message.status,
        "error_code": message.error_code,
        "automatic": message.automatic,
        "messaging_service_sid": message.service_sid or None,
        "opt_out_type": message.opt_out_type or None,
        "segments": message.segments,
        "media": [{"url": media.url, "content_type": media.content_type} for media in message.media],
        "status_callback": message.status_callback,
        "created": time_view(message.created),
        "updated": time_view(message.updated),
    }


def number_view(number: Number, service_sid: str | None) -> dict[str, Any]:
    return {
        "sid": number.sid,
        "phone_number": number.phone_number,
        "country": number.country,
        "type": number.type,
        "friendly_name": number.friendly_name,
        "sms_url": number.sms_url,
        "sms_method": number.sms_method,
        "sms_fallback_url": number.sms_fallback_url,
        "sms_fallback_method": number.sms_fallback_method,
        "sms_application_sid": number.sms_application_sid,
        "sms_capable": number.sms_capable,
        "address_sid": number.address_sid,
        "bundle_sid": number.bundle_sid,
        "messaging_service_sid": service_sid,
    }


def offer_view(offer: Offer) -> dict[str, Any]:
    terms = offer.terms
    return {
        "phone_number": offer.phone_number,
        "country": offer.country,
        "type": offer.type,
        "area_code": offer.area_code,
        "sms": terms.sms,
        "mms": terms.mms,
        "voice": terms.voice,
        "address_requirements": terms.address,
        "bundle_required": terms.bundle,
        "beta": terms.beta,
        "stale": offer.stale,
    }


def call_view(call: Call) -> dict[str, Any]:
    """Fields given several times show their last value; those of messages are not kept."""
    return {
        "index": call.index,
        "operation": call.operation,
        "method": call.method,
        "path": call.path,
        "fields": dict(call.fields.pairs()) if call.fields is not None else None,
        "outcome": call.outcome,
        "at": time_view(call.at),
    }


def fault_view(fault: Fault) -> dict[str, Any]:
    return asdict(fault)


def hold_view(hold: Hold) -> dict[str, Any]:
    return {
        "id": hold.id,
        "accepted": hold.accepted,
        "participant": hold.participant,
        "number": hold.number,
        "operation": hold.operation,
        "count": hold.count,
        "held": [{"operation": held.operation, "parties": list(held.parties), "sid": held.sid} for held in hold.held],
    }


def alert_view(alert: Alert) -> dict[str, Any]:
    return {"code": alert.code, "sid": alert.sid, "at": time_view(alert.at)}


def hook_view(record: HookRecord) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "sid": record.sid,
        "about": record.about,
        "attempts": list(record.attempts),
        "delivered": record.delivered,
    }


def time_view(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
