"""The state machine of a thread: two tables say what happens in each phase of its session, and of its turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from parley_session.domain import session_actions, turn_actions
from parley_session.domain.draft import Draft
from parley_session.domain.thread import Phase, TurnPhase


class SessionSymbol(Enum):
    """What can happen to a thread's conversation."""

    RECEIVE = "receive"
    OPEN = "open"
    """Texts wait, and no session is there to answer them."""
    OPEN_OUTBOUND = "open_outbound"
    JOIN = "join"
    """A text of ours that would open a session is sent in the open one."""
    SEND = "send"
    HAND_OFF = "hand_off"
    RESUME = "resume"
    WARN = "warn"
    BEGIN_GRACE = "begin_grace"
    DEFER = "defer"
    END = "end"


class TurnSymbol(Enum):
    """What can happen to a thread's one turn."""

    PLAN = "plan"
    PLAN_END = "plan_end"
    SETTLE = "settle"
    CLAIM = "claim"
    RECLAIM = "reclaim"
    """The lease ran out: whoever held it is gone, or too late."""
    ANSWER = "answer"
    RETRY = "retry"
    AWAY = "away"
    GIVE_UP = "give_up"
    DROP = "drop"
    """Its session ends, or goes to people."""


class Row(NamedTuple):
    next: Phase | TurnPhase
    action: Callable[[Draft, Any], None]


class LateResult(Exception):
    """The turn is not open any more, or was claimed again: its result must not count."""


class IllegalTransition(Exception):
    """The tables have no row for what happened. Never raised for a thread as the rules leave it."""


Table = Mapping[tuple[Phase | TurnPhase, SessionSymbol | TurnSymbol], Row]

SESSION_TABLE: Table = {
    # A text is stored whatever else goes on; it never interrupts a turn.
    (Phase.CLOSED, SessionSymbol.RECEIVE): Row(Phase.CLOSED, session_actions.store),
    (Phase.OPEN, SessionSymbol.RECEIVE): Row(Phase.OPEN, session_actions.store_in_session),
    (Phase.HANDED_OFF, SessionSymbol.RECEIVE): Row(Phase.HANDED_OFF, session_actions.store_for_people),
    # A session is opened by texts that wait, or by one of ours.
    (Phase.CLOSED, SessionSymbol.OPEN): Row(Phase.OPEN, session_actions.open_session),
    (Phase.CLOSED, SessionSymbol.OPEN_OUTBOUND): Row(Phase.OPEN, session_actions.open_outbound),
    (Phase.OPEN, SessionSymbol.JOIN): Row(Phase.OPEN, session_actions.send_opening),
    (Phase.HANDED_OFF, SessionSymbol.JOIN): Row(Phase.HANDED_OFF, session_actions.send_opening),
    # People.
    (Phase.OPEN, SessionSymbol.SEND): Row(Phase.OPEN, session_actions.send_of_person),
    (Phase.HANDED_OFF, SessionSymbol.SEND): Row(Phase.HANDED_OFF, session_actions.send_of_person),
    (Phase.OPEN, SessionSymbol.HAND_OFF): Row(Phase.HANDED_OFF, session_actions.hand_off),
    (Phase.HANDED_OFF, SessionSymbol.RESUME): Row(Phase.OPEN, session_actions.resume),
    # Silence.
    (Phase.OPEN, SessionSymbol.WARN): Row(Phase.OPEN, session_actions.warn),
    (Phase.OPEN, SessionSymbol.BEGIN_GRACE): Row(Phase.OPEN, session_actions.begin_grace),
    (Phase.OPEN, SessionSymbol.DEFER): Row(Phase.OPEN, session_actions.defer),
    # The end, for whatever reason.
    (Phase.OPEN, SessionSymbol.END): Row(Phase.CLOSED, session_actions.end),
    (Phase.HANDED_OFF, SessionSymbol.END): Row(Phase.CLOSED, session_actions.end),
}

TURN_TABLE: Table = {
    (TurnPhase.NONE, TurnSymbol.PLAN): Row(TurnPhase.WAITING, turn_actions.plan),
    (TurnPhase.NONE, TurnSymbol.PLAN_END): Row(TurnPhase.END_WAITING, turn_actions.plan_end),
    (TurnPhase.WAITING, TurnSymbol.SETTLE): Row(TurnPhase.WAITING, turn_actions.settle),
    # The first claim fixes the input; later ones repeat it under a higher fence.
    (TurnPhase.WAITING, TurnSymbol.CLAIM): Row(TurnPhase.RUNNING, turn_actions.claim),
    (TurnPhase.RUNNING, TurnSymbol.RECLAIM): Row(TurnPhase.RUNNING, turn_actions.claim),
    (TurnPhase.END_WAITING, TurnSymbol.CLAIM): Row(TurnPhase.END_RUNNING, turn_actions.claim),
    (TurnPhase.END_RUNNING, TurnSymbol.RECLAIM): Row(TurnPhase.END_RUNNING, turn_actions.claim),
    # The agent answered.
    (TurnPhase.RUNNING, TurnSymbol.ANSWER): Row(TurnPhase.NONE, turn_actions.commit_answer),
    (TurnPhase.END_RUNNING, TurnSymbol.ANSWER): Row(TurnPhase.NONE, turn_actions.commit_end),
    # It did not.
    (TurnPhase.RUNNING, TurnSymbol.RETRY): Row(TurnPhase.WAITING, turn_actions.postpone_failed),
    (TurnPhase.END_RUNNING, TurnSymbol.RETRY): Row(TurnPhase.END_WAITING, turn_actions.postpone_failed),
    (TurnPhase.RUNNING, TurnSymbol.AWAY): Row(TurnPhase.WAITING, turn_actions.postpone_away),
    (TurnPhase.END_RUNNING, TurnSymbol.AWAY): Row(TurnPhase.END_WAITING, turn_actions.postpone_away),
    (TurnPhase.RUNNING, TurnSymbol.GIVE_UP): Row(TurnPhase.NONE, turn_actions.commit_fallback),
    (TurnPhase.END_RUNNING, TurnSymbol.GIVE_UP): Row(TurnPhase.NONE, turn_actions.abandon_end),
    # Nobody waits for its answer any more. An end(conv) is never dropped.
    (TurnPhase.WAITING, TurnSymbol.DROP): Row(TurnPhase.NONE, turn_actions.drop),
    (TurnPhase.RUNNING, TurnSymbol.DROP): Row(TurnPhase.NONE, turn_actions.drop),
}

TABLE: Table = {**SESSION_TABLE, **TURN_TABLE}


class Machine:
    """Moves a draft along the tables, and nowhere else."""

    def __init__(self, draft: Draft, table: Table) -> None:
        self.draft = draft
        self._table = table

    def fire(self, symbol: SessionSymbol | TurnSymbol, event: object = None) -> None:
        before = self._phase(symbol)
        row = self._table.get((before, symbol))
        if row is None:
            raise IllegalTransition(f"{symbol.value} in phase {before.value}")
        row.action(self.draft, event)
        after = self._phase(symbol)
        if after is not row.next:
            raise IllegalTransition(f"{symbol.value} led from {before.value} to {after.value}")

    def _phase(self, symbol: SessionSymbol | TurnSymbol) -> Phase | TurnPhase:
        thread = self.draft.thread
        return thread.phase if isinstance(symbol, SessionSymbol) else thread.turn_phase
