"""Law: no module holds state. Whatever lives, lives in `running()`, so that all services fit into one process."""

import ast
from collections.abc import Iterator

import pytest

from tests.laws.tree import Breach, Source, assert_kept, called_name, is_broken_by

MUTABLE = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
MUTATORS = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
# A name in capitals is a constant, unless one of these makes it.
ALIVE = (
    *("Client", "Session", "Channel", "Pool", "Engine", "Server", "Connection", "Executor", "Lock", "Event"),
    *("Condition", "Semaphore", "Queue", "Future", "Random", "defaultdict", "deque", "Counter", "OrderedDict"),
    *("create_engine", "create_async_engine", "insecure_channel", "secure_channel", "new_event_loop"),
)
CACHES = {"cache", "lru_cache"}
# Calls whose result may carry a small name at module level, each with its reason.
DESCRIPTIONS = {
    "get_logger": "a logger is only a name in Python's own registry",
    "getLogger": "a logger is only a name in Python's own registry",
    "MetaData": "describes tables and is complete once imported",
    "Table": "describes a table and is complete once imported",
    "Typer": "the table of commands, complete once imported",
    "ContextVar": "holds nothing itself; its values belong to the task that set them",
}


def held_state(source: Source) -> Iterator[Breach]:
    if not source.is_product:
        return
    mutated = set(_mutated_names(source))
    for name, value, line in _bindings(source.tree.body):
        if name.startswith("__"):
            continue
        is_constant = not name.lstrip("_")[:1].islower()
        made_by = called_name(value).rpartition(".")[2] if isinstance(value, ast.Call) else ""
        is_mutable = isinstance(value, MUTABLE) and (not is_constant or name in mutated)
        is_alive = made_by.endswith(ALIVE) if is_constant else bool(made_by) and made_by not in DESCRIPTIONS
        if is_mutable or is_alive:
            yield Breach(source.path, line, f"{name} is state of the module: make it in running() and pass it on")


def hidden_state(source: Source) -> Iterator[Breach]:
    if not source.is_product:
        return
    for node in source.nodes:
        if isinstance(node, ast.Global):
            yield Breach(source.path, node.lineno, "global: pass the value on instead")
        for decorator in getattr(node, "decorator_list", []):
            if called_name(decorator).rpartition(".")[2] in CACHES:
                yield Breach(source.path, decorator.lineno, "a cached function is state of the module")


def _bindings(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr, int]]:
    for statement in body:
        if isinstance(statement, ast.Assign):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            yield from ((name, statement.value, statement.lineno) for name in names)
        elif isinstance(statement, ast.AnnAssign) and statement.value and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.value, statement.lineno
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            yield from _bindings(statement.body)


def _mutated_names(source: Source) -> Iterator[str]:
    for node in source.nodes:
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield called_name(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            yield called_name(node.func.value)


def test_modules_hold_no_state(sources: list[Source]) -> None:
    assert_kept(held_state, sources)


def test_nothing_is_kept_behind_a_functions_back(sources: list[Source]) -> None:
    assert_kept(hidden_state, sources)


@pytest.mark.parametrize(
    "text",
    [
        "seen = set()",
        "handlers: dict[str, int] = {}",
        "client = TwilioClient()",
        "_CHANNEL = grpc.aio.insecure_channel('x')",
        "SEEN = []\ndef f(x):\n    SEEN.append(x)",
        "CACHE = {}\ndef f(x):\n    CACHE[x] = 1",
        "try:\n    lock = asyncio.Lock()\nfinally:\n    pass",
    ],
)
def test_state_is_found(text: str) -> None:
    assert is_broken_by(held_state, text)


@pytest.mark.parametrize(
    "text", ["def f():\n    global x\n    x = 1", "@functools.lru_cache(maxsize=9)\ndef f(x): ..."]
)
def test_hidden_state_is_found(text: str) -> None:
    assert is_broken_by(hidden_state, text)


@pytest.mark.parametrize(
    "text",
    ["WORDS = {'STOP': 1}", "StubT = TypeVar('StubT')", "PATTERN = re.compile('x')", "logger = get_logger(__name__)"],
)
def test_a_constant_is_no_state(text: str) -> None:
    assert not is_broken_by(held_state, text)
