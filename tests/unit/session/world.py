"""A thread in a world without a database: stores what is decided as the store would, and checks each step.

The clocks stand still unless told; agents answer, and messages are delivered, when told. Whatever breaks a promise
raises AssertionError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from parley_session.domain.decide import decide
from parley_session.domain.effects import Decision, Done, MessageKind, RunTurn
from parley_session.domain.events import (
    Absence,
    Answer,
    Command,
    Confirm,
    Context,
    EndSession,
    Event,
    Failure,
    HandOffSession,
    Receive,
    Refusal,
    Request,
    ResumeSession,
    RetryMessage,
    SendMessage,
    StartSession,
    TimeOut,
    Wake,
)
from parley_session.domain.keywords import Keyword, KeywordMode
from parley_session.domain.machine import TABLE, LateResult, Table
from parley_session.domain.opt_out import NEVER_SAID, OptOut
from parley_session.domain.reception import tells_more
from parley_session.domain.split import split
from parley_session.domain.thread import (
    SMS,
    HandOff,
    Opening,
    Phase,
    Session,
    Thread,
    Turn,
    TurnPhase,
)
from tests.unit.session.agent_calls import PROTOCOL, AgentCalls
from tests.unit.session.promises import ACCEPTED, PARTICIPANT, SUPPRESSED, Promises, Register, Step
from tests.unit.session.rows import Rows

START_OF_TIME = datetime(2030, 1, 1, tzinfo=UTC)
NO_LIMITS = {"text_limit": 0, "repeat_limit": 0, "turn_limit": 0}


@dataclass
class World:
    wishes: Mapping[str, Any] = field(default_factory=dict)
    """What a session that opens now is pinned to."""
    table: Table = field(default_factory=lambda: dict(TABLE))
    register: Register = field(default_factory=Register)
    is_registered: bool = True
    is_sound: bool = True
    """Whether no promise has been broken."""
    channel: int = SMS
    participant: str = PARTICIPANT
    now: datetime = START_OF_TIME
    skipped: timedelta = timedelta(0)
    """How far people's clock is ahead."""
    opt_out: OptOut = NEVER_SAID
    """What is known of the participant in our number's scope: other threads may change it."""
    rows: Rows = field(default_factory=Rows)

    def __post_init__(self) -> None:
        self._ids = count(1)
        endpoint = "+18005550100" if self.register.toll_free else "+15550100"
        self.thread = Thread("thread", self.channel, endpoint, self.participant)
        # Only text messages have keywords, whatever our side is registered for.
        heard = self.register if self.channel == SMS else replace(self.register, keywords=KeywordMode.NONE)
        self.promises = Promises(self.rows, heard)
        self._agent = AgentCalls(self.rows)
        self.last_decision: Decision | None = None
        self.keywords: dict[str, Keyword] = {}
        """Of the texts that are stored as one, by their source ids."""

    # ---- what stands

    @property
    def calls(self) -> list[RunTurn]:
        """Calls of the agent that nobody has heard of yet; those that lost their lease among them."""
        return self._agent.open

    @property
    def phase(self) -> Phase:
        return self.thread.phase

    @property
    def turn_phase(self) -> TurnPhase:
        return self.thread.turn_phase

    @property
    def turn(self) -> Turn:
        assert self.thread.turn is not None
        return self.thread.turn

    @property
    def session(self) -> Session:
        assert self.thread.session is not None
        return self.thread.session

    @property
    def last_session(self) -> Session:
        """The one that ended last."""
        return self.rows.sessions[self.rows.ended[-1]]

    @property
    def said(self) -> list[str]:
        return [message.text for message in self.rows.outbound]

    @property
    def ignored(self) -> dict[str, str]:
        """Why texts will not be answered."""
        return {text.text.text: text.ignore_reason for text in self.rows.inbound.values() if text.ignore_reason}

    @property
    def people_now(self) -> datetime:
        return self.now + self.skipped

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def skip(self, **duration: float) -> None:
        """Moves people's clock alone, as a test clock does."""
        self.skipped += timedelta(**duration)

    # ---- texts and turns

    def receive(self, *texts: str, may_claim: bool = True) -> RunTurn | None:
        return self.happen([self.text(text) for text in texts], may_claim=may_claim)

    def text(self, text: str, **given: Any) -> Receive:
        """A text from the participant that nobody has told us of yet."""
        return Receive(f"source-{next(self._ids)}", text, **given)

    def receive_again(self, text: Receive, moment: datetime) -> None:
        """A text that is stored is found in the provider's list, with a better moment."""
        self.read_list((text, moment))

    def read_list(self, *listed: tuple[Receive, datetime]) -> None:
        """Texts that are stored are found in the provider's list, which tells when they came."""
        found = [replace(text, receive_time=moment, stated=None, fetched=True) for text, moment in listed]
        telling = [text for text in found if tells_more(self._read(), text, self.keywords.get(text.source_id))]
        if telling:
            self.happen([Confirm(text, self.keywords.get(text.source_id)) for text in telling])

    def poll(self) -> RunTurn | None:
        """What a replica does that looks for turns whose moment has come."""
        turn = self.thread.turn
        if turn is None or turn.wake_time > self.now:
            return None
        return self.happen([Wake()])

    def answer(
        self,
        call: RunTurn,
        *replies: str,
        state: str = "",
        hang_up: bool = False,
        hand_off: HandOff | None = None,
        may_claim: bool = True,
    ) -> RunTurn | None:
        event = Answer(call.turn.id, call.turn.fence, replies, state, hang_up, hand_off)
        return self.report(call, event, may_claim=may_claim)

    def fail(self, call: RunTurn, may_claim: bool = True) -> RunTurn | None:
        return self.report(call, Failure(call.turn.id, call.turn.fence), may_claim=may_claim)

    def be_away(self, call: RunTurn, may_claim: bool = True) -> RunTurn | None:
        return self.report(call, Absence(call.turn.id, call.turn.fence), may_claim=may_claim)

    def report(self, call: RunTurn, event: Answer | Failure | Absence, *, may_claim: bool = True) -> RunTurn | None:
        """Commits what became of a call. Raises LateResult if it does not count, having checked that it must not."""
        self.calls.remove(call)
        turn = self.thread.turn
        counts = turn is not None and turn.claimed and (turn.id, turn.fence) == (call.turn.id, call.turn.fence)
        try:
            run = self.happen([event], may_claim=may_claim)
        except LateResult:
            assert not counts, "a result that counts was refused"
            raise
        assert counts, "a result that must not count was taken"
        self._agent.check_result(call, event, self.thread, self.now)
        return run

    def renew(self, call: RunTurn) -> None:
        turn = self.thread.turn
        if turn and turn.claimed and (turn.id, turn.fence) == (call.turn.id, call.turn.fence):
            self.thread = replace(self.thread, turn=replace(turn, wake_time=self.now + PROTOCOL.lease))

    # ---- requests. They raise Refused where they are refused.

    def start_session(self, text: str) -> Done:
        return self._ask(StartSession(self._request(), text))

    def retry(self, text: str) -> Done:
        return self._ask(RetryMessage(self._request(), text))

    def send(self, text: str, session_id: str = "") -> Done:
        return self._ask(SendMessage(self._request(), session_id or self.session.id, text))

    def _request(self) -> Request:
        return Request(f"request-{next(self._ids)}", "fingerprint")

    def _ask(self, command: StartSession | SendMessage | RetryMessage) -> Done:
        was_open = self.thread.session is not None
        self.happen([command])
        done = self.rows.requests[command.request.id]
        (message,) = (message for message in self.rows.outbound if message.id == done.message_id)
        opens = isinstance(command, StartSession) or (isinstance(command, RetryMessage) and not was_open)
        assert message.kind is (MessageKind.OPENING if opens else MessageKind.PERSON)
        assert message.text == split(command.text)[-1]
        return done

    def end(self, session_id: str = "") -> RunTurn | None:
        return self.happen([EndSession(session_id or self.session.id)])

    def hand_off(self, hand_off: HandOff | None = None, session_id: str = "") -> RunTurn | None:
        return self.happen([HandOffSession(session_id or self.session.id, hand_off or HandOff())])

    def resume(self, session_id: str = "") -> RunTurn | None:
        return self.happen([ResumeSession(session_id or self.session.id)])

    # ---- silence, deliveries, opt-outs

    def time_out(self, *, covered: timedelta | None = timedelta(0)) -> RunTurn | None:
        """A look at the session. `covered`: how far behind the provider's list is; None if it has never been read."""
        return self.happen([TimeOut(None if covered is None else self.people_now - covered)])

    def skip_to_due(self) -> None:
        assert self.session.due_time
        self.skipped = max(self.skipped, self.session.due_time - self.now)

    def warn(self) -> str:
        """Lets people's time pass until the session is warned; returns the id of the warning."""
        self.skip(seconds=self.session.settings.inactive_after.total_seconds())
        self.time_out()
        assert self.session.warning_id
        return self.session.warning_id

    def deliver(self, message_id: str, state: int, moment: datetime | None = None, *, dies: bool = False) -> None:
        """A report on a message. `dies`: the process does, between the report's commit and the rules'."""
        known = self.rows.states[message_id]
        if min(state, 5) <= min(known, 5):
            return
        self.rows.states[message_id] = state
        if message_id == self.promises.warned and state in ACCEPTED and known < ACCEPTED[0]:
            self.promises.accepted = self.people_now
        if not dies and state == SUPPRESSED:
            self.happen([Refusal(message_id, moment or self.now)])
        elif not dies and message_id == self.promises.warned:
            self.happen([TimeOut()])

    def hear_elsewhere(self, keyword: Keyword, moment: datetime | None = None) -> None:
        """The participant texts a keyword to another number of our number's scope."""
        source, said = f"elsewhere-{next(self._ids)}", moment or self.now
        self.opt_out = self.opt_out.hear(keyword, said, source)
        self.promises.heard[source] = (keyword, said)

    # ---- steps

    def happen(self, events: Iterable[Event | Command], *, may_claim: bool = True) -> RunTurn | None:
        """One decision and its commit; returns the turn to run, if it asks for one."""
        events = list(events)
        before = self._read()
        context = Context(self.now, lambda: f"id-{next(self._ids)}", may_claim, people_now=self.people_now)
        decision = decide(before, events, context, self.table)
        self.is_sound, self.last_decision = False, decision
        covered = next((event.covered for event in events if isinstance(event, TimeOut)), None)
        self.promises.hear(events, self.now)
        self.rows.write(before, decision, self.now)
        reasons = {keyword.value: keyword for keyword in Keyword}
        self.keywords |= {m.source_id: reasons[m.ignore_reason] for m in decision.inbound if m.ignore_reason in reasons}
        self.thread, self.opt_out = replace(decision.thread, waiting=()), decision.thread.opt_out
        self.promises.check(Step(before, events, decision, self.now, self.people_now, covered))
        if decision.run:
            self._agent.begin(decision.run, self.thread, self.now)
        self.is_sound = True
        return decision.run

    def _read(self) -> Thread:
        """The thread as a new look at the rows shows it."""
        return replace(
            self.thread,
            waiting=self.rows.waiting(),
            opening=self._opening() if self.is_registered else None,
            opt_out=self.opt_out,
            warning_state=self.rows.warning_state(self.thread),
            from_our_number=self.register.from_our_number,
        )

    def _opening(self) -> Opening:
        return Opening("echo", self.wishes, self.register.scope, self.register.keywords)

    # ---- rest

    def come_to_rest(self) -> None:
        """Lets the agent answer and time pass until nothing is left to do. Raises where that never happens."""
        for _ in range(400):
            while self.calls:
                self.drop_or_answer(self.calls[0])
            if self.turn_phase is TurnPhase.NONE and not self.rows.untaken:
                break
            self.advance(0.5)
            self.poll()
        else:
            raise AssertionError(f"stuck in {self.phase}, {self.turn_phase}")
        self.rows.check_ends()

    def drop_or_answer(self, call: RunTurn) -> None:
        try:
            self.answer(call, "at last")
        except LateResult:
            assert call not in self.calls

    def fall_silent(self) -> None:
        """Nobody writes any more: a session that can end by silence does."""
        for _ in range(8):
            if self.thread.session is None:
                break
            if self.session.due_time is None:
                self.end()
            elif self.promises.warned and self.promises.accepted is None:
                self.deliver(self.promises.warned, 3)
                self.skip_to_due()
                self.time_out()
            else:
                self.skip_to_due()
                self.time_out()
        else:
            raise AssertionError("the session never ends")
        self.come_to_rest()


def begun(run: RunTurn | None) -> RunTurn:
    assert run is not None, "no turn was begun"
    return run


def texts(run: RunTurn | None) -> list[str]:
    return [text.text for text in begun(run).texts]
