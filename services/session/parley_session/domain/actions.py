"""What each row of the machine's table does to a thread: the working copy of a decision, and the steps on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from parley_session.domain.effects import (
    Decision,
    InboundMessage,
    OutboundMessage,
    RunTurn,
    TurnChange,
    TurnOutcome,
)
from parley_session.domain.events import Answer, Context, Event, Receive
from parley_session.domain.split import split
from parley_session.domain.thread import EndReason, Session, Text, Thread, Turn, TurnKind

TURN_TEXTS = 50
"""Texts that one turn takes at the most; the rest have the next one."""


class Draft:
    """A decision in the making. Lives inside one call of `decide`."""

    def __init__(self, thread: Thread, context: Context) -> None:
        self.thread = thread
        self.context = context
        self._stored_position = thread.last_position
        self._inbound: list[InboundMessage] = []
        self._outbound: list[OutboundMessage] = []
        self._sessions: dict[str, Session] = {}
        self._turns: dict[str, TurnChange] = {}
        self._attach: str | None = None
        self._run: RunTurn | None = None

    @property
    def session(self) -> Session:
        assert self.thread.session is not None
        return self.thread.session

    @property
    def turn(self) -> Turn:
        assert self.thread.turn is not None
        return self.thread.turn

    @property
    def texts_wait(self) -> bool:
        return self.thread.last_inbound > self.thread.taken

    @property
    def input_is_loaded(self) -> bool:
        """Whether the texts that a claim would fix are here; else the turn waits for a look with fresh eyes."""
        return self.turn.kind is TurnKind.END or bool(self.thread.waiting)

    def decision(self) -> Decision:
        return Decision(
            self.thread,
            tuple(self._inbound),
            tuple(self._outbound),
            tuple(self._sessions.values()),
            tuple(self._turns.values()),
            self._attach,
            self._run,
        )

    def set_session(self, session: Session, *, closed: bool = False) -> None:
        self._sessions[session.id] = session
        self.thread = replace(self.thread, session=None if closed else session)

    def set_turn(self, turn: Turn) -> None:
        self._turns[turn.id] = TurnChange(turn)
        self.thread = replace(self.thread, turn=turn)

    def close_turn(self, outcome: TurnOutcome) -> None:
        """Commits the open turn: what it took is taken."""
        turn = self.turn
        self._turns[turn.id] = TurnChange(turn, outcome)
        taken = max(self.thread.taken, turn.last_position)
        waiting = tuple(text for text in self.thread.waiting if text.position > taken)
        self.thread = replace(self.thread, turn=None, taken=taken, waiting=waiting)

    def receive(self, event: Receive) -> None:
        thread, session = self.thread, self.thread.session
        position = thread.last_position + 1
        text = Text(position, event.text, event.media_urls, event.traceparent)
        joins = session is not None and session.end_reason is None
        self._inbound.append(
            InboundMessage(
                self.context.new_id(),
                event.source_id,
                session.id if session and joins else None,
                position,
                event.text,
                event.media_urls,
                event.traceparent,
            )
        )
        waiting = (*thread.waiting, text) if len(thread.waiting) < TURN_TEXTS else thread.waiting
        self.thread = replace(thread, last_position=position, last_inbound=position, waiting=waiting)

    def adopt_waiting(self, session_id: str) -> None:
        """Gives `session_id` the texts that wait without an open session."""
        self._inbound = [replace(message, session_id=session_id) for message in self._inbound]
        if any(text.position <= self._stored_position for text in self.thread.waiting):
            self._attach = session_id

    def say(self, text: str, *, fallback: bool = False) -> None:
        """Appends an outbound text to the thread, in as many messages as it takes."""
        for part in split(text):
            thread = self.thread
            position, seq = thread.last_position + 1, thread.last_seq + 1
            turn = self.turn
            self._outbound.append(
                OutboundMessage(
                    self.context.new_id(), turn.session_id, turn.id, position, seq, part, fallback, turn.traceparent
                )
            )
            self.thread = replace(thread, last_position=position, last_seq=seq)

    def ask_agent(self) -> None:
        turn = self.turn
        texts = tuple(t for t in self.thread.waiting if turn.first_position <= t.position <= turn.last_position)
        self._run = RunTurn(self.thread, self.session, turn, texts)


Action = Callable[[Draft, Event | None], None]


def store(draft: Draft, event: Event | None) -> None:
    assert isinstance(event, Receive)
    draft.receive(event)


def store_and_settle(draft: Draft, event: Event | None) -> None:
    """Another text of a burst: the turn that waits for its end waits on. A turn that was tried does not."""
    store(draft, event)
    turn, settle = draft.turn, draft.session.settings.settle
    if settle and not turn.fence:
        draft.set_turn(replace(turn, wake_time=draft.context.now + settle))


def open_session(draft: Draft, event: Event | None) -> None:
    opening = draft.thread.opening
    assert opening is not None
    first = draft.thread.waiting[0].position if draft.thread.waiting else draft.thread.taken + 1
    session = Session(draft.context.new_id(), opening.agent, opening.settings, first)
    draft.set_session(session)
    draft.adopt_waiting(session.id)
    plan_turn(draft, event)


def plan_turn(draft: Draft, event: Event | None) -> None:
    session = draft.session
    # An agent whose start() never got through is started by the next turn.
    kind = TurnKind.MESSAGE if session.started else TurnKind.START
    _plan(draft, kind, draft.context.now + session.settings.settle)


def claim(draft: Draft, event: Event | None) -> None:
    turn = draft.turn
    if not turn.last_position and turn.kind is not TurnKind.END:
        waiting = draft.thread.waiting
        turn = replace(turn, first_position=waiting[0].position, last_position=waiting[-1].position)
    draft.set_turn(
        replace(
            turn,
            claimed=True,
            fence=turn.fence + 1,
            attempt=turn.attempt + 1,
            wake_time=draft.context.now + draft.context.protocol.lease,
        )
    )
    draft.ask_agent()


def commit_answer(draft: Draft, event: Event | None) -> None:
    assert isinstance(event, Answer)
    for reply in event.replies:
        draft.say(reply)
    if event.state != draft.session.state or not draft.session.started:
        draft.set_session(replace(draft.session, state=event.state, started=True))
    draft.close_turn(TurnOutcome.ANSWERED)


def commit_answer_and_end(draft: Draft, event: Event | None) -> None:
    commit_answer(draft, event)
    draft.set_session(replace(draft.session, end_reason=EndReason.ENDED_BY_AGENT))
    _plan(draft, TurnKind.END, draft.context.now)


def commit_fallback(draft: Draft, event: Event | None) -> None:
    draft.say(draft.session.settings.fallback_text, fallback=True)
    draft.close_turn(TurnOutcome.FALLBACK)


def commit_end(draft: Draft, event: Event | None) -> None:
    """The session is over, so what end(conv) says is dropped; what it leaves as state is kept."""
    assert isinstance(event, Answer)
    draft.close_turn(TurnOutcome.ANSWERED)
    draft.set_session(replace(draft.session, state=event.state), closed=True)


def abandon_end(draft: Draft, event: Event | None) -> None:
    draft.close_turn(TurnOutcome.FALLBACK)
    draft.set_session(draft.session, closed=True)


def postpone_failed(draft: Draft, event: Event | None) -> None:
    turn, protocol = draft.turn, draft.context.protocol
    pause = protocol.first_pause * 2 ** (turn.attempt - 1)
    _postpone(draft, replace(turn, away_since=None), draft.context.now + pause)


def postpone_away(draft: Draft, event: Event | None) -> None:
    """A call that could not be made is no attempt. The pauses grow with the absence."""
    turn, now, protocol = draft.turn, draft.context.now, draft.context.protocol
    since = turn.away_since or now
    pause = min(max((now - since) / 2, protocol.first_pause), protocol.longest_pause)
    _postpone(draft, replace(turn, attempt=turn.attempt - 1, away_since=since), now + pause)


def _postpone(draft: Draft, turn: Turn, wake_time: datetime) -> None:
    draft.set_turn(replace(turn, claimed=False, wake_time=wake_time))


def _plan(draft: Draft, kind: TurnKind, wake_time: datetime) -> None:
    traceparent = draft.thread.waiting[-1].traceparent if draft.thread.waiting else ""
    draft.set_turn(Turn(draft.context.new_id(), draft.session.id, kind, wake_time, traceparent=traceparent))
