"""The working copy of a decision: the thread as it changes, and what has to be written and done for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from parley_session.domain.effects import (
    Decision,
    Done,
    Ignore,
    InboundMessage,
    MessageKind,
    OutboundMessage,
    RunTurn,
    TurnChange,
    TurnOutcome,
)
from parley_session.domain.events import Context, Receive, Request
from parley_session.domain.opt_out import OptOut
from parley_session.domain.split import split, whole
from parley_session.domain.thread import SMS, Session, Text, Thread, Turn, TurnKind

TURN_TEXTS = 50
"""Texts that one turn takes at the most; the rest have the next one."""

PENDING = 1
"""The session API's DeliveryState of a message that nothing is known of yet."""


class Draft:
    """Lives inside one call of `decide`."""

    def __init__(self, thread: Thread, context: Context) -> None:
        self.thread = thread
        self.context = context
        self._stored_inbound = thread.last_inbound
        self._inbound: list[InboundMessage] = []
        self._outbound: list[OutboundMessage] = []
        self._sessions: dict[str, Session] = {}
        self._turns: dict[str, TurnChange] = {}
        self._attach: str | None = None
        self._run: RunTurn | None = None
        self._ignore: list[Ignore] = []
        self._cancel: list[str] = []
        self._cancel_all = False
        self._stored_opt_out = thread.opt_out
        self._corrections: list[OptOut] = []
        self._done: list[Done] = []

    def decision(self) -> Decision:
        return Decision(
            self.thread,
            tuple(self._inbound),
            tuple(self._outbound),
            tuple(self._sessions.values()),
            tuple(self._turns.values()),
            self._attach,
            self._run,
            tuple(self._ignore),
            tuple(self._cancel),
            self._cancel_all,
            self.thread.opt_out != self._stored_opt_out,
            tuple(self._done),
            tuple(self._corrections),
        )

    # ---- what stands

    @property
    def session(self) -> Session:
        assert self.thread.session is not None
        return self.thread.session

    @property
    def turn(self) -> Turn:
        assert self.thread.turn is not None
        return self.thread.turn

    @property
    def turn_session(self) -> Session:
        """The session that the open turn belongs to: an ended one for end(conv)."""
        return self.thread.endings[0] if self.turn.kind is TurnKind.END else self.session

    @property
    def texts_wait(self) -> bool:
        return self.thread.texts_wait

    @property
    def first_waiting(self) -> int:
        """Position from which on texts wait."""
        return self.thread.waiting[0].position if self.thread.waiting else self.thread.taken + 1

    @property
    def input_is_loaded(self) -> bool:
        """Whether the texts that a claim would fix are here; else the turn waits for a look with fresh eyes."""
        return self.turn.kind is TurnKind.END or bool(self.thread.waiting)

    @property
    def moment(self) -> int:
        """The time of people's deadlines, as paces count it."""
        return int(self.context.people_time.timestamp() * 1000)

    # ---- sessions and turns

    def set_session(self, session: Session) -> None:
        self._sessions[session.id] = session
        self.thread = replace(self.thread, session=session)

    def close_session(self, session: Session) -> None:
        """`session` has its end reason. An agent that was never started has nothing to end."""
        self._sessions[session.id] = session
        endings = (*self.thread.endings, session) if session.started else self.thread.endings
        self.thread = replace(self.thread, session=None, endings=endings)

    def set_turn(self, turn: Turn) -> None:
        self._turns[turn.id] = TurnChange(turn)
        self.thread = replace(self.thread, turn=turn)

    def close_turn(self, outcome: TurnOutcome) -> None:
        """Commits the open turn: what it took is taken, unless it is dropped."""
        turn = self.turn
        self._turns[turn.id] = TurnChange(turn, outcome)
        self.thread = replace(self.thread, turn=None)
        if outcome is not TurnOutcome.DROPPED:
            self._take(turn.last_position)

    def finish_ending(self, session: Session) -> None:
        """The ended session's end(conv) is done, or given up."""
        self._sessions[session.id] = session
        self.thread = replace(self.thread, endings=self.thread.endings[1:])

    def ask_agent(self) -> None:
        turn = self.turn
        texts = tuple(t for t in self.thread.waiting if turn.first_position <= t.position <= turn.last_position)
        self._run = RunTurn(self.thread, self.turn_session, turn, texts)

    def touch(self) -> None:
        """Somebody wrote: the time of silence begins anew, and a warning is void."""
        now = self.context.people_time
        self.thread = replace(self.thread, active_time=now)
        session = self.thread.session
        if session and session.warning_id:
            self.cancel_warning()
            due_time = now + session.settings.inactive_after
            self.set_session(replace(session, warning_id=None, grace_end=None, due_time=due_time))

    # ---- messages

    def receive(self, event: Receive, ignore_reason: str = "") -> None:
        """Stores a text, in the open session if there is one; what is ignored waits for no turn."""
        thread = self.thread
        position = thread.last_position + 1
        self._inbound.append(
            InboundMessage(
                self.context.new_id(),
                event.source_id,
                thread.session.id if thread.session else None,
                position,
                event.text,
                event.media_urls,
                event.traceparent,
                ignore_reason,
            )
        )
        self.thread = replace(thread, last_position=position)
        if ignore_reason:
            return
        text = Text(position, event.text, event.media_urls, event.traceparent)
        waiting = (*thread.waiting, text) if len(thread.waiting) < TURN_TEXTS else thread.waiting
        self.thread = replace(self.thread, last_inbound=position, waiting=waiting)

    def adopt_waiting(self, session_id: str) -> None:
        """Gives the open session `session_id` the texts that no turn has taken, and what was ignored behind them."""
        first = self.session.first_position
        self._inbound = [
            replace(message, session_id=session_id)
            if message.position >= first and not (message.session_id and message.ignore_reason)
            else message
            for message in self._inbound
        ]
        if self.thread.taken < self._stored_inbound:
            self._attach = session_id

    def ignore_waiting(self, reason: str) -> None:
        """Nobody will answer the texts that wait."""
        if not self.texts_wait:
            return
        taken, last = self.thread.taken, self.thread.last_inbound
        self._inbound = [
            replace(message, ignore_reason=message.ignore_reason or reason) if message.position > taken else message
            for message in self._inbound
        ]
        if taken < self._stored_inbound:
            self._ignore.append(Ignore(taken + 1, self._stored_inbound, reason))
        self._take(last)

    def say(
        self,
        text: str,
        kind: MessageKind,
        session: Session,
        traceparent: str,
        turn_id: str | None = None,
        *,
        at_most_once: bool = False,
    ) -> str:
        """Appends an outbound text to the thread, in as many messages as it takes; returns the last one's id."""
        message_id = ""
        expire_time = self.context.now + session.settings.validity
        for part in split(text) if self.thread.channel == SMS else whole(text):
            thread = self.thread
            position, seq = thread.last_position + 1, thread.last_seq + 1
            message_id = self.context.new_id()
            self._outbound.append(
                OutboundMessage(
                    message_id,
                    session.id,
                    turn_id,
                    position,
                    seq,
                    part,
                    kind,
                    traceparent,
                    at_most_once,
                    expire_time,
                )
            )
            self.thread = replace(thread, last_position=position, last_seq=seq)
        return message_id

    def cancel_warning(self) -> None:
        """Nobody has to be warned any more, unless it is too late not to."""
        warning_id = self.session.warning_id
        if warning_id and self.thread.warning_state == PENDING:
            self._cancel.append(warning_id)

    def cancel_all(self) -> None:
        self._cancel_all = True

    def hear(self, opt_out: OptOut) -> None:
        if opt_out.takes_back(self.thread.opt_out):
            self._corrections.append(opt_out)
        self.thread = replace(self.thread, opt_out=opt_out)

    def finish_request(self, request: Request, session_id: str, message_id: str) -> None:
        self._done.append(Done(request, session_id, message_id))

    # ---- pace

    def count_turn(self) -> None:
        pace = self.thread.pace.take_turn(self.moment, self.thread.settings)
        self.thread = replace(self.thread, pace=pace)

    def is_looping(self) -> bool:
        return self.thread.pace.is_looping(self.moment, self.thread.settings)

    def pace_text(self, event: Receive) -> str:
        """Counts a text; why it is too much, or nothing. A text that came late is counted when it came."""
        late = self.context.now - event.receive_time if event.receive_time else timedelta(0)
        moment = self.moment - max(int(late.total_seconds() * 1000), 0)
        pace, reason = self.thread.pace.hear(event.text, event.media_urls, moment, self.thread.settings)
        self.thread = replace(self.thread, pace=pace)
        return reason

    def _take(self, position: int) -> None:
        taken = max(self.thread.taken, position)
        waiting = tuple(text for text in self.thread.waiting if text.position > taken)
        self.thread = replace(self.thread, taken=taken, waiting=waiting)
