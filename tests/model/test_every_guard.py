"""Without any one guard, or any one thing taken on trust, something breaks: here is the shortest way there."""

import pytest

from tests.model.search import Guard
from tests.model.verdicts import ASSUMPTIONS, GUARDS, IN_THE_CODE, walk

LONGEST = 20
"""Steps that a person still follows."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("protocol", "guard"), GUARDS)
def test_without_the_guard_a_promise_is_broken(protocol: str, guard: str) -> None:
    found = walk(protocol, without=guard)
    assert found.broken, f"{guard} guards nothing here"
    assert 1 < len(found.trace) <= LONGEST


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("protocol", "assumption"), ASSUMPTIONS)
def test_what_is_taken_on_trust_leaves_a_hole_where_it_fails(protocol: str, assumption: str) -> None:
    found = walk(protocol, without=assumption)
    assert found.broken, f"{assumption} need not be assumed"
    assert 1 < len(found.trace) <= LONGEST


@pytest.mark.parametrize(("protocol", "guard"), IN_THE_CODE, ids=lambda value: getattr(value, "name", value))
def test_the_guard_stands_in_the_product_as_the_model_has_it(protocol: str, guard: Guard) -> None:
    assert guard.stands, (
        f"{protocol}: {guard.path} has changed: look whether {guard.name!r} still holds, and name it anew"
    )
