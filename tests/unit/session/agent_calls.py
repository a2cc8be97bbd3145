"""The calls of a thread's agent, counted by other means than turns count them, and checked as they begin and end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from parley_session.domain.effects import RunTurn, TurnOutcome
from parley_session.domain.events import Absence, Answer, Failure, Protocol
from parley_session.domain.split import split, whole
from parley_session.domain.thread import SMS, EndReason, Thread, TurnKind
from tests.unit.session.rows import Rows

PROTOCOL = Protocol()


@dataclass
class AgentCalls:
    rows: Rows
    open: list[RunTurn] = field(default_factory=list)
    """Calls that nobody has heard of yet; those that lost their lease among them."""
    _attempts: dict[str, int] = field(default_factory=dict)
    """Calls of each turn that were delivered, as far as the protocol can know."""
    _away_since: dict[str, datetime] = field(default_factory=dict)

    def begin(self, run: RunTurn, thread: Thread, now: datetime) -> None:
        turn = run.turn
        assert turn.id not in self.rows.outcomes
        assert turn.fence > max((call.turn.fence for call in self.open if call.turn.id == turn.id), default=0)
        assert turn == thread.turn
        if turn.kind is TurnKind.END:
            assert run.session == thread.endings[0]
        else:
            assert run.session == thread.session
            assert (turn.kind is TurnKind.START) is not run.session.started
        assert turn.wake_time == now + PROTOCOL.lease
        self.rows.begin(run)
        self._attempts[turn.id] = self._attempts.get(turn.id, 0) + 1
        assert turn.attempt == self._attempts[turn.id] <= PROTOCOL.attempts, "called too often"
        if turn.fence == 1 and run.texts:
            newest = self.rows.inbound[run.texts[-1].position].receive_time
            assert now >= newest + run.session.settings.settle, "the burst was not waited for"
        self.open.append(run)

    def check_result(self, call: RunTurn, event: Answer | Failure | Absence, thread: Thread, now: datetime) -> None:
        """A result that counts was committed."""
        if self.rows.outcomes.get(call.turn.id) is TurnOutcome.DROPPED:
            assert thread.opt_out.opted_out, "a result that counts was dropped"
        elif isinstance(event, Answer):
            self._check_answered(call, event)
        else:
            self._check_tried(call, event, thread, now)

    def _check_answered(self, call: RunTurn, event: Answer) -> None:
        assert self.rows.outcomes[call.turn.id] is TurnOutcome.ANSWERED
        is_end = call.turn.kind is TurnKind.END
        fit = split if call.thread.channel == SMS else whole
        expected = [] if is_end else [part for text in event.replies for part in fit(text)]
        assert [message.text for message in self.rows.outbound if message.turn_id == call.turn.id] == expected
        session = self.rows.sessions[call.session.id]
        assert session.state == event.state
        assert session.started
        assert is_end or (session.end_reason is EndReason.ENDED_BY_AGENT) is event.hang_up
        assert session.end_reason or session.hand_off == event.hand_off

    def _check_tried(self, call: RunTurn, event: Failure | Absence, thread: Thread, now: datetime) -> None:
        """A turn is given up after its attempts, or after the agent was away for long, and not before."""
        turn = call.turn
        if isinstance(event, Absence):
            self._attempts[turn.id] -= 1
            gone = now - self._away_since.setdefault(turn.id, now)
            # An end(conv) that nobody waits behind waits for its agent for ever.
            given_up = gone >= PROTOCOL.away_limit and (turn.kind is not TurnKind.END or bool(self.rows.untaken))
        else:
            self._away_since.pop(turn.id, None)
            given_up = self._attempts[turn.id] == PROTOCOL.attempts
        assert (turn.id in self.rows.outcomes) is given_up
        assert given_up or (thread.turn and thread.turn.wake_time > now), "tried again without a pause"
