"""How the control plane shows what the simulator knows, as JSON values. Times are ISO 8601 in UTC."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from parley_simulator.domain.faults import Fault
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
        "created": _time(message.created),
        "updated": _time(message.updated),
    }


def number_view(number: Number) -> dict[str, Any]:
    return {
        "sid": number.sid,
        "phone_number": number.phone_number,
        "sms_url": number.sms_url,
        "sms_method": number.sms_method,
        "sms_fallback_url": number.sms_fallback_url,
        "sms_fallback_method": number.sms_fallback_method,
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
    return {"code": alert.code, "sid": alert.sid, "at": _time(alert.at)}


def hook_view(record: HookRecord) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "sid": record.sid,
        "about": record.about,
        "attempts": list(record.attempts),
        "delivered": record.delivered,
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
