"""/openapi.json tells of the routes that there are, and /docs shows it without another host."""

import json
import re
from typing import Any

import pytest

from tests.integration.gateway.api_side import SharedApi, answer_of, ask
from tests.integration.gateway.test_sessions_api import paths
from tests.integration.gateway.twilio_side import FALLBACK, SMS, STATUS, Reply, call, request

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def page(shared: SharedApi, path: str) -> Reply:
    return await call(shared.url, request(path, headers={"Content-Type": None}, method="GET"))


async def schema_of(shared: SharedApi) -> dict[str, Any]:
    answer = answer_of(await page(shared, "/openapi.json"))
    assert answer.status == 200
    assert isinstance(answer.json, dict)
    return answer.json


def operations(schema: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


async def test_the_schema_tells_of_each_route_and_of_no_other(shared: SharedApi) -> None:
    served = {(method, path) for method, path, _ in paths("{session_id}", "{message_id}")}
    assert set(operations(await schema_of(shared))) == served


async def test_each_route_of_the_schema_is_served(shared: SharedApi) -> None:
    for method, path in operations(await schema_of(shared)):
        answer = await ask(shared.url, path.replace("{session_id}", "x").replace("{message_id}", "x"), method=method)
        assert answer.status == 401, (method, path)


async def test_webhooks_are_not_in_the_schema(shared: SharedApi) -> None:
    written = json.dumps(await schema_of(shared))
    assert not any(path.rpartition("/")[0] in written for path in (SMS, FALLBACK, STATUS))


async def test_each_route_says_how_it_refuses_and_asks_for_a_key(shared: SharedApi) -> None:
    schema = await schema_of(shared)
    statuses = {"400", "401", "403", "404", "409", "413", "415", "429", "503", "default"}
    for place, operation in operations(schema).items():
        assert set(operation["responses"]) - {"200", "202", "204"} == statuses, place
        for status in statuses:
            answer = operation["responses"][status]["content"]["application/json"]["schema"]
            assert answer == {"$ref": "#/components/schemas/Problem"}
        assert operation["security"] == [{"Bearer": []}, {"X-PolyAi-Auth-Token": []}]
        assert operation["summary"]
    assert set(schema["components"]["securitySchemes"]) == {"Bearer", "X-PolyAi-Auth-Token"}
    assert schema["components"]["schemas"]["Problem"]["required"] == ["detail"]


async def test_operations_have_names_of_their_own(shared: SharedApi) -> None:
    names = [operation["operationId"] for operation in operations(await schema_of(shared)).values()]
    assert len(set(names)) == len(names) == 12
    assert "send_outbound_sms" in names


async def test_the_schema_says_that_other_fields_are_refused(shared: SharedApi) -> None:
    schemas = (await schema_of(shared))["components"]["schemas"]
    assert {name for name, schema in schemas.items() if schema.get("additionalProperties") is False} == {
        "OutboundSms",
        "PersonMessage",
        "HandOff",
        "Nothing",
    }


async def test_the_docs_are_whole_without_another_host(shared: SharedApi) -> None:
    docs = await page(shared, "/docs")
    assert (docs.status, docs.headers["content-type"]) == (200, "text/html; charset=utf-8")
    linked = re.findall(r'(?:src|href)="([^"]+)"', docs.body)
    assert len(linked) == 4
    for path in linked:
        if not path.startswith("data:"):
            assert "//" not in path
            assert (await page(shared, f"/{path}")).status == 200, path
    assert (await page(shared, "/docs/start.js")).body.startswith('SwaggerUIBundle({ url: "openapi.json"')


async def test_the_docs_may_load_nothing_from_elsewhere_and_be_framed_by_nobody(shared: SharedApi) -> None:
    policy = (await page(shared, "/docs")).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert "<script>" not in (await page(shared, "/docs")).body


@pytest.mark.parametrize("path", ["/docs/files/", "/docs/files/../core.py", "/docs/files/%2e%2e/core.py", "/docs/x"])
async def test_nothing_else_is_behind_the_docs(shared: SharedApi, path: str) -> None:
    assert (await page(shared, path)).status == 404
