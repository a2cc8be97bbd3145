"""The CRD: one source, a description for every field, and no field that the operator does not read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from parley_operator import crd
from parley_operator.adapters.kubernetes.bodies import resource_of, status_body
from parley_operator.domain.conditions import Condition
from parley_operator.domain.resource import FINALIZER, WISHES, Resource, Spec, Status, read_spec

ROOT = Path(__file__).resolve().parents[3]
MANIFEST: dict[str, Any] = yaml.safe_load(crd.text())
VERSION: dict[str, Any] = MANIFEST["spec"]["versions"][0]
SCHEMA: dict[str, Any] = VERSION["schema"]["openAPIV3Schema"]
SPEC_FIELDS: dict[str, Any] = SCHEMA["properties"]["spec"]["properties"]

FULL = {
    "country": "US",
    "type": "tollFree",
    "areaCode": "415",
    "contains": "*555*",
    "phoneNumber": "+18885550123",
    "agent": "support",
    "settings": {"greeting": "answer", "settle": "1s500ms", "inactiveAfter": "1h30m", "textLimit": 0},
    "keywords": "advanced",
    "segmentsPerSecond": 2.5,
    "messagingServiceSid": "MG1",
    "addressSid": "AD1",
    "bundleSid": "BU1",
    "account": "sales",
    "purchasePolicy": "Never",
    "releasePolicy": "Release",
    "sending": False,
    "paused": True,
}


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")


def test_the_charts_copy_is_the_source() -> None:
    assert (ROOT / "helm/parley/crds/phonenumbers.yaml").read_text() == crd.text()


@pytest.mark.parametrize(("path", "field"), [(p, f) for p, f in fields(SCHEMA) if p != ".metadata"])
def test_every_field_has_a_type_and_a_description(path: str, field: dict[str, Any]) -> None:
    assert field["type"]
    assert field["description"].strip()


def test_the_operator_reads_every_field_of_the_spec() -> None:
    assert set(FULL) == set(SPEC_FIELDS)
    read, plain = read_spec(FULL), Spec(country="", agent="")
    assert all(getattr(read, name) != getattr(plain, name) for name in Spec.__slots__)


def test_the_operator_reads_every_setting() -> None:
    assert set(WISHES) == set(SPEC_FIELDS["settings"]["properties"])
    assert read_spec(FULL).settings == {"greeting": "answer", "settle": 1.5, "inactive_after": 5400.0, "text_limit": 0}


def test_the_defaults_of_the_schema_are_those_of_the_operator() -> None:
    given = {name: field["default"] for name, field in SPEC_FIELDS.items() if "default" in field}
    assert read_spec(given) == Spec(country="", agent="")


def test_the_status_that_is_written_is_in_the_schema_and_is_read_again() -> None:
    condition = Condition("Ready", "True", "Ready", "It is.", 3, 1_800_000_000.0)
    status = Status(
        phone_number="+18885550123",
        sid="PN1",
        origin="Bought",
        ingest_from=1_800_000_000.0,
        chosen_number="+18885550124",
        chosen_time=1_800_000_001.0,
        release_policy="Retain",
        observed_generation=3,
        conditions={"Ready": condition},
    )
    body = status_body(status)
    known = SCHEMA["properties"]["status"]["properties"]
    assert set(body) == set(known)
    assert set(body["conditions"][0]) == set(known["conditions"]["items"]["properties"])
    metadata = {"namespace": "n", "name": "m", "uid": "u", "resourceVersion": "1", "finalizers": [FINALIZER]}
    read = resource_of({"metadata": metadata, "spec": {}, "status": body})
    assert read.status == status
    assert read.is_guarded


def test_a_name_at_twilio_is_short_enough_and_carries_the_uid() -> None:
    uid = "0f0e0d0c-0b0a-0908-0706-050403020100"
    resource = Resource("n" * 63, "m" * 200, uid, "1", 1, "", Spec("US", "a"))
    assert uid in resource.friendly_name
    assert len(resource.friendly_name) <= 64
