"""The table of guards in ARCHITECTURE.md names what is there, and leaves out no control and no guard of the models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.chaos.broken import BROKEN
from tests.laws.tree import ROOT
from tests.model.verdicts import GUARDS

HEADING = "## The guards"
NAME = re.compile(r"`([^`]+)`")


def rows(page: str) -> list[tuple[str, str, str]]:
    """The guard, where it is, and what fails without it."""
    _, _, section = page.partition(f"{HEADING}\n")
    lines = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return [(guard, where, fails) for guard, where, fails in cells]


ROWS = rows((ROOT / "ARCHITECTURE.md").read_text())


def named(kind: str, table: Iterable[tuple[str, str, str]]) -> set[str]:
    """The controls, or the rules, that the table names."""
    clauses = [clause.strip() for _, _, fails in table for clause in fails.split(";")]
    return {name for clause in clauses if clause.startswith(kind) for name in NAME.findall(clause)}


def missing(where: str) -> str:
    """What is not there of a place in the product: `package/file:name`, a function or a statement."""
    path, _, name = "".join(NAME.findall(where)).partition(":")
    found = [*ROOT.glob(f"services/*/{path}")]
    if not found:
        return path
    begins = (f"def {name}(", f"-- name: {name}\n")
    return "" if any(beginning in found[0].read_text() for beginning in begins) else name


def test_every_control_stands_in_the_table() -> None:
    assert named("control", ROWS) == set(BROKEN)


def test_every_guard_of_the_models_stands_in_the_table() -> None:
    assert named("rule", ROWS) == {guard for _, guard in GUARDS}


def test_every_guard_is_where_the_table_says() -> None:
    assert [where for _, where, _ in ROWS if missing(where)] == []


def test_every_test_that_the_table_names_is_there() -> None:
    tests = [name for _, _, fails in ROWS for name in NAME.findall(fails) if name.startswith("tests/")]
    assert tests
    assert [test for test in tests if not (ROOT / Path(test)).is_file()] == []


@pytest.mark.parametrize(
    ("where", "lacks"),
    [
        ("`parley_session/domain/decide.py:_conclude`", ""),
        ("`parley_session/adapters/postgres/queries.sql:lock`", ""),
        ("`parley_session/adapters/postgres/queries.sql:loc`", "loc"),
        ("`parley_session/domain/nothing.py:_conclude`", "parley_session/domain/nothing.py"),
    ],
)
def test_a_place_that_is_not_there_is_told(where: str, lacks: str) -> None:
    assert missing(where) == lacks
