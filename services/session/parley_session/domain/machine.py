"""The state machine of a thread: one table says what each event does in each phase, and where it leads.

Refuses results of turns that have been committed, or claimed again, by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from parley_session.domain import actions
from parley_session.domain.actions import Action, Draft
from parley_session.domain.effects import Decision
from parley_session.domain.events import Absence, Answer, Context, Event, Failure, Receive
from parley_session.domain.thread import Phase, Thread, Turn


class Symbol(Enum):
    """What an event amounts to for the table."""

    RECEIVE = "receive"
    TAKE = "take"
    """Texts wait and no turn is open: somebody has to answer them."""
    CLAIM = "claim"
    RECLAIM = "reclaim"
    """The lease ran out: whoever held it is gone, or too late."""
    ANSWER = "answer"
    HANG_UP = "hang_up"
    RETRY = "retry"
    AWAY = "away"
    GIVE_UP = "give_up"


class Row(NamedTuple):
    next: Phase
    action: Action


class LateResult(Exception):
    """The turn is not open any more, or was claimed again: its result must not count."""


class IllegalTransition(Exception):
    """The table has no row for what happened. Never raised for a thread as the rules leave it."""


Table = dict[tuple[Phase, Symbol], Row]

TABLE: Table = {
    # A text is stored whatever else goes on; it never interrupts a turn.
    (Phase.CLOSED, Symbol.RECEIVE): Row(Phase.CLOSED, actions.store),
    (Phase.IDLE, Symbol.RECEIVE): Row(Phase.IDLE, actions.store),
    (Phase.WAITING, Symbol.RECEIVE): Row(Phase.WAITING, actions.store_and_settle),
    (Phase.RUNNING, Symbol.RECEIVE): Row(Phase.RUNNING, actions.store),
    (Phase.END_WAITING, Symbol.RECEIVE): Row(Phase.END_WAITING, actions.store),
    (Phase.END_RUNNING, Symbol.RECEIVE): Row(Phase.END_RUNNING, actions.store),
    # Waiting texts get a turn, and a session where none is open.
    (Phase.CLOSED, Symbol.TAKE): Row(Phase.WAITING, actions.open_session),
    (Phase.IDLE, Symbol.TAKE): Row(Phase.WAITING, actions.plan_turn),
    # The first claim fixes the input; later ones repeat it under a higher fence.
    (Phase.WAITING, Symbol.CLAIM): Row(Phase.RUNNING, actions.claim),
    (Phase.RUNNING, Symbol.RECLAIM): Row(Phase.RUNNING, actions.claim),
    (Phase.END_WAITING, Symbol.CLAIM): Row(Phase.END_RUNNING, actions.claim),
    (Phase.END_RUNNING, Symbol.RECLAIM): Row(Phase.END_RUNNING, actions.claim),
    # The agent answered.
    (Phase.RUNNING, Symbol.ANSWER): Row(Phase.IDLE, actions.commit_answer),
    (Phase.RUNNING, Symbol.HANG_UP): Row(Phase.END_WAITING, actions.commit_answer_and_end),
    (Phase.END_RUNNING, Symbol.ANSWER): Row(Phase.CLOSED, actions.commit_end),
    (Phase.END_RUNNING, Symbol.HANG_UP): Row(Phase.CLOSED, actions.commit_end),
    # It did not.
    (Phase.RUNNING, Symbol.RETRY): Row(Phase.WAITING, actions.postpone_failed),
    (Phase.END_RUNNING, Symbol.RETRY): Row(Phase.END_WAITING, actions.postpone_failed),
    (Phase.RUNNING, Symbol.AWAY): Row(Phase.WAITING, actions.postpone_away),
    (Phase.END_RUNNING, Symbol.AWAY): Row(Phase.END_WAITING, actions.postpone_away),
    (Phase.RUNNING, Symbol.GIVE_UP): Row(Phase.IDLE, actions.commit_fallback),
    (Phase.END_RUNNING, Symbol.GIVE_UP): Row(Phase.CLOSED, actions.abandon_end),
}


def decide(thread: Thread, events: Iterable[Event], context: Context, table: Table = TABLE) -> Decision:
    """What becomes of `thread` by `events`, in their order, and what has to be written and done for it.

    Texts that arrive together go into one turn. Raises LateResult for a result that must not count; then nothing
    of the others has happened either.
    """
    draft = Draft(thread, context)
    for event in events:
        _fire(draft, _symbol(draft, event), event, table)
    _go_on(draft, table)
    return draft.decision()


def is_due(turn: Turn | None, context: Context) -> bool:
    return turn is not None and turn.wake_time <= context.now


def _go_on(draft: Draft, table: Table) -> None:
    """Gives waiting texts a turn, and the turn its claim, where nothing speaks against it."""
    phase = draft.thread.phase
    if draft.texts_wait and (phase is Phase.IDLE or (phase is Phase.CLOSED and draft.thread.opening)):
        _fire(draft, Symbol.TAKE, None, table)
    turn = draft.thread.turn
    if turn and not turn.claimed and is_due(turn, draft.context) and draft.context.may_claim and draft.input_is_loaded:
        _fire(draft, Symbol.CLAIM, None, table)


def _fire(draft: Draft, symbol: Symbol, event: Event | None, table: Table) -> None:
    phase = draft.thread.phase
    row = table.get((phase, symbol))
    if row is None:
        raise IllegalTransition(f"{symbol.value} in phase {phase.value}")
    row.action(draft, event)
    if draft.thread.phase is not row.next:
        raise IllegalTransition(f"{symbol.value} led from {phase.value} to {draft.thread.phase.value}")


def _symbol(draft: Draft, event: Event) -> Symbol:
    if isinstance(event, Receive):
        return Symbol.RECEIVE
    turn = draft.thread.turn
    protocol = draft.context.protocol
    if isinstance(event, Answer | Failure | Absence):
        if turn is None or not turn.claimed or (turn.id, turn.fence) != (event.turn_id, event.fence):
            raise LateResult
        if isinstance(event, Answer):
            return Symbol.HANG_UP if event.hang_up else Symbol.ANSWER
        if isinstance(event, Absence):
            away_since = turn.away_since or draft.context.now
            return Symbol.AWAY if draft.context.now - away_since < protocol.away_limit else Symbol.GIVE_UP
    elif turn is None or not is_due(turn, draft.context):
        raise LateResult
    elif not turn.claimed:
        return Symbol.CLAIM
    if turn.attempt >= protocol.attempts:
        return Symbol.GIVE_UP
    return Symbol.RETRY if isinstance(event, Failure) else Symbol.RECLAIM
