"""What each row of the turn's table does: planning, claiming, committing and giving up calls of the agent."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from parley_session.domain.draft import Draft
from parley_session.domain.effects import MessageKind, TurnOutcome
from parley_session.domain.events import Answer
from parley_session.domain.thread import Session, Turn, TurnKind


def plan(draft: Draft, event: object) -> None:
    session = draft.session
    # An agent whose start() never got through is started by the next turn.
    kind = TurnKind.MESSAGE if session.started else TurnKind.START
    draft.count_turn()
    _plan(draft, session, kind, draft.context.now + session.settings.settle)


def plan_end(draft: Draft, event: object) -> None:
    _plan(draft, draft.thread.endings[0], TurnKind.END, draft.context.now)


def settle(draft: Draft, event: object) -> None:
    """Another text of a burst: the turn that waits for its end waits on. A turn that was tried does not."""
    pause = draft.session.settings.settle
    if pause and not draft.turn.fence:
        draft.set_turn(replace(draft.turn, wake_time=draft.context.now + pause))


def claim(draft: Draft, event: object) -> None:
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


def commit_answer(draft: Draft, event: Answer) -> None:
    turn = draft.turn
    said = [draft.say(reply, MessageKind.REPLY, draft.session, turn.traceparent, turn.id) for reply in event.replies]
    if any(said):
        draft.touch()
    if event.state != draft.session.state or not draft.session.started:
        draft.set_session(replace(draft.session, state=event.state, started=True))
    draft.close_turn(TurnOutcome.ANSWERED)


def commit_fallback(draft: Draft, event: object) -> None:
    turn = draft.turn
    draft.touch()
    draft.say(draft.session.settings.fallback_text, MessageKind.FALLBACK, draft.session, turn.traceparent, turn.id)
    draft.close_turn(TurnOutcome.FALLBACK)


def commit_end(draft: Draft, event: Answer) -> None:
    """The session is over, so what end(conv) says is dropped; what it leaves as state is kept."""
    ended = draft.turn_session
    draft.close_turn(TurnOutcome.ANSWERED)
    draft.finish_ending(replace(ended, state=event.state))


def abandon_end(draft: Draft, event: object) -> None:
    ended = draft.turn_session
    draft.close_turn(TurnOutcome.FALLBACK)
    draft.finish_ending(ended)


def drop(draft: Draft, event: object) -> None:
    """What the agent may still answer is refused, since the turn is not open any more. Its texts wait on."""
    draft.close_turn(TurnOutcome.DROPPED)


def postpone_failed(draft: Draft, event: object) -> None:
    turn, protocol = draft.turn, draft.context.protocol
    pause = protocol.first_pause * 2 ** (turn.attempt - 1)
    _postpone(draft, replace(turn, away_since=None), draft.context.now + pause)


def postpone_away(draft: Draft, event: object) -> None:
    """A call that could not be made is no attempt. The pauses grow with the absence."""
    turn, now, protocol = draft.turn, draft.context.now, draft.context.protocol
    since = turn.away_since or now
    pause = min(max((now - since) / 2, protocol.first_pause), protocol.longest_pause)
    _postpone(draft, replace(turn, attempt=turn.attempt - 1, away_since=since), now + pause)


def _postpone(draft: Draft, turn: Turn, wake_time: datetime) -> None:
    draft.set_turn(replace(turn, claimed=False, wake_time=wake_time))


def _plan(draft: Draft, session: Session, kind: TurnKind, wake_time: datetime) -> None:
    traceparent = draft.thread.waiting[-1].traceparent if draft.thread.waiting else ""
    draft.set_turn(Turn(draft.context.new_id(), session.id, kind, wake_time, traceparent=traceparent))
