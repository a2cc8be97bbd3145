"""schemathesis on the HTTP API: what its schema lets a client send is answered as it says, and never by a 5xx.

`PARLEY_SCHEMA_EXAMPLES` sets how many requests of each kind every operation gets.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from parley_chassis.postgres.embedded import EmbeddedPostgres
from tests.corpus.place import Place, place
from tests.databases import fresh_database

EXAMPLES = int(os.environ.get("PARLEY_SCHEMA_EXAMPLES", "4"))
KINDS = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
DOCUMENTED_5XX = frozenset({503})
# Hypothesis takes what the services on the loop draw at random, while it works in a thread, for its own doing.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")


@dataclass
class Api:
    """A running API: its schema, a key of one agent, and sessions in every state."""

    url: str
    schema: dict[str, Any]
    key: str
    session_ids: list[str]
    statuses: Counter[int] = field(default_factory=Counter)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[Api]:
    async with fresh_database(postgres, template) as database, place(database) as made:
        yield await _api(made)


async def _api(made: Place) -> Api:
    async with aiohttp.ClientSession() as http, http.get(f"{made.gateway.url}/openapi.json") as answer:
        schema = await answer.json()
    ids = [made.values[name] for name in ("session", "ended", "handed", "other")]
    return Api(made.gateway.url, schema, made.values["shop"], ids)


def without_keys(schema: dict[str, Any]) -> dict[str, Any]:
    """Who may call is told by every request alike: no request is spent on keys that are none."""
    open_schema = copy.deepcopy(schema)
    open_schema["components"].pop("securitySchemes", None)
    for methods in open_schema["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return open_schema


def attempts(api: Api, schema: dict[str, Any], examples: int, *, with_key: bool) -> tuple[int, list[str]]:
    """How many requests were made, and what the schema does not allow of the answers."""
    load_all_checks()
    count, wrong = 0, []
    for found in schemathesis.openapi.from_dict(schema).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for kind in KINDS:
            for case in _cases(operation, kind, examples):
                count += 1
                _aim(api, case, count)
                wrong += _judged(api, case, with_key)
    return count, wrong


def _cases(operation: Any, kind: GenerationMode, examples: int) -> Iterator[Any]:
    cases: list[Any] = []

    @given(case=operation.as_strategy(generation_mode=kind))
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def collect(case: Any) -> None:
        cases.append(case)

    collect()
    yield from cases


def _aim(api: Api, case: Any, count: int) -> None:
    """Half of the ids are of sessions that are there: no schema could tell of them."""
    if count % 2 and "session_id" in (case.path_parameters or {}) and case.meta.generation.mode.is_positive:
        case.path_parameters["session_id"] = api.session_ids[count % len(api.session_ids)]


def _judged(api: Api, case: Any, with_key: bool) -> list[str]:
    headers = {"Authorization": f"Bearer {api.key}"} if with_key else {}
    response = case.call(base_url=api.url, headers=headers)
    api.statuses[response.status_code] += 1
    if response.status_code >= 500 and response.status_code not in DOCUMENTED_5XX:
        return [f"{case.formatted_path}: {response.status_code}"]
    excluded = [CHECKS.get_one("positive_data_acceptance")] if _names_what_may_not_be(case) else []
    try:
        case.validate_response(response, excluded_checks=excluded)
    except FailureGroup as failures:
        asked = f"{case.formatted_path} {case.query} {case.body!r}: {response.content[:300]!r}"
        return [f"{asked}: {failure}" for failure in failures.exceptions]
    return []


def _names_what_may_not_be(case: Any) -> bool:
    """A token of a page is opaque, and a number may not be ours: that it can be written does not make it one."""
    is_object = isinstance(case.body, dict)
    return "page_token" in (case.query or {}) or (is_object and case.body.get("agent_number") is not None)


@pytest.mark.asyncio(loop_scope="module")
async def test_every_answer_is_one_that_the_schema_tells_of(api: Api) -> None:
    count, wrong = await asyncio.to_thread(attempts, api, without_keys(api.schema), EXAMPLES, with_key=True)
    assert wrong == []
    operations = sum(map(len, api.schema["paths"].values()))
    assert count >= operations * len(KINDS) * min(EXAMPLES, 2)
    assert {200, 400, 404} <= set(api.statuses)


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_answered_to_who_has_no_key(api: Api) -> None:
    before = Counter(api.statuses)
    count, wrong = await asyncio.to_thread(attempts, api, api.schema, 1, with_key=False)
    assert wrong == []
    assert api.statuses[401] - before[401] == count


@pytest.mark.asyncio(loop_scope="module")
async def test_a_schema_that_promises_something_else_is_found_out(api: Api) -> None:
    lying = without_keys(api.schema)
    lying["components"]["schemas"]["Numbers"]["required"].append("total")
    lying["components"]["schemas"]["Numbers"]["properties"]["total"] = {"type": "integer"}
    lying["paths"] = {"/v1/numbers": lying["paths"]["/v1/numbers"]}
    _, wrong = await asyncio.to_thread(attempts, api, lying, 2, with_key=True)
    assert any("total" in problem for problem in wrong)
