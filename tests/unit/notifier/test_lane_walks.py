"""Random walks through what may happen to a lane, and proof that the walks miss no row of the table."""

import random
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from parley_notifier.domain.delivery import FINAL, TRANSITIONS, Event, State
from tests.unit.notifier.world import SCOPES, Fate, Process, World

WAITS = (0.5, 6.0, 31.0, 61.0, 130.0)
STATUSES = (("queued", 0), ("sent", 0), ("delivered", 0), ("failed", 0), ("failed", 21610))
AGO = (0.0, 1.0, 40.0, 200.0)


class LaneWalk(RuleBasedStateMachine):
    """Hypothesis looks for a walk after which something does not hold, and shortens it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def process(self, number: int) -> Process:
        return self.world.processes[number]

    @rule(number=st.integers(0, 1), seq=st.integers(1, 4), canceled=st.booleans(), scope=st.sampled_from(SCOPES))
    def submit(self, number: int, seq: int, canceled: bool, scope: str) -> None:
        self.world.submit(self.process(number), seq, canceled, scope)

    @rule(number=st.integers(0, 1), opted_out=st.booleans(), ago=st.sampled_from(AGO), scope=st.sampled_from(SCOPES))
    def say(self, number: int, opted_out: bool, ago: float, scope: str) -> None:
        self.world.say(self.process(number), opted_out, ago, scope)

    @precondition(lambda self: any(process.claims for process in self.world.processes))
    @rule(fate=st.sampled_from(Fate))
    def send(self, fate: Fate) -> None:
        self.world.send(next(process for process in self.world.processes if process.claims), fate)

    @precondition(lambda self: any(process.findings for process in self.world.processes))
    @rule()
    def mark(self) -> None:
        self.world.mark(next(process for process in self.world.processes if process.findings))

    @precondition(lambda self: self.world.twilio)
    @rule(data=st.data(), number=st.integers(0, 1), status=st.sampled_from(STATUSES))
    def report(self, data: st.DataObject, number: int, status: tuple[str, int]) -> None:
        self.world.report(self.process(number), data.draw(st.sampled_from(self.world.twilio)), *status)

    @precondition(lambda self: self.world.hidden())
    @rule(number=st.integers(0, 1))
    def report_after_miss(self, number: int) -> None:
        self.world.report_after_miss(self.process(number))

    @rule(number=st.integers(0, 1))
    def tend(self, number: int) -> None:
        self.world.tend(self.process(number))

    @precondition(lambda self: self.world.looks)
    @rule(number=st.integers(0, 1))
    def look(self, number: int) -> None:
        self.world.look(self.process(number))

    @rule(number=st.integers(0, 1))
    def die(self, number: int) -> None:
        self.world.die(self.process(number))

    @precondition(lambda self: any(process.claims for process in self.world.processes))
    @rule()
    def forget(self) -> None:
        self.world.forget(next(process for process in self.world.processes if process.claims))

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    def teardown(self) -> None:
        self.world.complete()


TestLaneWalk = LaneWalk.TestCase
TestLaneWalk.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def walk(choice: random.Random, steps: int = 30) -> None:
    """The same steps without hypothesis: many walks in a second."""
    world = World()
    for _ in range(steps):
        process = choice.choice(world.processes)
        possible: list[Callable[[], None]] = [
            lambda: world.submit(process, choice.randint(1, 3), choice.random() < 0.2, _scope(choice)),  # noqa: B023
            lambda: world.tend(process),  # noqa: B023
            lambda: world.wait(choice.choice(WAITS)),
        ]
        if process.claims:
            possible += [lambda: world.send(process, choice.choice(list(Fate)))] * 3  # noqa: B023
            possible.append(lambda: world.forget(process))  # noqa: B023
        if process.findings:
            possible += [lambda: world.mark(process)] * 3  # noqa: B023
        if world.looks:
            possible += [lambda: world.look(process)] * 2  # noqa: B023
        if world.twilio:
            status = choice.choice(STATUSES)
            possible.append(lambda: world.report(process, choice.choice(world.twilio), *status))  # noqa: B023
        if world.hidden():
            possible.append(lambda: world.report_after_miss(process))  # noqa: B023
        if choice.random() < 0.05:
            possible = [lambda: world.say(process, choice.random() < 0.5, choice.choice(AGO), _scope(choice))]  # noqa: B023
        if choice.random() < 0.05:
            possible = [lambda: world.die(process)]  # noqa: B023
        choice.choice(possible)()
    world.complete()


def _scope(choice: random.Random) -> str:
    return SCOPES[choice.random() < 0.2]


def walks(count: int) -> None:
    choice = random.Random(5)
    for _ in range(count):
        walk(choice)


def test_many_walks_hold() -> None:
    walks(1500)


@pytest.mark.parametrize("row", list(TRANSITIONS), ids=lambda row: f"{row[0]}-{row[1]}")
def test_no_row_of_the_table_can_be_missing(row: tuple[State, Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(TRANSITIONS, row)
    with pytest.raises(AssertionError):
        walks(1500)


def test_every_state_has_a_way_to_a_final_one() -> None:
    ending = set(FINAL)
    while True:
        more = {before for (before, _), after in TRANSITIONS.items() if after in ending} - ending
        if not more:
            break
        ending |= more
    assert ending == set(State)


def test_only_proof_leads_out_of_a_final_state_that_leaves_the_matter_open() -> None:
    assert [row for row in TRANSITIONS if row[0] in FINAL] == [(State.HELD, Event.PROVE)]


def test_only_evidence_of_absence_leads_from_unknown_to_a_second_send() -> None:
    assert {(event, after) for (before, event), after in TRANSITIONS.items() if before is State.UNKNOWN} == {
        (Event.PROVE, State.ACCEPTED),
        (Event.MISS, State.PENDING),
        (Event.HOLD, State.HELD),
    }
