"""The machine's table holds nothing that could go and nothing that could be otherwise: a walk finds each change out."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from parley_session.domain import actions
from parley_session.domain.actions import Action
from parley_session.domain.events import Event
from parley_session.domain.machine import TABLE, LateResult, Row, Symbol, Table
from parley_session.domain.thread import AgentSettings, Phase
from tests.unit.session.world import World

WALKS = 40
STEPS = 60

LOOKALIKES: dict[Action, Action] = {
    actions.store_and_settle: actions.store,
    actions.commit_answer: actions.commit_fallback,
    actions.commit_fallback: actions.commit_answer,
    actions.commit_end: actions.abandon_end,
    actions.abandon_end: actions.commit_end,
    actions.postpone_failed: actions.postpone_away,
    actions.postpone_away: actions.postpone_failed,
    actions.open_session: actions.plan_turn,
    actions.plan_turn: actions.open_session,
    actions.claim: actions.plan_turn,
    actions.commit_answer_and_end: actions.commit_answer,
}
"""For each action the one that it could most easily be mistaken for."""


def walk(table: Table, seed: int) -> None:
    """A random life of a thread, to its rest. Raises where the table does not carry it."""
    chance = random.Random(seed)
    world = World(AgentSettings(settle=timedelta(seconds=chance.choice([0, 2])), fallback_text="sorry"), table)
    for _ in range(STEPS):
        try:
            _step(world, chance)
        except LateResult:
            continue
    world.come_to_rest()


def _step(world: World, chance: random.Random) -> None:
    move = chance.choices(["receive", "wait", "report"], [3, 3, 6])[0]
    may_claim = chance.random() < 0.8
    if move == "receive":
        world.receive(*(["hi"] * chance.randint(1, 3)), may_claim=may_claim)
    elif move == "wait":
        world.advance(chance.choice([0.1, 0.3, 1, 3, 21, 61]))
        world.poll()
    elif world.calls:
        _report(world, chance)


def _report(world: World, chance: random.Random) -> None:
    call = chance.choice(world.calls)
    outcome = chance.choices(["answer", "hang up", "fail", "be away", "die"], [4, 2, 5, 4, 2])[0]
    if outcome == "fail":
        world.fail(call)
    elif outcome == "be away":
        world.be_away(call)
    elif outcome == "die":
        world.calls.remove(call)
    else:
        world.answer(call, "hello", state=chance.choice(["", "{}"]), hang_up=outcome == "hang up")


def is_found_out(table: Table) -> bool:
    for seed in range(WALKS):
        try:
            walk(table, seed)
        except Exception:
            return True
    return False


def nothing(_draft: actions.Draft, _event: Event | None) -> None:
    """An action that forgets itself."""


def names(key: tuple[Phase, Symbol]) -> str:
    return f"{key[1].value} in {key[0].value}"


@pytest.fixture
def fired() -> tuple[Table, set[tuple[Phase, Symbol]]]:
    """The table, and the rows of it that were used."""
    seen: set[tuple[Phase, Symbol]] = set()

    def noting(key: tuple[Phase, Symbol], action: Action) -> Action:
        def note(draft: actions.Draft, event: Event | None) -> None:
            seen.add(key)
            action(draft, event)

        return note

    return {key: Row(row.next, noting(key, row.action)) for key, row in TABLE.items()}, seen


def test_the_table_as_it_is_carries_every_walk_and_every_row_is_walked(
    fired: tuple[Table, set[tuple[Phase, Symbol]]],
) -> None:
    table, seen = fired
    for seed in range(WALKS):
        walk(table, seed)
    assert seen == set(TABLE)


@pytest.mark.parametrize("key", TABLE, ids=names)
def test_no_row_can_go(key: tuple[Phase, Symbol]) -> None:
    assert is_found_out({other: row for other, row in TABLE.items() if other != key})


@pytest.mark.parametrize("key", TABLE, ids=names)
def test_no_row_can_lead_elsewhere(key: tuple[Phase, Symbol]) -> None:
    for phase in Phase:
        if phase is not TABLE[key].next:
            assert is_found_out({**TABLE, key: Row(phase, TABLE[key].action)}), phase


@pytest.mark.parametrize("key", [key for key, row in TABLE.items() if row.action in LOOKALIKES], ids=names)
def test_no_row_can_do_what_its_lookalike_does(key: tuple[Phase, Symbol]) -> None:
    row = TABLE[key]
    assert is_found_out({**TABLE, key: Row(row.next, LOOKALIKES[row.action])})


def test_a_step_that_does_nothing_is_found_out() -> None:
    for key, row in TABLE.items():
        assert is_found_out({**TABLE, key: Row(row.next, nothing)}), names(key)
