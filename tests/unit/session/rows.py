"""The rows of one thread, written as a store would write them; each write is checked against what stands.

What breaks I1, I4, I6 or I9 raises AssertionError: texts lost or taken twice, gaps in positions or seqs, two open
turns or sessions, an old fence, a text of ours where it does not belong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from parley_session.domain.draft import PENDING, TURN_TEXTS
from parley_session.domain.effects import (
    Decision,
    Done,
    Ignore,
    InboundMessage,
    MessageKind,
    OutboundMessage,
    RunTurn,
    TurnOutcome,
)
from parley_session.domain.thread import Session, Text, Thread, Turn, TurnKind

OF_TURNS = (MessageKind.REPLY, MessageKind.FALLBACK)


@dataclass
class StoredText:
    """An inbound message, with the committed turn that took it or the reason why none will."""

    text: Text
    session_id: str | None
    receive_time: datetime
    ignore_reason: str = ""
    taken_by: str = ""


@dataclass
class Rows:
    inbound: dict[int, StoredText] = field(default_factory=dict)
    untaken: dict[int, StoredText] = field(default_factory=dict)
    """Those of `inbound` that wait for an answer, oldest first."""
    outbound: list[OutboundMessage] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    """What is known of the delivery of outbound messages."""
    canceled: set[str] = field(default_factory=set)
    sessions: dict[str, Session] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    """Sessions in the order of their ends."""
    turns: dict[str, Turn] = field(default_factory=dict)
    outcomes: dict[str, TurnOutcome] = field(default_factory=dict)
    """Of committed turns, in the order of their commits."""
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What the agent was given for each turn that was claimed."""
    requests: dict[str, Done] = field(default_factory=dict)

    def waiting(self) -> tuple[Text, ...]:
        """What a new look shows: the oldest waiting texts only."""
        return tuple(stored.text for stored in islice(self.untaken.values(), TURN_TEXTS))

    def warning_state(self, thread: Thread) -> int:
        warning_id = thread.session.warning_id if thread.session else None
        return self.states[warning_id] if warning_id else 0

    def write(self, before: Thread, decision: Decision, now: datetime) -> None:
        self._write_canceled(decision)
        for text in decision.inbound:
            self._write_inbound(text, now)
        for ignore in decision.ignore:
            self._write_ignored(ignore)
        for session in decision.sessions:
            self._write_session(session)
        for change in decision.turns:
            self._write_turn(change.turn, change.outcome)
        for message in decision.outbound:
            self._write_outbound(message, before.session.id if before.session else None, decision)
        for change in decision.turns:
            if change.outcome:
                self._check_committed(change.turn, change.outcome)
        for stored in self.untaken.values():
            stored.session_id = decision.attach or stored.session_id
        for done in decision.done:
            self._write_done(done, decision)
        self._check_positions(before, decision)

    def _write_canceled(self, decision: Decision) -> None:
        """What is canceled was committed earlier."""
        if decision.cancel_all:
            self.canceled.update(message.id for message in self.outbound if self.states[message.id] < 3)
        for message_id in decision.cancel:
            assert self.states[message_id] == PENDING, "a message that is under way cannot be taken back"
            self.canceled.add(message_id)

    def _write_inbound(self, message: InboundMessage, now: datetime) -> None:
        assert message.position not in self.inbound
        text = Text(message.position, message.text, message.media_urls, message.traceparent)
        stored = StoredText(text, message.session_id, now, message.ignore_reason)
        self.inbound[message.position] = stored
        if not message.ignore_reason:
            self.untaken[message.position] = stored

    def _write_ignored(self, ignore: Ignore) -> None:
        assert ignore.reason in ("opted_out", "handed_off", "turn_limit"), "texts were lost"
        for position in range(ignore.first, ignore.last + 1):
            if stored := self.untaken.pop(position, None):
                stored.ignore_reason = ignore.reason

    def _write_session(self, session: Session) -> None:
        known = self.sessions.get(session.id)
        if known:
            assert session.end_reason or not known.end_reason, "an ended session was opened again"
            assert session.started or not known.started
            assert session.engaged or not known.engaged
            assert session.wishes == known.wishes, "a session keeps the settings that it opened with"
        if session.end_reason and not (known and known.end_reason):
            self.ended.append(session.id)
        if session.end_reason:
            left = (session.warning_id, session.grace_end, session.due_time, session.hand_off)
            assert left == (None, None, None, None), "an ended session is due for something"
        self.sessions[session.id] = session
        assert len(self.sessions) - len(self.ended) <= 1, "two open sessions"

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

    def _write_outbound(self, message: OutboundMessage, open_before: str | None, decision: Decision) -> None:
        self.outbound.append(message)
        self.states[message.id] = PENDING
        session = self.sessions[message.session_id]
        if message.session_id != open_before:
            assert message.kind is MessageKind.OPENING, "a text was sent in a session that is not open"
            assert session == decision.thread.session
        if message.kind is MessageKind.CLOSING:
            assert session.end_reason, "a closing text without an end"
        assert bool(message.turn_id) is (message.kind in OF_TURNS)
        if message.turn_id:
            assert message.turn_id in self.outcomes, "a text was sent without its turn"
            assert self.turns[message.turn_id].session_id == message.session_id

    def _check_committed(self, turn: Turn, outcome: TurnOutcome) -> None:
        if turn.kind is TurnKind.END:
            assert self.sessions[turn.session_id].end_reason
            assert outcome is not TurnOutcome.DROPPED, "an end is never dropped"
            return
        sent = [message for message in self.outbound if message.turn_id == turn.id]
        if outcome is TurnOutcome.DROPPED:
            assert not sent, "a dropped turn said something"
            session = self.sessions[turn.session_id]
            assert session.end_reason or session.hand_off, "a turn was dropped though its session goes on"
            return
        taken = []
        for position in range(turn.first_position, turn.last_position + 1):
            if stored := self.untaken.get(position):
                assert position == next(iter(self.untaken)), "a text was taken before an older one"
                assert stored.session_id == turn.session_id, "a text was answered in a session that is not its own"
                stored.taken_by = turn.id
                taken.append(self.untaken.pop(position).text.text)
        assert tuple(taken) == self.inputs[turn.id], "the turn took other texts than the agent was given"
        kind = MessageKind.FALLBACK if outcome is TurnOutcome.FALLBACK else MessageKind.REPLY
        assert {message.kind for message in sent} <= {kind}
        if outcome is TurnOutcome.FALLBACK:
            fallback = self.sessions[turn.session_id].settings.fallback_text
            assert "".join(message.text for message in sent) == fallback, "silence"

    def _write_done(self, done: Done, decision: Decision) -> None:
        assert done.request.id not in self.requests, "a request was done twice"
        (message,) = (message for message in decision.outbound if message.id == done.message_id)
        assert message.session_id == done.session_id
        self.requests[done.request.id] = done

    def _check_positions(self, before: Thread, decision: Decision) -> None:
        thread = decision.thread
        new = [text.position for text in decision.inbound] + [message.position for message in decision.outbound]
        assert sorted(new) == list(range(before.last_position + 1, thread.last_position + 1)), "a gap in positions"
        seqs = [message.seq for message in decision.outbound]
        assert seqs == list(range(before.last_seq + 1, thread.last_seq + 1)), "a gap in seqs"
        positions = [message.position for message in decision.outbound]
        assert positions == sorted(positions)
        # Replies belong to the turn committed last: those of a later turn never stand before those of an earlier one.
        assert {m.turn_id for m in decision.outbound if m.turn_id} <= {next(reversed(self.outcomes), "")}
        assert thread.texts_wait is bool(self.untaken), "a text was lost"
        if self.untaken:
            assert thread.last_inbound == next(reversed(self.untaken))
            assert thread.taken < next(iter(self.untaken)), "a text was lost"

    def begin(self, run: RunTurn) -> None:
        """The agent is called: with the same input as before, or with the oldest texts that wait, all or many."""
        texts = tuple(text.text for text in run.texts)
        if run.turn.kind is TurnKind.END:
            assert not texts
        elif run.turn.id not in self.inputs:
            oldest = list(islice(self.untaken.values(), TURN_TEXTS))
            assert [stored.text for stored in oldest[: len(texts)]] == list(run.texts), "texts were passed over"
            assert len(texts) >= 1
        if texts:
            first, last = run.texts[0].position, run.texts[-1].position
            assert (run.turn.first_position, run.turn.last_position) == (first, last)
        assert self.inputs.setdefault(run.turn.id, texts) == texts, "another input for the same turn"

    def check_ends(self) -> None:
        """At rest: every session that the agent was started in had one end, after its end, in the order of ends."""
        owed = [session_id for session_id in self.ended if self.sessions[session_id].started]
        assert owed == [turn.session_id for turn in self.turns.values() if turn.kind is TurnKind.END]
        assert len(self.outcomes) == len(self.turns)
        for stored in self.inbound.values():
            assert bool(stored.taken_by) is not bool(stored.ignore_reason), "neither taken nor ignored, or both"
