"""Decides what becomes of a thread by what happens to it: events in, rows of the machine's tables fired, effects out.

Refuses results of turns that have been committed, or claimed again, by somebody else; and requests that the thread's
state forbids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from parley_session.domain.draft import Draft
from parley_session.domain.effects import Decision
from parley_session.domain.events import (
    Absence,
    Answer,
    Confirm,
    Context,
    EndSession,
    Event,
    Failure,
    HandOffSession,
    Receive,
    Refusal,
    ResumeSession,
    RetryMessage,
    SendMessage,
    StartSession,
    TimeOut,
    Wake,
)
from parley_session.domain.keywords import Keyword
from parley_session.domain.machine import TABLE, LateResult, Machine, SessionSymbol, Table, TurnSymbol
from parley_session.domain.reception import ignore_reason, keyword_in
from parley_session.domain.settings import OnOpenSession, settings_of
from parley_session.domain.thread import EndReason, Phase, Thread, Turn, TurnKind, TurnPhase
from parley_session.domain.time_out import Defer, Ending, Step, judge

TALKING = (TurnPhase.WAITING, TurnPhase.RUNNING)


class Refused(Exception):
    """The thread's state forbids the request. `reason` is that of the session API's errors."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decide(thread: Thread, events: Iterable[Event], context: Context, table: Table = TABLE) -> Decision:
    """What becomes of `thread` by `events`, in their order, and what has to be written and done for it.

    Texts that arrive together go into one turn. Raises LateResult for a result that must not count, and Refused; then
    nothing of the others has happened either.
    """
    machine = Machine(Draft(thread, context), table)
    happened = list(events)
    _confirm(machine, [event for event in happened if isinstance(event, Confirm)])
    for event in happened:
        _happen(machine, event)
    if machine.draft.thread.opt_out.opted_out:
        _leave_alone(machine)
    _go_on(machine)
    return machine.draft.decision()


def is_due(turn: Turn | None, context: Context) -> bool:
    return turn is not None and turn.wake_time <= context.now


def _happen(machine: Machine, event: Event) -> None:
    match event:
        case Receive():
            _receive(machine, event)
        case Answer() | Failure() | Absence():
            _conclude(machine, event)
        case Wake():
            _wake(machine)
        case TimeOut():
            _time_out(machine, event)
        case StartSession():
            _start_session(machine, event)
        case RetryMessage():
            _retry_message(machine, event)
        case Refusal():
            _hear(machine, Keyword.STOP, event.moment, event.message_id)
        case SendMessage() | HandOffSession() | ResumeSession() | EndSession():
            _command(machine, event)


def _go_on(machine: Machine) -> None:
    """Gives an ended session its end(conv), waiting texts a turn, and the turn its claim, where nothing speaks
    against it."""
    draft = machine.draft
    while draft.thread.turn is None:
        phase = draft.thread.phase
        if draft.thread.endings:
            machine.fire(TurnSymbol.PLAN_END)
        elif not draft.texts_wait:
            return
        elif draft.is_looping():
            _stop_looping(machine)
        elif phase is Phase.OPEN:
            machine.fire(TurnSymbol.PLAN)
        elif draft.thread.opening:
            machine.fire(SessionSymbol.OPEN)
        else:
            return
    turn = draft.turn
    if not turn.claimed and is_due(turn, draft.context) and draft.context.may_claim and draft.input_is_loaded:
        machine.fire(TurnSymbol.CLAIM)


# ---- texts


def _receive(machine: Machine, event: Receive) -> None:
    draft = machine.draft
    keyword = keyword_in(draft, event)
    if keyword:
        draft.receive(event, keyword.value)
        _hear(machine, keyword, _said_at(event, draft.context), event.source_id)
    elif reason := ignore_reason(draft, event):
        draft.receive(event, reason)
    else:
        machine.fire(SessionSymbol.RECEIVE, event)
        if draft.thread.turn_phase is TurnPhase.WAITING:
            machine.fire(TurnSymbol.SETTLE)


def _confirm(machine: Machine, events: Sequence[Confirm]) -> None:
    """It matters when exactly a keyword came, and that it is one, where the list showed it first. What a text was
    stored as, it stays.

    Only what all of them come to counts: what the first takes back may be said by the next.
    """
    draft = machine.draft
    before = draft.thread.opt_out
    for event in events:
        text, known = event.text, draft.thread.opt_out
        keyword = known.heard_from(text.source_id) or event.stored_as or text.stated
        if keyword and keyword is not Keyword.HELP and text.receive_time:
            draft.hear(known.hear(keyword, _said_at(text, draft.context), text.source_id))
    if draft.thread.opt_out != before and draft.thread.opt_out.opted_out:
        draft.cancel_all()
        _leave_alone(machine)


def _said_at(text: Receive, context: Context) -> datetime:
    """When a text was said; a clock that is far ahead must not say what nobody could take back."""
    if text.receive_time is None or text.receive_time > context.now + context.protocol.skew:
        return context.now
    return text.receive_time


def _hear(machine: Machine, keyword: Keyword, moment: datetime, source: str) -> None:
    """A wish for no more texts, or for texts again."""
    if keyword is Keyword.HELP:
        return
    draft = machine.draft
    before, after = draft.thread.opt_out, draft.thread.opt_out.hear(keyword, moment, source)
    draft.hear(after)
    if after.opted_out and (keyword is Keyword.STOP or not before.opted_out):
        draft.cancel_all()
        _leave_alone(machine)


def _leave_alone(machine: Machine) -> None:
    """Who has opted out, be it at another of our numbers, is in no session, and nothing of theirs is answered."""
    _end(machine, Ending(EndReason.OPTED_OUT))
    machine.draft.ignore_waiting("opted_out")


