"""A thread in a world without a database: stores what is decided as the store would, and checks each step.

The clock stands still unless told; agents answer when told. Whatever breaks an invariant raises AssertionError.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice

from parley_session.domain.actions import TURN_TEXTS
from parley_session.domain.effects import Decision, InboundMessage, OutboundMessage, RunTurn, TurnOutcome
from parley_session.domain.events import Absence, Answer, Context, Event, Failure, Protocol, Receive, Wake
from parley_session.domain.machine import TABLE, LateResult, Table, decide
from parley_session.domain.split import split
from parley_session.domain.thread import AgentSettings, Opening, Phase, Session, Text, Thread, Turn, TurnKind

START_OF_TIME = datetime(2030, 1, 1, tzinfo=UTC)
PROTOCOL = Protocol()


@dataclass
class StoredText:
    """An inbound message, with the committed turn that took it."""

    text: Text
    session_id: str | None
    taken_by: str = ""
    receive_time: datetime = START_OF_TIME


@dataclass
class World:
    settings: AgentSettings = field(default_factory=AgentSettings)
    table: Table = field(default_factory=lambda: dict(TABLE))
    now: datetime = START_OF_TIME
    thread: Thread = field(default_factory=lambda: Thread("thread", 1, "+15550100", "+15550111"))
    inbound: dict[int, StoredText] = field(default_factory=dict)
    untaken: dict[int, StoredText] = field(default_factory=dict)
    """Those of `inbound` that no committed turn has taken, oldest first."""
    outbound: list[OutboundMessage] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    outcomes: dict[str, TurnOutcome] = field(default_factory=dict)
    """Of committed turns, in the order of their commits."""
    calls: list[RunTurn] = field(default_factory=list)
    """Calls of the agent that nobody has heard of yet; those that lost their lease among them."""
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    """Calls of each turn that were delivered, as far as the protocol can know."""
    away_since: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ids = count(1)

    @property
    def phase(self) -> Phase:
        return self.thread.phase

    @property
    def turn(self) -> Turn:
        assert self.thread.turn is not None
        return self.thread.turn

    @property
    def session(self) -> Session:
        assert self.thread.session is not None
        return self.thread.session

    @property
    def replies(self) -> list[str]:
        return [message.text for message in self.outbound]

    @property
    def waits(self) -> bool:
        return bool(self.untaken)

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def receive(self, *texts: str, may_claim: bool = True) -> RunTurn | None:
        stored = len(self.inbound)
        run = self.happen([Receive(f"source-{next(self._ids)}", text) for text in texts], may_claim=may_claim)
        assert [kept.text.text for kept in list(self.inbound.values())[stored:]] == list(texts), "a text was not stored"
        return run

    def poll(self) -> RunTurn | None:
        """What a replica does that looks for turns whose moment has come."""
        turn = self.thread.turn
        if turn is None or turn.wake_time > self.now:
            return None
        return self.happen([Wake()])

    def answer(
        self, call: RunTurn, *replies: str, state: str = "", hang_up: bool = False, may_claim: bool = True
    ) -> RunTurn | None:
        return self.report(call, Answer(call.turn.id, call.turn.fence, replies, state, hang_up), may_claim=may_claim)

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
        if isinstance(event, Answer):
            self._check_answered(call, event)
        else:
            self._check_tried(call.turn, event)
        return run

    def _check_answered(self, call: RunTurn, event: Answer) -> None:
        assert self.outcomes[call.turn.id] is TurnOutcome.ANSWERED
        expected = [] if call.turn.kind is TurnKind.END else [part for text in event.replies for part in split(text)]
        assert [message.text for message in self.outbound if message.turn_id == call.turn.id] == expected
        assert self.sessions[call.session.id].state == event.state
        assert self.sessions[call.session.id].started
        assert bool(self.sessions[call.session.id].end_reason) is (event.hang_up or call.turn.kind is TurnKind.END)

    def _check_tried(self, turn: Turn, event: Failure | Absence) -> None:
        """A turn is given up after its attempts, or after the agent was away for long, and not before."""
        if isinstance(event, Absence):
            self.attempts[turn.id] -= 1
            gone = self.now - self.away_since.setdefault(turn.id, self.now)
            given_up = gone >= PROTOCOL.away_limit
        else:
            self.away_since.pop(turn.id, None)
            given_up = self.attempts[turn.id] == PROTOCOL.attempts
        assert (turn.id in self.outcomes) is given_up
        assert given_up or self.turn.wake_time > self.now, "tried again without a pause"

    def renew(self, call: RunTurn) -> None:
        turn = self.thread.turn
        if turn and turn.claimed and (turn.id, turn.fence) == (call.turn.id, call.turn.fence):
            self.thread = replace(self.thread, turn=replace(turn, wake_time=self.now + PROTOCOL.lease))

    def happen(self, events: Iterable[Event], *, may_claim: bool = True) -> RunTurn | None:
        """One decision and its commit; returns the turn to run, if it asks for one."""
        context = Context(self.now, lambda: f"id-{next(self._ids)}", may_claim)
        decision = decide(self._read(), list(events), context, self.table)
        self._write(decision)
        return decision.run

    def _read(self) -> Thread:
        """The thread as a new look at the rows shows it: with the oldest waiting texts only."""
        waiting = tuple(stored.text for stored in islice(self.untaken.values(), TURN_TEXTS))
        return replace(self.thread, waiting=waiting, opening=Opening("echo", self.settings))

    def _write(self, decision: Decision) -> None:
        before, self.thread = self.thread, replace(decision.thread, waiting=())
        for text in decision.inbound:
            self._write_inbound(text)
        for session in decision.sessions:
            self._write_session(session)
        for change in decision.turns:
            self._write_turn(change.turn, change.outcome)
        for message in decision.outbound:
            self._write_outbound(message, before)
        for change in decision.turns:
            if change.outcome:
                self._check_committed(change.turn, change.outcome)
        if decision.attach:
            for stored in self.untaken.values():
                stored.session_id = decision.attach
        self._check_positions(before, decision)
        if decision.run:
            self._begin(decision.run)

    def _write_inbound(self, message: InboundMessage) -> None:
        assert message.position not in self.inbound
        text = Text(message.position, message.text, message.media_urls, message.traceparent)
        stored = StoredText(text, message.session_id, receive_time=self.now)
        self.inbound[message.position] = self.untaken[message.position] = stored

    def _write_session(self, session: Session) -> None:
        known = self.sessions.get(session.id)
        if known:
            assert session.end_reason or not known.end_reason, "an ended session was opened again"
            assert session.started or not known.started
        self.sessions[session.id] = session
        assert sum(not s.end_reason for s in self.sessions.values()) <= 1, "two open sessions"

    def _write_turn(self, turn: Turn, outcome: TurnOutcome | None) -> None:
        known = self.turns.get(turn.id)
        assert turn.id not in self.outcomes, "a committed turn was changed"
        if known:
            assert turn.fence >= known.fence, "the fence went back"
            assert (turn.session_id, turn.kind) == (known.session_id, known.kind)
            if known.fence:
                assert (turn.first_position, turn.last_position) == (known.first_position, known.last_position)
        self.turns[turn.id] = turn
        if outcome:
            self.outcomes[turn.id] = outcome
        assert len(self.turns) - len(self.outcomes) <= 1, "two open turns"

    def _write_outbound(self, message: OutboundMessage, before: Thread) -> None:
        self.outbound.append(message)
        assert message.turn_id in self.outcomes, "a text was sent without its turn"
        assert self.turns[message.turn_id].session_id == message.session_id
        assert before.session
        assert before.session.id == message.session_id
        assert before.session.end_reason is None, "a text was sent in an ended session"

    def _begin(self, run: RunTurn) -> None:
        """A call of the agent begins."""
        turn = run.turn
        assert turn.id not in self.outcomes
        assert turn.fence > max((call.turn.fence for call in self.calls if call.turn.id == turn.id), default=0)
        assert run.turn == self.thread.turn
        assert run.session == self.thread.session
        assert turn.wake_time == self.now + PROTOCOL.lease
        texts = tuple(text.text for text in run.texts)
        assert self.inputs.setdefault(turn.id, texts) == texts, "another input for the same turn"
        self.attempts[turn.id] = self.attempts.get(turn.id, 0) + 1
        assert turn.attempt == self.attempts[turn.id] <= PROTOCOL.attempts, "called too often"
        if turn.kind is TurnKind.END:
            assert not texts
            assert run.session.end_reason
        else:
            assert run.texts[0].position == self._oldest_waiting(), "texts were passed over"
            assert (turn.kind is TurnKind.START) is not run.session.started
            if turn.fence == 1:
                self._check_settled(run)
        self.calls.append(run)

    def _check_settled(self, run: RunTurn) -> None:
        newest = self.inbound[run.texts[-1].position].receive_time
        assert self.now >= newest + self.settings.settle, "the burst was not waited for"

    def _oldest_waiting(self) -> int:
        return next(iter(self.untaken))

    def _check_committed(self, turn: Turn, outcome: TurnOutcome) -> None:
        if turn.kind is TurnKind.END:
            assert self.sessions[turn.session_id].end_reason
            assert self.thread.session is None or self.thread.session.id != turn.session_id
            return
        taken = []
        for position in range(turn.first_position, turn.last_position + 1):
            if stored := self.inbound.get(position):
                assert not stored.taken_by, "a text was taken twice"
                assert position == self._oldest_waiting(), "a text was taken before an older one"
                assert stored.session_id == turn.session_id, "a text was answered in a session that is not its own"
                stored.taken_by = turn.id
                taken.append(self.untaken.pop(position).text.text)
        assert tuple(taken) == self.inputs[turn.id], "the turn took other texts than the agent was given"
        sent = [message for message in self.outbound if message.turn_id == turn.id]
        assert [message.fallback for message in sent] == [outcome is TurnOutcome.FALLBACK] * len(sent)
        if outcome is TurnOutcome.FALLBACK:
            assert "".join(message.text for message in sent) == self.settings.fallback_text, "silence"

    def _check_positions(self, before: Thread, decision: Decision) -> None:
        new = [text.position for text in decision.inbound] + [message.position for message in decision.outbound]
        assert sorted(new) == list(range(before.last_position + 1, self.thread.last_position + 1)), "a gap in positions"
        seqs = [message.seq for message in decision.outbound]
        assert seqs == list(range(before.last_seq + 1, self.thread.last_seq + 1)), "a gap in seqs"
        assert [m.position for m in decision.outbound] == sorted(m.position for m in decision.outbound)
        # Replies belong to the turn committed last: those of a later turn never stand before those of an earlier one.
        assert {message.turn_id for message in decision.outbound} <= {next(reversed(self.outcomes), "")}
        assert self.thread.last_inbound == max(self.inbound, default=0)
        oldest = self._oldest_waiting() if self.waits else self.thread.last_position + 1
        assert self.thread.taken < oldest, "a text was lost"

    def come_to_rest(self) -> None:
        """Lets the agent answer and time pass until nothing is left to do. Raises where that never happens."""
        for _ in range(400):
            while self.calls:
                self.drop_or_answer(self.calls[0])
            if self.phase in (Phase.IDLE, Phase.CLOSED) and not self.waits:
                break
            self.advance(0.5)
            self.poll()
        else:
            raise AssertionError(f"stuck in {self.phase}")
        ended = {session.id for session in self.sessions.values() if session.end_reason}
        assert ended == {turn.session_id for turn in self.turns.values() if turn.kind is TurnKind.END}
        assert len(self.outcomes) == len(self.turns)

    def drop_or_answer(self, call: RunTurn) -> None:
        try:
            self.answer(call, "at last")
        except LateResult:
            assert call not in self.calls
