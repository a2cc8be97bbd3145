"""What is due in a session that somebody has to look at: a warning, its grace, an end, or more time (S6 to S9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from parley_session.domain.deliveries import Acceptance, acceptance_of
from parley_session.domain.events import Context
from parley_session.domain.thread import SMS, EndReason, Session, Thread


class Step(Enum):
    WARN = "warn"
    BEGIN_GRACE = "begin_grace"


@dataclass(frozen=True, slots=True)
class Defer:
    """Nothing is due before `due_time`; None for never."""

    due_time: datetime | None


@dataclass(frozen=True, slots=True)
class Ending:
    reason: EndReason
    closing: bool = False
    """Whether the closing text is sent."""


Judgement = Step | Defer | Ending


def judge(thread: Thread, covered: datetime | None, context: Context) -> Judgement | None:
    """What to do about the open session now; None where nothing is due."""
    session, now = thread.session, context.people_time
    if session is None or session.hand_off:
        return None
    if not (_is_due(session, now) or _warning_is_settled(thread, session)):
        return None
    if thread.opt_out.opted_out:
        return Ending(EndReason.OPTED_OUT)
    if session.warning_id:
        return _judge_warned(thread, session, covered, context)
    if thread.texts_wait:
        # The answer is about to be activity.
        return Defer(now + context.protocol.look_again)
    return _judge_silence(thread, session, now)


def _is_due(session: Session, now: datetime) -> bool:
    return session.due_time is not None and session.due_time <= now


def _warning_is_settled(thread: Thread, session: Session) -> bool:
    """The grace begins as soon as it can, not when the session is looked at again."""
    return (
        bool(session.warning_id)
        and not session.grace_end
        and acceptance_of(thread.warning_state) is not Acceptance.OPEN
    )


def _judge_silence(thread: Thread, session: Session, now: datetime) -> Judgement:
    active_time = thread.active_time or now
    if not session.engaged:
        deadline = active_time + session.settings.unengaged_ttl
        return Defer(deadline) if deadline > now else Ending(EndReason.UNANSWERED)
    if session.settings.inactive_after <= timedelta(0):
        return Defer(None)
    deadline = active_time + session.settings.inactive_after
    return Defer(deadline) if deadline > now else Step.WARN


def _judge_warned(thread: Thread, session: Session, covered: datetime | None, context: Context) -> Judgement:
    now = context.people_time
    if session.grace_end is None:
        match acceptance_of(thread.warning_state):
            case Acceptance.OPEN:
                return Defer(now + context.protocol.look_again)
            case Acceptance.ACCEPTED:
                return Step.BEGIN_GRACE
            case Acceptance.OPTED_OUT:
                return Ending(EndReason.OPTED_OUT)
            case Acceptance.REFUSED:
                return Ending(EndReason.INACTIVE)
    if session.grace_end > now:
        return Defer(session.grace_end)
    if thread.channel == SMS and (covered is None or covered < session.grace_end):
        # A reply may have reached the provider and not us: only its own list can tell.
        return Defer(session.grace_end)
    return Ending(EndReason.INACTIVE, closing=True)
