"""Whatever happens to a thread, in whatever order: the promises hold after every step, and it comes to rest.

PARLEY_WALKS is the number of walks; without it there are as many as a quick run can bear.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from parley_session.domain.decide import Refused
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Receive
from parley_session.domain.keywords import Keyword, KeywordMode
from parley_session.domain.machine import LateResult
from parley_session.domain.thread import SMS, WEB_CHAT, HandOff, Phase, TurnPhase
from tests.unit.session.promises import WORDS, YES, Register
from tests.unit.session.world import NO_LIMITS, World

TEXTS = st.lists(st.sampled_from(["hi", "", "yes please", "x" * 40]), min_size=1, max_size=4)
SAID = st.sampled_from([*WORDS, YES, "hi", "stop it"])
REPLIES = st.lists(st.sampled_from(["hello", "  ", "word " * 500, "ok\x00"]), max_size=3)
STEPS = st.sampled_from([0.125, 0.25, 1.0, 3.0, 19.0, 21.0, 61.0])
SKIPS = st.sampled_from([30, 60, 299, 600, 3600, 86400, 30 * 86400])
LATE = st.sampled_from([0, 1, 30, 90, 3600, 90000])
STATES = st.sampled_from([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
ENDS = st.sampled_from(["", "", "", "hang up", "hand off"])

WISHES = st.fixed_dictionaries(
    {
        "settle": st.sampled_from([0, 2]),
        "fallback_text": st.just("sorry"),
        "inactive_after": st.sampled_from([0, 60, 86400]),
        "grace": st.sampled_from([60, 600]),
        "unengaged_ttl": st.sampled_from([60, 30 * 86400]),
        "closing_text": st.sampled_from(["", "bye"]),
        "on_open_session": st.sampled_from([1, 2, 3]),
    }
)
LIMITS = st.sampled_from(
    [NO_LIMITS, {}, {**NO_LIMITS, "text_limit": 3}, {**NO_LIMITS, "repeat_limit": 2}, {**NO_LIMITS, "turn_limit": 3}]
)
REGISTERS = st.sampled_from(
    [
        Register(),
        Register(scope="pool"),
        Register(scope="pool", toll_free=True),
        Register(keywords=KeywordMode.ADVANCED),
        Register(keywords=KeywordMode.NONE),
        Register(from_our_number=True),
    ]
)


class ThreadWalk(RuleBasedStateMachine):
    """The environment's moves. World checks what each of them leads to."""

    @initialize(wishes=WISHES, limits=LIMITS, register=REGISTERS, channel=st.sampled_from([SMS, SMS, SMS, WEB_CHAT]))
    def begin(self, wishes: dict[str, object], limits: dict[str, object], register: Register, channel: int) -> None:
        if channel == WEB_CHAT:
            register = Register()
        self.world = World({**wishes, **limits}, register=register, channel=channel)
        self.heard: list[Receive] = []

    def _call(self, index: int) -> RunTurn:
        return self.world.calls[index % len(self.world.calls)]

    def _unless_refused(self, move: Callable[[], object]) -> None:
        """World has checked that what is refused had to be."""
        before = self.world.thread
        try:
            move()
        except (LateResult, Refused):
            assert self.world.thread == before

    # ---- the participant

    @rule(texts=TEXTS, may_claim=st.booleans())
    def receive(self, texts: list[str], may_claim: bool) -> None:
        self.world.receive(*texts, may_claim=may_claim)

    @precondition(lambda self: self.world.turn_phase in (TurnPhase.RUNNING, TurnPhase.END_RUNNING))
    @rule()
    def receive_a_flood_during_a_turn(self) -> None:
        self.world.receive(*(f"flood {number}" for number in range(60)))

    @precondition(lambda self: self.world.channel == SMS)
    @rule(texts=st.lists(SAID, min_size=1, max_size=3))
    def receive_keywords(self, texts: list[str]) -> None:
        self._hear([self.world.text(text) for text in texts])

    @precondition(lambda self: self.world.channel == SMS)
    @rule(text=SAID, stated=st.sampled_from([None, *Keyword]), late=LATE)
    def fetch(self, text: str, stated: Keyword | None, late: int) -> None:
        moment = self.world.now - timedelta(seconds=late)
        self._hear([self.world.text(text, stated=stated, receive_time=moment, fetched=True)])

    def _hear(self, texts: list[Receive]) -> None:
        self.world.happen(texts)
        self.heard += texts

    @precondition(lambda self: self.heard)
    @rule(index=st.integers(0, 5), late=LATE)
    def know_better_when_it_came(self, index: int, late: int) -> None:
        text, known = self.heard[index % len(self.heard)], self.world.promises.heard
        if text.source_id not in known:
            return
        said = [keyword for keyword, _ in known.values()]
        # Of several the latest is kept: a better moment for it cannot bring an earlier one back.
        if said.count(known[text.source_id][0]) == 1:
            self.world.receive_again(text, self.world.now - timedelta(seconds=late))

    @precondition(lambda self: self.world.register.scope)
    @rule(keyword=st.sampled_from([Keyword.STOP, Keyword.START]), late=LATE)
    def say_it_to_another_number(self, keyword: Keyword, late: int) -> None:
        self.world.hear_elsewhere(keyword, self.world.now - timedelta(seconds=late))

    # ---- time

    @rule()
    def poll(self) -> None:
        self.world.poll()

    @rule(seconds=STEPS)
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)
        self.world.poll()

    @rule(seconds=SKIPS, covered=st.sampled_from([None, 0, 30]))
    def skip(self, seconds: int, covered: int | None) -> None:
        self.world.skip(seconds=seconds)
        self.world.time_out(covered=None if covered is None else timedelta(seconds=covered))

    @precondition(lambda self: self.world.thread.session and self.world.thread.session.due_time)
    @rule(covered=st.sampled_from([None, 0, 0, 30]))
    def look_when_due(self, covered: int | None) -> None:
        self.world.skip_to_due()
        self.world.time_out(covered=None if covered is None else timedelta(seconds=covered))

    @precondition(lambda self: self.world.channel == SMS and self.world.rows.outbound)
    @rule(index=st.integers(1, 5), state=STATES, ago=LATE, dies=st.booleans())
    def deliver(self, index: int, state: int, ago: int, dies: bool) -> None:
        messages = self.world.rows.outbound[-5:]
        moment = self.world.now - timedelta(seconds=ago)
        self.world.deliver(messages[-index % len(messages)].id, state, moment, dies=dies)

    @precondition(lambda self: self.world.promises.warned)
    @rule(state=st.sampled_from([3, 3, 6, 8]))
    def deliver_the_warning(self, state: int) -> None:
        self.world.deliver(self.world.promises.warned or "", state)

    # ---- the agent

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5), replies=REPLIES, end=ENDS, state=st.sampled_from(["", "{}", '{"n":1}']))
    def answer(self, index: int, replies: list[str], end: str, state: str) -> None:
        call, hand_off = self._call(index), HandOff("desk") if end == "hand off" else None
        self._unless_refused(
            lambda: self.world.answer(call, *replies, state=state, hang_up=end == "hang up", hand_off=hand_off)
        )

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5), may_claim=st.booleans())
    def fail(self, index: int, may_claim: bool) -> None:
        call = self._call(index)
        self._unless_refused(lambda: self.world.fail(call, may_claim))

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5), may_claim=st.booleans())
    def be_away(self, index: int, may_claim: bool) -> None:
        call = self._call(index)
        self._unless_refused(lambda: self.world.be_away(call, may_claim))

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5))
    def die_silently(self, index: int) -> None:
        self.world.calls.remove(self._call(index))

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5))
    def renew(self, index: int) -> None:
        self.world.renew(self._call(index))

    # ---- people, and other services

    @precondition(lambda self: self.world.channel == SMS)
    @rule()
    def start_a_session(self) -> None:
        self._unless_refused(lambda: self.world.start_session("your parcel is here"))

    @precondition(lambda self: self.world.thread.session)
    @rule()
    def send(self) -> None:
        self._unless_refused(lambda: self.world.send("this is Ann"))

    @precondition(lambda self: self.world.thread.session)
    @rule()
    def hand_off(self) -> None:
        self.world.hand_off()

    @precondition(lambda self: self.world.phase is Phase.HANDED_OFF)
    @rule()
    def resume(self) -> None:
        self.world.resume()

    @rule(index=st.integers(0, 5))
    def end(self, index: int) -> None:
        sessions = list(self.world.rows.sessions)[-2:]
        if sessions:
            self.world.end(sessions[index % len(sessions)])

    def teardown(self) -> None:
        if hasattr(self, "world") and self.world.is_sound:
            self.world.come_to_rest()
            self.world.fall_silent()


@pytest.mark.timeout(3600)
def test_the_promises_hold_whatever_happens_and_the_thread_comes_to_rest() -> None:
    walks = int(os.environ.get("PARLEY_WALKS", "250"))
    # Steps are told as they are found: what explains them takes far longer than finding them.
    phases = [phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain]
    settings = hypothesis.settings(max_examples=walks, stateful_step_count=50, deadline=None, phases=phases)
    run_state_machine_as_test(ThreadWalk, settings=settings)
