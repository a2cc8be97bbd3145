"""Law: a test waits on a signal or a condition, never on the clock."""

import ast
from collections.abc import Iterator

import pytest

from tests.laws.tree import Breach, Source, assert_kept, called_name, is_broken_by

LONGEST_SLEEP_SECONDS = 1


def long_sleep(source: Source) -> Iterator[Breach]:
    if not source.is_test or source.is_stand_in:
        return
    constants = dict(_numbers(source))
    for node in source.nodes:
        if isinstance(node, ast.Call) and node.args and called_name(node).rpartition(".")[2] == "sleep":
            argument = node.args[0]
            seconds = constants.get(called_name(argument)) if isinstance(argument, ast.Name) else _number(argument)
            if seconds is not None and seconds >= LONGEST_SLEEP_SECONDS:
                yield Breach(source.path, node.lineno, "wait on a signal or a condition, with a time limit")


def _numbers(source: Source) -> Iterator[tuple[str, float]]:
    for node in source.nodes:
        if isinstance(node, ast.Assign) and (value := _number(node.value)) is not None:
            yield from ((target.id, value) for target in node.targets if isinstance(target, ast.Name))


def _number(node: ast.AST) -> float | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int | float) else None


def test_no_test_sleeps(sources: list[Source]) -> None:
    assert_kept(long_sleep, sources)


@pytest.mark.parametrize("text", ["time.sleep(1)", "await asyncio.sleep(2.5)", "sleep(60)", "PAUSE = 3\nsleep(PAUSE)"])
def test_a_long_sleep_is_found(text: str) -> None:
    assert is_broken_by(long_sleep, text, "tests/unit/session/test_turns.py")


@pytest.mark.parametrize("text", ["await asyncio.sleep(0)", "time.sleep(0.01)", "clock.sleep()"])
def test_a_short_pause_is_allowed(text: str) -> None:
    assert not is_broken_by(long_sleep, text, "tests/unit/session/test_turns.py")


def test_an_agent_may_hang_when_that_is_what_is_tested() -> None:
    assert not is_broken_by(long_sleep, "time.sleep(60)", "tests/e2e/agents/hanging/agent.py")
