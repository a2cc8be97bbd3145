"""Law: names tell what a module is for, nothing is left for later, and SQL is never put together from pieces."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.tree import ROOT, Breach, Source, assert_kept, is_broken_by

NAMES_OF_NOTHING = re.compile(r"(^|_)(utils?|helpers?|commons?|misc|managers?|base)($|_)")
LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SQL = re.compile(
    r"^\s*(select|insert\s+into|update\s+\w+\s+set|delete\s+from|with\s+\w+\s+as"
    r"|(create|alter|drop|truncate)\s+(database|function|index|role|schema|table|type|unique|user|view))\b",
    re.IGNORECASE,
)


def empty_name(source: Source) -> Iterator[Breach]:
    for part in Path(source.path).with_suffix("").parts:
        if NAMES_OF_NOTHING.search(part):
            yield Breach(source.path, 1, f"{part} says nothing: name it by what it does")


def use_case_without_verb(source: Source) -> Iterator[Breach]:
    if source.is_product and "/handlers/" in source.path and source.name != "__init__" and "_" not in source.name:
        yield Breach(source.path, 1, "a handler is named verb_noun, as the call that it serves")


def left_for_later(source: Source) -> Iterator[Breach]:
    if source.path.startswith("tests/laws/"):
        return  # these files name what they look for
    for number, line in enumerate(source.text.splitlines(), start=1):
        if LATER.search(line):
            yield Breach(source.path, number, "finish it or file it")
    for node in source.nodes:
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield Breach(source.path, node.lineno, "what is not served is not declared")


def assembled_sql(source: Source) -> Iterator[Breach]:
    if not source.is_product:
        return
    for node in source.nodes:
        if (text := _first_piece(node)) and SQL.match(text):
            yield Breach(source.path, getattr(node, "lineno", 1), "bind values as parameters: SQL is not assembled")


def _first_piece(node: ast.AST) -> str:
    """The text that an f-string, `+`, `%` or `.format()` begins with; empty for anything else."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *rest]) if rest:
            return text
        case ast.BinOp(op=ast.Add() | ast.Mod(), left=ast.Constant(value=str(text))):
            return text
        case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant(value=str(text)))):
            return text
    return ""


def test_modules_have_names_that_say_something(sources: list[Source]) -> None:
    assert_kept(empty_name, sources)


def test_handlers_are_named_by_verb_and_noun(sources: list[Source]) -> None:
    assert_kept(use_case_without_verb, sources)


def test_nothing_is_left_for_later(sources: list[Source]) -> None:
    assert_kept(left_for_later, sources)


def test_the_protos_leave_nothing_for_later() -> None:
    assert [str(proto) for proto in (ROOT / "protos/parley").rglob("*.proto") if LATER.search(proto.read_text())] == []


def test_sql_is_never_assembled(sources: list[Source]) -> None:
    assert_kept(assembled_sql, sources)


@pytest.mark.parametrize("path", ["services/a/parley_a/utils.py", "tests/unit/db_helpers.py", "bench/common/load.py"])
def test_a_name_of_nothing_is_found(path: str) -> None:
    assert is_broken_by(empty_name, "", path)
    assert not is_broken_by(empty_name, "", "services/a/parley_a/database.py")


def test_a_handler_without_a_verb_is_found() -> None:
    assert is_broken_by(use_case_without_verb, "", "services/session/parley_session/handlers/messages.py")
    assert not is_broken_by(use_case_without_verb, "", "services/session/parley_session/handlers/receive_messages.py")


@pytest.mark.parametrize("line", ["x = 1  # TODO: y", "raise NotImplementedError", "raise NotImplementedError('x')"])
def test_a_thing_left_for_later_is_found(line: str) -> None:
    assert is_broken_by(left_for_later, line)


@pytest.mark.parametrize(
    "line",
    [
        "f'SELECT id FROM {table}'",
        "'select id from turns where id = ' + key",
        "'DELETE FROM turns WHERE id = %s' % key",
        "'UPDATE turns SET state = {}'.format(state)",
        "f'create schema {name}'",
    ],
)
def test_assembled_sql_is_found(line: str) -> None:
    assert is_broken_by(assembled_sql, line)


@pytest.mark.parametrize(
    "line", ["'SELECT id FROM turns WHERE id = %s'", "f'{count} turns'", "SQL('drop {}').format(x)"]
)
def test_bound_sql_and_prose_are_no_assembled_sql(line: str) -> None:
    assert not is_broken_by(assembled_sql, line)
