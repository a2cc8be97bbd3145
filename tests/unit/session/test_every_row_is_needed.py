"""The machine's tables hold nothing that could go and nothing that could be otherwise: a walk finds each change out."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from parley_session.domain import session_actions, turn_actions
from parley_session.domain.decide import Refused
from parley_session.domain.draft import Draft
from parley_session.domain.machine import TABLE, LateResult, Row, SessionSymbol, Table, TurnSymbol
from parley_session.domain.thread import SMS, WEB_CHAT, HandOff, Phase, TurnPhase
from tests.unit.session.world import NO_LIMITS, World

WALKS = 60
STEPS = 60

Action = Callable[[Draft, Any], None]
Key = tuple[Phase | TurnPhase, SessionSymbol | TurnSymbol]

LOOKALIKES: dict[Action, Action] = {
    session_actions.store: session_actions.store_for_people,
    session_actions.store_in_session: session_actions.store,
    session_actions.store_for_people: session_actions.store_in_session,
    session_actions.send_opening: session_actions.send_of_person,
    session_actions.send_of_person: session_actions.send_opening,
    session_actions.begin_grace: session_actions.warn,
    turn_actions.plan: turn_actions.plan_end,
    turn_actions.plan_end: turn_actions.plan,
    turn_actions.settle: turn_actions.plan,
    turn_actions.claim: turn_actions.plan,
    turn_actions.commit_answer: turn_actions.commit_fallback,
    turn_actions.commit_fallback: turn_actions.drop,
    turn_actions.commit_end: turn_actions.abandon_end,
    turn_actions.abandon_end: turn_actions.drop,
    turn_actions.postpone_failed: turn_actions.postpone_away,
    turn_actions.postpone_away: turn_actions.postpone_failed,
    turn_actions.drop: turn_actions.commit_fallback,
}
"""For each action the one that it could most easily be mistaken for."""


class Walk:
    """A random life of a thread, to its rest. Raises where the table does not carry it."""

    def __init__(self, table: Table, seed: int) -> None:
        self.chance = random.Random(seed)
        wishes = {
            **NO_LIMITS,
            "fallback_text": "sorry",
            "settle": self.chance.choice([0, 2]),
            "on_open_session": self.chance.choice([1, 2]),
            "closing_text": "bye",
        }
        self.world = World(wishes, table, channel=WEB_CHAT if seed % 10 == 0 else SMS)

    def go(self) -> None:
        moves, weights = zip(*_MOVES.items(), strict=True)
        for _ in range(STEPS):
            try:
                self.chance.choices(moves, weights)[0](self)
            except (LateResult, Refused):
                continue
        self.world.come_to_rest()
        self.world.fall_silent()

    def receive(self) -> None:
        self.world.receive(*(["hi"] * self.chance.randint(1, 3)), may_claim=self.chance.random() < 0.8)

    def wait(self) -> None:
        self.world.advance(self.chance.choice([0.125, 0.25, 1, 3, 21, 61]))
        self.world.poll()

    def report(self) -> None:
        if not self.world.calls:
            return
        call = self.chance.choice(self.world.calls)
        outcome = self.chance.choices(["answer", "hang up", "fail", "be away", "die", "hand off"], [4, 2, 5, 4, 2, 1])[
            0
        ]
        if outcome == "fail":
            self.world.fail(call)
        elif outcome == "be away":
            self.world.be_away(call)
        elif outcome == "die":
            self.world.calls.remove(call)
        else:
            state, hand_off = self.chance.choice(["", "{}"]), HandOff("desk") if outcome == "hand off" else None
            self.world.answer(call, "hello", state=state, hang_up=outcome == "hang up", hand_off=hand_off)

    def keep_silent(self) -> None:
        self.world.skip(hours=self.chance.choice([1, 24]))
        self.world.time_out(covered=timedelta(hours=self.chance.choice([0, 1])))

    def deliver_the_warning(self) -> None:
        if self.world.promises.warned:
            self.world.deliver(self.world.promises.warned, self.chance.choice([3, 6]))

    def command(self) -> None:
        move = self.chance.choice(["start", "send", "hand off", "resume", "end", "STOP", "START"])
        if move in ("STOP", "START") and self.world.channel == SMS:
            self.world.receive(move, "hi")
        elif move == "start" and self.world.channel == SMS:
            self.world.start_session("your parcel is here")
        elif self.world.thread.session is None:
            return
        elif move == "send":
            self.world.send("this is Ann")
        elif move == "hand off":
            self.world.hand_off()
        elif move == "resume":
            self.world.resume()
        elif move == "end":
            self.world.end()


_MOVES: dict[Callable[[Walk], None], int] = {
    Walk.receive: 4,
    Walk.wait: 4,
    Walk.report: 8,
    Walk.keep_silent: 1,
    Walk.deliver_the_warning: 1,
    Walk.command: 2,
}


def is_found_out(table: Table) -> bool:
    for seed in range(WALKS):
        try:
            Walk(table, seed).go()
        except Exception:
            return True
    return False


def nothing(_draft: Draft, _event: object) -> None:
    """An action that forgets itself."""


def names(key: Key) -> str:
    return f"{key[1].value} in {key[0].value}"


@pytest.fixture
def fired() -> tuple[Table, set[Key]]:
    """The table, and the rows of it that were used."""
    seen: set[Key] = set()

    def noting(key: Key, action: Action) -> Action:
        def note(draft: Draft, event: object) -> None:
            seen.add(key)
            action(draft, event)

        return note

    return {key: Row(row.next, noting(key, row.action)) for key, row in TABLE.items()}, seen


def test_the_tables_as_they_are_carry_every_walk_and_every_row_is_walked(fired: tuple[Table, set[Key]]) -> None:
    table, seen = fired
    for seed in range(WALKS):
        Walk(table, seed).go()
    assert seen == set(TABLE)


@pytest.mark.parametrize("key", TABLE, ids=names)
def test_no_row_can_go(key: Key) -> None:
    assert is_found_out({other: row for other, row in TABLE.items() if other != key})


@pytest.mark.parametrize("key", TABLE, ids=names)
def test_no_row_can_lead_elsewhere(key: Key) -> None:
    row = TABLE[key]
    for phase in type(row.next):
        if phase is not row.next:
            assert is_found_out({**TABLE, key: Row(phase, row.action)}), phase


@pytest.mark.parametrize("key", [key for key, row in TABLE.items() if row.action in LOOKALIKES], ids=names)
def test_no_row_can_do_what_its_lookalike_does(key: Key) -> None:
    row = TABLE[key]
    assert is_found_out({**TABLE, key: Row(row.next, LOOKALIKES[row.action])})


@pytest.mark.parametrize("key", TABLE, ids=names)
def test_no_row_can_do_nothing(key: Key) -> None:
    assert is_found_out({**TABLE, key: Row(TABLE[key].next, nothing)})