def _stop_looping(machine: Machine) -> None:
    _end(machine, Ending(EndReason.LOOP))
    machine.draft.ignore_waiting("turn_limit")


def _end(machine: Machine, ending: Ending) -> None:
    """Ends the open session, if there is one; what the agent may still answer in it is refused."""
    if machine.draft.thread.session is None:
        return
    if ending.reason is EndReason.OPTED_OUT:
        machine.draft.cancel_all()
    _drop_turn(machine)
    machine.fire(SessionSymbol.END, ending)


def _drop_turn(machine: Machine) -> None:
    if machine.draft.thread.turn_phase in TALKING:
        machine.fire(TurnSymbol.DROP)


# ---- turns


def _conclude(machine: Machine, event: Answer | Failure | Absence) -> None:
    turn, context = machine.draft.thread.turn, machine.draft.context
    if turn is None or not turn.claimed or (turn.id, turn.fence) != (event.turn_id, event.fence):
        raise LateResult
    if _is_for_nobody(machine):
        return
    match event:
        case Answer():
            machine.fire(TurnSymbol.ANSWER, event)
            if turn.kind is TurnKind.END:
                return
            if event.hang_up:
                _end(machine, Ending(EndReason.ENDED_BY_AGENT))
            elif event.hand_off:
                machine.fire(SessionSymbol.HAND_OFF, event)
        case Absence():
            gone = context.now - (turn.away_since or context.now)
            # An end(conv) keeps nobody waiting, unless somebody has written since.
            patient = turn.kind is TurnKind.END and not machine.draft.texts_wait
            may_wait = patient or gone < context.protocol.away_limit
            machine.fire(TurnSymbol.AWAY if may_wait else TurnSymbol.GIVE_UP)
        case Failure():
            machine.fire(TurnSymbol.RETRY if turn.attempt < context.protocol.attempts else TurnSymbol.GIVE_UP)


def _wake(machine: Machine) -> None:
    turn, context = machine.draft.thread.turn, machine.draft.context
    if turn is None or not is_due(turn, context):
        raise LateResult
    if _is_for_nobody(machine):
        return
    if not turn.claimed:
        machine.fire(TurnSymbol.CLAIM)
    else:
        machine.fire(TurnSymbol.RECLAIM if turn.attempt < context.protocol.attempts else TurnSymbol.GIVE_UP)


def _is_for_nobody(machine: Machine) -> bool:
    """Whether the open turn is about to be dropped, since the participant has opted out at another of our numbers."""
    thread = machine.draft.thread
    return thread.opt_out.opted_out and thread.turn_phase in TALKING


# ---- silence


def _time_out(machine: Machine, event: TimeOut) -> None:
    draft = machine.draft
    match judge(draft.thread, event.covered, draft.context):
        case Step.WARN:
            machine.fire(SessionSymbol.WARN)
        case Step.BEGIN_GRACE:
            machine.fire(SessionSymbol.BEGIN_GRACE)
        case Defer() as defer:
            machine.fire(SessionSymbol.DEFER, defer)
        case Ending() as ending:
            _end(machine, ending)


# ---- requests


def _start_session(machine: Machine, event: StartSession) -> None:
    thread = machine.draft.thread
    if thread.opening is None:
        raise Refused("NO_NUMBER")
    if thread.from_our_number:
        raise Refused("OWN_NUMBER")
    _refuse_opted_out(thread)
    if thread.session:
        # What the agent wants now counts, not what it wanted when the older session opened.
        match settings_of(thread.opening.wishes).on_open_session:
            case OnOpenSession.REJECT:
                raise Refused("OPEN_SESSION")
            case OnOpenSession.JOIN:
                machine.fire(SessionSymbol.JOIN, event)
                return
            case OnOpenSession.SUPERSEDE:
                _end(machine, Ending(EndReason.SUPERSEDED))
    _open_outbound(machine, event)


def _open_outbound(machine: Machine, event: StartSession | RetryMessage) -> None:
    if machine.draft.texts_wait and machine.draft.is_looping():
        # They would end the session that they are the first texts of.
        machine.draft.ignore_waiting("turn_limit")
    machine.fire(SessionSymbol.OPEN_OUTBOUND, event)


def _retry_message(machine: Machine, event: RetryMessage) -> None:
    thread = machine.draft.thread
    _refuse_opted_out(thread)
    if thread.session:
        machine.fire(SessionSymbol.SEND, event)
    elif thread.opening is None:
        raise Refused("NO_NUMBER")
    else:
        _open_outbound(machine, event)


def _refuse_opted_out(thread: Thread) -> None:
    if thread.opt_out.opted_out:
        raise Refused("OPTED_OUT")


def _command(machine: Machine, event: SendMessage | HandOffSession | ResumeSession | EndSession) -> None:
    """Requests about one session, made again without harm."""
    thread = machine.draft.thread
    if thread.session is None or thread.session.id != event.session_id:
        if isinstance(event, EndSession):
            return
        raise Refused("SESSION_ENDED")
    match event:
        case SendMessage():
            _refuse_opted_out(thread)
            machine.fire(SessionSymbol.SEND, event)
        case HandOffSession() if thread.phase is Phase.OPEN:
            _drop_turn(machine)
            machine.fire(SessionSymbol.HAND_OFF, event)
        case ResumeSession() if thread.phase is Phase.HANDED_OFF:
            machine.fire(SessionSymbol.RESUME)
        case EndSession():
            _end(machine, Ending(EndReason.ENDED_BY_REQUEST))
