"""What each row of the session's table does: opening and ending sessions, texts of people, warnings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from parley_session.domain.draft import Draft
from parley_session.domain.effects import MessageKind
from parley_session.domain.events import Answer, HandOffSession, Receive, RetryMessage, SendMessage, StartSession
from parley_session.domain.settings import settings_of
from parley_session.domain.thread import SMS, HandOff, Session
from parley_session.domain.time_out import Defer, Ending


def store(draft: Draft, event: Receive) -> None:
    draft.receive(event)


def store_in_session(draft: Draft, event: Receive) -> None:
    store(draft, event)
    _engage(draft)


def store_for_people(draft: Draft, event: Receive) -> None:
    draft.receive(event, "handed_off")
    _engage(draft)


def open_session(draft: Draft, event: object) -> None:
    """Texts wait, and nobody is there to answer them: they open a session."""
    session = replace(_new_session(draft, draft.first_waiting), engaged=True)
    draft.set_session(replace(session, due_time=_silence_from(draft.context.people_time, session)))
    draft.adopt_waiting(session.id)


def open_outbound(draft: Draft, event: StartSession | RetryMessage) -> None:
    """A text of ours opens a session. Texts that no turn has taken are its participant's first."""
    first = draft.first_waiting if draft.texts_wait else draft.thread.last_position + 1
    session = replace(_new_session(draft, first), outbound=True)
    draft.set_session(replace(session, due_time=draft.context.people_time + session.settings.unengaged_ttl))
    send_opening(draft, event)
    if draft.texts_wait:
        draft.adopt_waiting(session.id)
        _engage(draft)


def send_opening(draft: Draft, event: StartSession | RetryMessage) -> None:
    _send(draft, event, MessageKind.OPENING)


def send_of_person(draft: Draft, event: SendMessage | RetryMessage) -> None:
    _send(draft, event, MessageKind.PERSON)


def hand_off(draft: Draft, event: HandOffSession | Answer) -> None:
    """What waits for an answer is for people from here on."""
    draft.ignore_waiting("handed_off")
    draft.cancel_warning()
    session = replace(draft.session, hand_off=event.hand_off or HandOff())
    draft.set_session(replace(session, warning_id=None, grace_end=None, due_time=None))


def resume(draft: Draft, event: object) -> None:
    now = draft.context.people_time
    session = replace(draft.session, hand_off=None)
    due_time = _silence_from(now, session) if session.engaged else now + session.settings.unengaged_ttl
    draft.thread = replace(draft.thread, active_time=now)
    draft.set_session(replace(session, due_time=due_time))


def warn(draft: Draft, event: object) -> None:
    """A warning is no activity. Its grace begins when the provider has accepted it; where there is none, at once."""
    session, now = draft.session, draft.context.people_time
    warning_id = draft.say(session.settings.warning_text, MessageKind.WARNING, session, "")
    if draft.thread.channel == SMS:
        draft.set_session(replace(session, warning_id=warning_id, due_time=now + draft.context.protocol.look_again))
    else:
        draft.set_session(replace(session, warning_id=warning_id))
        begin_grace(draft, event)


def begin_grace(draft: Draft, event: object) -> None:
    session = draft.session
    grace_end = draft.context.people_time + session.settings.grace
    draft.set_session(replace(session, grace_end=grace_end, due_time=grace_end))


def defer(draft: Draft, event: Defer) -> None:
    """The session has more time than its due_time said."""
    if draft.session.due_time != event.due_time:
        draft.set_session(replace(draft.session, due_time=event.due_time))


def end(draft: Draft, event: Ending) -> None:
    draft.cancel_warning()
    session = draft.session
    if event.closing and session.settings.closing_text:
        draft.say(session.settings.closing_text, MessageKind.CLOSING, session, "")
    draft.close_session(
        replace(session, end_reason=event.reason, hand_off=None, warning_id=None, grace_end=None, due_time=None)
    )


def _send(draft: Draft, event: StartSession | SendMessage | RetryMessage, kind: MessageKind) -> None:
    draft.touch()
    session = draft.session
    message_id = draft.say(event.text, kind, session, event.traceparent, at_most_once=event.at_most_once)
    draft.finish_request(event.request, session.id, message_id)


def _engage(draft: Draft) -> None:
    """The participant has written."""
    draft.touch()
    session = draft.session
    if not session.engaged:
        due_time = None if session.hand_off else _silence_from(draft.context.people_time, session)
        draft.set_session(replace(session, engaged=True, due_time=due_time))


def _new_session(draft: Draft, first_position: int) -> Session:
    opening = draft.thread.opening
    assert opening is not None
    now = draft.context.people_time
    draft.thread = replace(draft.thread, active_time=now)
    return Session(draft.context.new_id(), opening.agent, opening.wishes, settings_of(opening.wishes), first_position)


def _silence_from(moment: datetime, session: Session) -> datetime | None:
    after = session.settings.inactive_after
    return moment + after if after > timedelta(0) else None
