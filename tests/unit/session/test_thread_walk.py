"""Whatever happens to a thread, in whatever order: the promises hold after every step, and it comes to rest.

PARLEY_WALKS is the number of walks; without it there are as many as a quick run can bear.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from itertools import cycle

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from parley_session.domain.decide import Refused
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Receive
from parley_session.domain.keywords import Keyword, KeywordMode
from parley_session.domain.machine import LateResult
from parley_session.domain.thread import SMS, WEB_CHAT, HandOff, TurnPhase
from tests.unit.session.promises import WORDS, YES, Register
from tests.unit.session.world import NO_LIMITS, World

TEXTS = st.lists(st.sampled_from(["hi", "", "yes please", "x" * 40]), min_size=1, max_size=4)
SAID = st.sampled_from(["hi", "START", YES, "START", *WORDS])
REPLIES = st.lists(st.sampled_from(["hello", "  ", "word " * 500, "ok\x00"]), max_size=3)
STATES = st.sampled_from(["", "{}", '{"n":1}'])
ENDS = st.sampled_from(["", "", "", "", "", "hang up", "hand off"])
WRONG = st.sampled_from(["fail", "fail", "be away", "die", "renew"])
STEPS = st.sampled_from([0, 0.125, 0.25, 1.0, 3.0, 19.0, 21.0, 61.0])
SKIPS = st.sampled_from([30, 60, 299, 600, 3600, 86400, 30 * 86400])
LATE = st.sampled_from([0, 1, 30, 90, 3600, 90000])
LAGS = st.sampled_from([0, 0, 0, 30, 90, 3600])
"""For how many seconds webhooks were on their way: the list tells nothing finer than two."""
BEHIND = st.sampled_from([0, 0, 30, None])
"""How far the provider's list is behind."""
DELIVERIES = st.sampled_from([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
ASKED = st.sampled_from(
    ["start", "start", "send", "send", "retry", "hand off", "resume", "resume", "end", "end an older one"]
)

WISHES = st.fixed_dictionaries(
    {
        "settle": st.sampled_from([0, 0, 2]),
        "fallback_text": st.just("sorry"),
        "inactive_after": st.sampled_from([60, 3600, 86400, 0]),
        "grace": st.sampled_from([60, 600]),
        "unengaged_ttl": st.sampled_from([60, 30 * 86400]),
        "closing_text": st.sampled_from(["", "bye"]),
        "on_open_session": st.sampled_from([1, 2, 3]),
    }
)
LIMITS = st.sampled_from(
    [
        NO_LIMITS,
        NO_LIMITS,
        {},
        {**NO_LIMITS, "text_limit": 3},
        {**NO_LIMITS, "repeat_limit": 2},
        {**NO_LIMITS, "turn_limit": 3},
        {**NO_LIMITS, "turn_limit": 1},
    ]
)
REGISTERS = st.sampled_from(
    [
        Register(),
        Register(),
        Register(),
        Register(scope="pool"),
        Register(scope="pool"),
        Register(scope="pool", toll_free=True),
        Register(keywords=KeywordMode.ADVANCED),
        Register(keywords=KeywordMode.NONE),
        Register(from_our_number=True),
    ]
)


class ThreadWalk(RuleBasedStateMachine):
    """The environment's moves. World checks what each of them leads to."""

    @initialize(
        wishes=WISHES,
        limits=LIMITS,
        register=REGISTERS,
        channel=st.sampled_from([SMS, SMS, SMS, WEB_CHAT]),
        first=st.sampled_from(["nothing", "a conversation", "a conversation", "a text of ours"]),
    )
    def begin(
        self, wishes: dict[str, object], limits: dict[str, object], register: Register, channel: int, first: str
    ) -> None:
        register = register if channel == SMS else Register()
        self.world = World({**wishes, **limits}, register=register, channel=channel)
        self.heard: list[Receive] = []
        if first == "a conversation":
            self.world.receive("hello")
            self.wait(2)
            if self.world.calls:
                self.world.answer(self.world.calls[0], "Hi, who is this?")
        elif first == "a text of ours":
            self.ask("start")

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

    @rule(replies=REPLIES, state=STATES)
    def converse(self, replies: list[str], state: str) -> None:
        run = self.world.receive("hi")
        if run:
            self.world.answer(run, *replies, state=state)

    @precondition(lambda self: self.world.turn_phase in (TurnPhase.RUNNING, TurnPhase.END_RUNNING))
    @rule()
    def receive_a_flood_during_a_turn(self) -> None:
        self.world.receive(*(f"flood {number}" for number in range(60)))

    @precondition(lambda self: self.world.channel == SMS)
    @rule(said=st.lists(SAID, min_size=1, max_size=3), stated=st.sampled_from([None, None, *Keyword]), late=LATE)
    def receive_keywords(self, said: list[str], stated: Keyword | None, late: int) -> None:
        """What the provider took the first for, and when that came, may be known."""
        moment = self.world.now - timedelta(seconds=late)
        texts = [self.world.text(said[0], stated=stated, receive_time=moment if late else None, fetched=late > 0)]
        texts += [self.world.text(text) for text in said[1:]]
        self.world.happen(texts)
        self.heard += texts

    @precondition(lambda self: self.heard)
    @rule(index=st.integers(0, 5), late=LATE)
    def know_better_when_it_came(self, index: int, late: int) -> None:
        text, known = self.heard[-1 - index % len(self.heard)], self.world.promises.heard
        if text.source_id not in known:
            return
        said = [keyword for keyword, _ in known.values()]
        # Of several the latest is kept: a better moment for it brings an earlier one back with the rest of the list.
        if said.count(known[text.source_id][0]) == 1:
            self.world.receive_again(text, self.world.now - timedelta(seconds=late))

    @precondition(lambda self: self.heard)
    @rule(lags=st.lists(LAGS, min_size=1, max_size=6))
    def read_the_list(self, lags: list[int]) -> None:
        """All that was said to this number, oldest first; some of it long before its webhook came."""
        known = self.world.promises.heard
        if known.keys() - {text.source_id for text in self.heard}:
            return  # neither a refusal nor another number's text stands in this list
        lagging = zip([text for text in self.heard if text.source_id in known], cycle(lags))
        listed = [(text, known[text.source_id][1] - timedelta(seconds=lag)) for text, lag in lagging]
        self.world.read_list(*sorted(listed, key=lambda one: one[1]))

    @precondition(lambda self: self.world.register.scope)
    @rule(keyword=st.sampled_from([Keyword.STOP, Keyword.START]), late=LATE)
    def say_it_to_another_number(self, keyword: Keyword, late: int) -> None:
        self.world.hear_elsewhere(keyword, self.world.now - timedelta(seconds=late))

    # ---- time

    @rule(seconds=STEPS)
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)
        self.world.poll()

    @rule(seconds=SKIPS, behind=BEHIND)
    def skip(self, seconds: int, behind: int | None) -> None:
        self.world.skip(seconds=seconds)
        self.world.time_out(covered=None if behind is None else timedelta(seconds=behind))

    @precondition(lambda self: self.world.thread.session and self.world.thread.session.due_time)
    @rule(behind=BEHIND)
    def look_when_due(self, behind: int | None) -> None:
        self.world.skip_to_due()
        self.world.time_out(covered=None if behind is None else timedelta(seconds=behind))

    @precondition(lambda self: self.world.thread.session and not self.world.calls)
    @rule(state=st.sampled_from([0, 3, 3, 3, 6]), dies=st.booleans())
    def be_silent(self, state: int, dies: bool) -> None:
        """Long enough for a warning, which is delivered or not."""
        if self.world.session.due_time:
            self.world.skip_to_due()
            self.world.time_out()
        if self.world.promises.warned and state:
            self.world.deliver(self.world.promises.warned, state, dies=dies)

    @precondition(lambda self: self.world.channel == SMS and self.world.rows.outbound)
    @rule(index=st.integers(1, 5), state=DELIVERIES, ago=LATE, dies=st.booleans())
    def deliver(self, index: int, state: int, ago: int, dies: bool) -> None:
        messages = self.world.rows.outbound[-5:]
        moment = self.world.now - timedelta(seconds=ago)
        self.world.deliver(messages[-index % len(messages)].id, state, moment, dies=dies)

    # ---- the agent

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5), replies=REPLIES, end=ENDS, state=STATES)
    def answer(self, index: int, replies: list[str], end: str, state: str) -> None:
        call, hand_off = self._call(index), HandOff("desk") if end == "hand off" else None
        self._unless_refused(
            lambda: self.world.answer(call, *replies, state=state, hang_up=end == "hang up", hand_off=hand_off)
        )

    @precondition(lambda self: self.world.calls)
    @rule(end=ENDS)
    def answer_the_latest_call(self, end: str) -> None:
        self.answer(len(self.world.calls) - 1, ["hello"], end, "{}")

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 5), how=WRONG, may_claim=st.booleans())
    def go_wrong(self, index: int, how: str, may_claim: bool) -> None:
        call = self._call(index)
        if how == "fail":
            self._unless_refused(lambda: self.world.fail(call, may_claim))
        elif how == "be away":
            self._unless_refused(lambda: self.world.be_away(call, may_claim))
        elif how == "die":
            self.world.calls.remove(call)
        else:
            self.world.renew(call)

    @precondition(lambda self: self.world.calls)
    @rule(how=st.sampled_from(["fail", "fail", "be away", "die"]), times=st.integers(1, 3), pause=STEPS)
    def go_wrong_again_and_again(self, how: str, times: int, pause: float) -> None:
        for _ in range(times):
            if self.world.calls:
                self.go_wrong(len(self.world.calls) - 1, how, True)
                self.wait(max(pause, 1))

    # ---- people, and other services

    @rule(what=ASKED)
    def ask(self, what: str) -> None:
        if what == "start":
            if self.world.channel == SMS:
                self._unless_refused(lambda: self.world.start_session("your parcel is here"))
        elif what == "retry":
            if self.world.channel == SMS:
                self._unless_refused(lambda: self.world.retry("your parcel was there"))
        elif what == "end an older one":
            self.world.end(next(iter(self.world.rows.sessions), "none"))
        elif self.world.thread.session is None:
            return
        elif what == "send":
            self._unless_refused(lambda: self.world.send("this is Ann"))
        elif what == "hand off":
            self.world.hand_off()
        elif what == "resume":
            self.world.resume()
        else:
            self.world.end()

    def teardown(self) -> None:
        if hasattr(self, "world") and self.world.is_sound:
            self.world.come_to_rest()
            self.world.fall_silent()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_promises_hold_whatever_happens_and_the_thread_comes_to_rest() -> None:
    walks = int(os.environ.get("PARLEY_WALKS", "120"))
    # Steps are told as they are found: what explains them takes far longer than finding them.
    phases = [phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain]
    settings = hypothesis.settings(max_examples=walks, stateful_step_count=50, deadline=None, phases=phases)
    run_state_machine_as_test(ThreadWalk, settings=settings)
