"""What a process remembers of the database between two looks at the gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from parley_notifier.domain.gate import Gate
from parley_notifier.handlers.guard_gate import GuardGate
from tests.unit.notifier.test_gate import OPEN


class ScriptedStore:
    """Shows the gate that the test says, and counts the recoveries that it asks for."""

    def __init__(self) -> None:
        self.gate: Gate = OPEN
        self.recoveries = 0

    async def read_gate(self) -> Gate:
        return self.gate

    async def begin_recovery(self, slack: float) -> bool:
        self.recoveries += 1
        return True

    async def wake_lanes(self, limit: int) -> bool:
        return False


def guarded() -> tuple[GuardGate, ScriptedStore]:
    store = ScriptedStore()
    return GuardGate(cast(Any, store), cast(Any, None), 60.0, lambda: None), store


async def test_what_a_batch_saw_since_the_last_look_is_missed() -> None:
    guard, store = guarded()
    await guard()
    guard.saw(900)
    store.gate = replace(OPEN, position=800)
    await guard()
    assert store.recoveries == 1


async def test_a_log_that_grew_has_lost_nothing_and_a_loss_is_told_once() -> None:
    guard, store = guarded()
    for position, recoveries in ((500, 0), (900, 0), (700, 1), (700, 1), (800, 1)):
        store.gate = replace(OPEN, position=position)
        await guard()
        assert store.recoveries == recoveries
