"""Law: a domain decides from what it is given. It knows no clock, chance, input or output, and waits for nothing."""

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.laws.tree import Breach, Source, assert_kept, called_name, is_broken_by

DOMAIN = "services/session/parley_session/domain/threads.py"
# Parts of the standard library that reach outside the values a function was given.
OUTSIDE = {"asyncio", "concurrent", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets"}
OUTSIDE |= {"selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading"}
OUTSIDE |= {"time", "urllib.request"}
CLOCKS_AND_CHANCE = {"now", "utcnow", "today", "uuid1", "uuid4", "urandom"}
BUILTINS = {"open", "input", "print"}
WAITING = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)


def outside_import(source: Source) -> Iterator[Breach]:
    if not source.is_domain:
        return
    package = next(part for part in source.path.split("/") if part.startswith("parley_"))
    own_domain = f"{package}.domain"
    for node in source.nodes:
        for module in _imported(node):
            of_library = module.partition(".")[0] in sys.stdlib_module_names
            reaches_out = any(f"{module}.".startswith(f"{outside}.") for outside in OUTSIDE)
            if reaches_out or not (of_library or module.startswith(own_domain)):
                yield Breach(source.path, getattr(node, "lineno", 1), f"a domain may not import {module}")


def impure_call(source: Source) -> Iterator[Breach]:
    if not source.is_domain:
        return
    for node in source.nodes:
        if isinstance(node, WAITING):
            yield Breach(source.path, node.lineno, "a domain waits for nothing: no async, no await")
        elif isinstance(node, ast.Call):
            name = called_name(node)
            if name in BUILTINS or name.rpartition(".")[2] in CLOCKS_AND_CHANCE:
                yield Breach(source.path, node.lineno, f"{name}(): pass the value in instead")


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def test_domains_import_the_standard_library_only(sources: list[Source]) -> None:
    assert_kept(outside_import, sources)


def test_domains_ask_no_clock_and_wait_for_nothing(sources: list[Source]) -> None:
    assert_kept(impure_call, sources)


@pytest.mark.parametrize(
    "line",
    [
        "import random",
        "import grpc",
        "from time import monotonic",
        "from urllib import request",
        "import urllib.request as u",
        "from parley_session import settings",
        "from parley_session.errors import Refused",
    ],
)
def test_an_import_from_outside_is_found(line: str) -> None:
    assert is_broken_by(outside_import, line, DOMAIN)
    assert not is_broken_by(outside_import, line, "services/session/parley_session/app.py")


@pytest.mark.parametrize(
    "line",
    [
        "from datetime import datetime",
        "from urllib.parse import quote",
        "from . import turns",
        "from parley_session.domain import turns",
        "from parley_session.domain.turns import Turn",
    ],
)
def test_a_domain_may_import_itself_and_plain_types(line: str) -> None:
    assert not is_broken_by(outside_import, line, DOMAIN)


@pytest.mark.parametrize("line", ["datetime.now(UTC)", "x = uuid.uuid4()", "async def f(): pass", "print('x')"])
def test_an_impure_line_is_found(line: str) -> None:
    assert is_broken_by(impure_call, line, DOMAIN)
    assert not is_broken_by(impure_call, line, "services/session/parley_session/app.py")


def test_a_decision_is_pure() -> None:
    assert not is_broken_by(impure_call, "session = open_session(thread, now); thread.open(session)", DOMAIN)
