"""Turns the API server's objects into resources, and what we noted into the status that it stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parley_operator.domain.conditions import Condition
from parley_operator.domain.durations import time_of, timestamp
from parley_operator.domain.resource import Resource, Status, read_spec


def resource_of(body: Mapping[str, Any]) -> Resource:
    meta = body["metadata"]
    return Resource(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        version=meta["resourceVersion"],
        generation=meta.get("generation", 0),
        created=meta.get("creationTimestamp", ""),
        spec=read_spec(body.get("spec", {})),
        status=_status_of(body.get("status") or {}),
        deleting="deletionTimestamp" in meta,
        finalizers=tuple(meta.get("finalizers", ())),
        annotations=dict(meta.get("annotations") or {}),
    )


def _status_of(raw: Mapping[str, Any]) -> Status:
    return Status(
        phone_number=raw.get("phoneNumber", ""),
        sid=raw.get("sid", ""),
        origin=raw.get("origin", ""),
        ingest_from=time_of(raw.get("ingestFrom", "")),
        chosen_number=raw.get("chosenNumber", ""),
        chosen_time=time_of(raw.get("chosenTime", "")),
        release_policy=raw.get("releasePolicy", ""),
        observed_generation=raw.get("observedGeneration", 0),
        conditions={raw["type"]: _condition_of(raw) for raw in raw.get("conditions", ())},
    )


def _condition_of(raw: Mapping[str, Any]) -> Condition:
    return Condition(
        type=raw["type"],
        status=raw["status"],
        reason=raw.get("reason", ""),
        message=raw.get("message", ""),
        observed_generation=raw.get("observedGeneration", 0),
        since=time_of(raw.get("lastTransitionTime", "")),
    )


def status_body(status: Status) -> dict[str, Any]:
    """As a merge patch: null takes a field away."""
    return {
        "phoneNumber": status.phone_number or None,
        "sid": status.sid or None,
        "origin": status.origin or None,
        "ingestFrom": timestamp(status.ingest_from) or None,
        "chosenNumber": status.chosen_number or None,
        "chosenTime": timestamp(status.chosen_time) or None,
        "releasePolicy": status.release_policy or None,
        "observedGeneration": status.observed_generation or None,
        "conditions": [_condition_body(condition) for condition in status.conditions.values()],
    }


def _condition_body(condition: Condition) -> dict[str, Any]:
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "observedGeneration": condition.observed_generation,
        "lastTransitionTime": timestamp(condition.since),
    }
