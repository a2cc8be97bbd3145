"""Whatever happens to a thread, in whatever order: the promises hold after every step, and it comes to rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from parley_session.domain.effects import RunTurn
from parley_session.domain.machine import LateResult
from parley_session.domain.thread import AgentSettings
from tests.unit.session.world import World

TEXTS = st.lists(st.sampled_from(["hi", "", "yes please", "x" * 40]), min_size=1, max_size=4)
REPLIES = st.lists(st.sampled_from(["hello", "  ", "word " * 500, "ok\x00"]), max_size=3)
WALKS = settings(max_examples=300, stateful_step_count=50)
STEPS = st.sampled_from([0.1, 0.3, 1.0, 3.0, 19.0, 21.0, 61.0])


class ThreadWalk(RuleBasedStateMachine):
    """The environment's moves. World checks what each of them leads to."""

    @initialize(settle=st.sampled_from([0, 2]))
    def begin(self, settle: int) -> None:
        self.world = World(AgentSettings(settle=timedelta(seconds=settle), fallback_text="sorry"))

    def _call(self, index: int) -> RunTurn:
        return self.world.calls[index % len(self.world.calls)]

    @rule(texts=TEXTS, may_claim=st.booleans())
    def receive(self, texts: list[str], may_claim: bool) -> None:
        self.world.receive(*texts, may_claim=may_claim)

    @precondition(lambda self: self.world.phase.value == "running")
    @rule()
    def receive_a_flood_during_a_turn(self) -> None:
        self.world.receive(*(f"flood {number}" for number in range(60)))

    @rule()
    def poll(self) -> None:
        self.world.poll()

    @rule(seconds=STEPS)
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)
        self.world.poll()

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5), replies=REPLIES, hang_up=st.booleans(), state=st.sampled_from(["", "{}", '{"n":1}']))
    def answer(self, index: int, replies: list[str], hang_up: bool, state: str) -> None:
        call = self._call(index)
        self._report(lambda: self.world.answer(call, *replies, state=state, hang_up=hang_up))

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5), may_claim=st.booleans())
    def fail(self, index: int, may_claim: bool) -> None:
        call = self._call(index)
        self._report(lambda: self.world.fail(call, may_claim))

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5), may_claim=st.booleans())
    def be_away(self, index: int, may_claim: bool) -> None:
        call = self._call(index)
        self._report(lambda: self.world.be_away(call, may_claim))

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5))
    def die_silently(self, index: int) -> None:
        self.world.calls.remove(self._call(index))

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5))
    def renew(self, index: int) -> None:
        self.world.renew(self._call(index))

    def _report(self, report: Callable[[], object]) -> None:
        try:
            report()
        except LateResult:
            """World has checked that it had to be refused."""

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.come_to_rest()


def test_the_promises_hold_whatever_happens_and_the_thread_comes_to_rest() -> None:
    run_state_machine_as_test(ThreadWalk, settings=WALKS)
