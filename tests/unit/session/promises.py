"""What a thread's people are promised, kept by other means than the rules keep it, and checked after each step.

I7: nothing is said to who has opted out. I8: warnings and ends by silence come in time and never too early. S10, S11:
who gets a text. The limits. Whatever is broken raises AssertionError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from parley_session.domain.effects import Decision, InboundMessage, MessageKind
from parley_session.domain.events import (
    Answer,
    Confirm,
    EndSession,
    Event,
    Protocol,
    Receive,
    Refusal,
    ResumeSession,
    StartSession,
)
from parley_session.domain.keywords import Keyword, KeywordMode
from parley_session.domain.settings import SessionSettings
from parley_session.domain.thread import SMS, EndReason, Session, Thread, TurnKind
from tests.unit.session.rows import Rows

WORDS = {
    "STOP": Keyword.STOP,
    "Stop.": Keyword.STOP,
    " quit\n": Keyword.STOP,
    "START": Keyword.START,
    "unstop!": Keyword.START,
    "HELP": Keyword.HELP,
}
"""The keywords that worlds know, as they are written there."""
YES = "Yes"
PARTICIPANT = "+15550111"
"""Anybody else in these tests is no number that a text could go to."""

ACTIVITY = (MessageKind.REPLY, MessageKind.FALLBACK, MessageKind.OPENING, MessageKind.PERSON)
ACCEPTED, REFUSED, SUPPRESSED = (3, 4, 5, 7), (6, 9, 10, 11), 8
NEVER = timedelta(0)
SECONDS, MINUTE, TEN_MINUTES = timedelta(seconds=2), timedelta(minutes=1), timedelta(minutes=10)


@dataclass(frozen=True)
class Register:
    """Our number's side of a thread."""

    scope: str = ""
    keywords: KeywordMode = KeywordMode.PROVIDER
    toll_free: bool = False
    from_our_number: bool = False


@dataclass(frozen=True)
class Step:
    """One decision, as it was asked for and as it came out."""

    before: Thread
    events: Sequence[Event]
    decision: Decision
    now: datetime
    people_now: datetime
    covered: datetime | None = None

    @property
    def after(self) -> Thread:
        return self.decision.thread


@dataclass
class Promises:
    rows: Rows
    register: Register
    heard: dict[str, tuple[Keyword, datetime]] = field(default_factory=dict)
    active: datetime | None = None
    """When somebody wrote last, on people's clock."""
    warned: str | None = None
    """The warning that counts since."""
    accepted: datetime | None = None
    """When the provider took it, on people's clock."""
    counted: list[datetime] = field(default_factory=list)
    planned: list[datetime] = field(default_factory=list)
    _ends: int = 0
    """How many ends have been looked at."""
    _keywords: list[Keyword | None] = field(default_factory=list)
    _stopped: bool = False
    _known: set[str] = field(default_factory=set)

    @property
    def opted_out(self) -> bool:
        stops, starts = (
            [at for said, at in self.heard.values() if said is word] for word in (Keyword.STOP, Keyword.START)
        )
        return bool(stops) and (not starts or max(stops) >= max(starts))

    def keyword(self, event: Receive) -> Keyword | None:
        if event.stated or self.register.keywords is KeywordMode.NONE:
            return event.stated
        if self.register.keywords is KeywordMode.ADVANCED:
            return WORDS.get(event.text) if event.text.upper() in ("STOP", "START", "UNSTOP", "HELP") else None
        if event.text == YES and self.opted_out and not self.register.toll_free:
            return Keyword.START
        return WORDS.get(event.text)

    def hear(self, events: Sequence[Event], now: datetime) -> None:
        """What of `events` is about texts at all, before it is known what they lead to."""
        self._keywords, self._stopped = [], self.opted_out
        for event in events:
            match event:
                case Receive():
                    keyword = self.keyword(event)
                    self._keywords.append(keyword)
                    if keyword and keyword is not Keyword.HELP:
                        self.heard[event.source_id] = (keyword, event.receive_time or now)
                case Confirm(Receive(source_id=source_id, receive_time=moment)) if source_id in self.heard and moment:
                    keyword, known = self.heard[source_id]
                    # The provider's list tells whole seconds: what is as good as known is known better.
                    self.heard[source_id] = (keyword, known if abs(moment - known) < SECONDS else moment)
                case Refusal():
                    self.heard[event.message_id] = (Keyword.STOP, event.moment)
            self._stopped = self._stopped or self.opted_out

    def check(self, step: Step) -> None:
        self._check_texts(step)
        self._check_opt_out(step)
        self._check_silence(step)
        for session_id in self.rows.ended[self._ends :]:
            self._check_end(step, self.rows.sessions[session_id])
        self._ends = len(self.rows.ended)
        self._check_turns(step)
        if step.after.session:
            self._check_due(step, step.after.session)

    # ---- texts

    def _check_texts(self, step: Step) -> None:
        events = [event for event in step.events if isinstance(event, Receive)]
        stored = step.decision.inbound
        assert [event.source_id for event in events] == [message.source_id for message in stored], "not stored"
        for event, message, keyword in zip(events, stored, self._keywords, strict=True):
            if keyword:
                assert message.ignore_reason == keyword.value, "a keyword is never taken"
            else:
                self._check_reason(step, event, message)

    def _check_reason(self, step: Step, event: Receive, message: InboundMessage) -> None:
        late = step.now - event.receive_time if event.receive_time else NEVER
        settings = (step.before.session or step.after).settings
        expected = {
            "own_number": self.register.from_our_number,
            "no_reply_path": step.before.channel == SMS and step.before.participant != PARTICIPANT,
            "too_old": late > Protocol().oldest_text,
            "opted_out": self._stopped,
            "handed_off": step.before.session is not None and step.before.session.hand_off is not None,
            "text_limit": settings.text_limit > 0,
            "repeat_limit": settings.repeat_limit > 0,
            "turn_limit": self._is_looping(step, settings),
        }
        reason = message.ignore_reason
        if not reason:
            must = ("own_number", "no_reply_path", "too_old", "handed_off")
            assert not any(expected[name] for name in must), "taken all the same"
            assert not self.opted_out
        else:
            assert expected[reason], f"ignored as {reason}"
        if reason in ("", "handed_off"):
            moment = step.people_now - max(late, NEVER)
            self.counted.append(moment)
            recent = [then for then in self.counted if moment - MINUTE < then <= moment]
            assert not settings.text_limit or len(recent) <= settings.text_limit

    # ---- opt-outs

    def _check_opt_out(self, step: Step) -> None:
        decision, after = step.decision, step.after
        assert after.opt_out.opted_out is self.opted_out, "what was said later counts"
        assert decision.opt_out_changed is (after.opt_out != step.before.opt_out)
        if self.opted_out:
            assert not decision.outbound, "a text to somebody who has opted out"
            assert after.session is None
            assert not self.rows.untaken, "who has opted out is answered nothing"
            assert decision.run is None or decision.run.turn.kind is TurnKind.END
        if decision.cancel_all:
            assert self._stopped or self._is_suppressed()
            assert not decision.outbound, "said and taken back at once"

    def _is_suppressed(self) -> bool:
        return self.warned is not None and self.rows.states[self.warned] == SUPPRESSED

    # ---- silence

    def _check_silence(self, step: Step) -> None:
        decision, before = step.decision, self.warned
        warnings = [message for message in decision.outbound if message.kind is MessageKind.WARNING]
        if warnings:
            self._check_warning(step)
            self.warned = warnings[-1].id
            self.accepted = None if step.after.channel == SMS else step.people_now
        opened = {s.id for s in decision.sessions} - {s.id for s in (step.before.session, *step.before.endings) if s}
        wrote = (
            opened
            or any(message.ignore_reason in ("", "handed_off") for message in decision.inbound)
            or any(message.kind in ACTIVITY for message in decision.outbound)
            or self._is_resumed(step)
        )
        if wrote:
            self.active = step.people_now
        session = step.after.session
        if wrote or session is None or session.hand_off:
            if before and self.rows.states[before] == 1:
                assert before in self.rows.canceled, "nobody has to be warned any more"
            if wrote or session:
                self.warned = None
        assert session is None or step.after.active_time == self.active

    def _is_resumed(self, step: Step) -> bool:
        before = step.before.session
        is_asked = any(isinstance(event, ResumeSession) for event in step.events)
        return is_asked and before is not None and before.hand_off is not None

    def _check_warning(self, step: Step) -> None:
        session = step.before.session
        assert session
        assert session.engaged
        assert not session.hand_off
        assert session.settings.inactive_after > NEVER
        assert self.active
        assert step.people_now >= self.active + session.settings.inactive_after, "warned too early"
        assert not self.rows.untaken, "warned while an answer is owed"
        assert self.warned is None, "warned twice"

    def _check_end(self, step: Step, session: Session) -> None:
        events = step.events
        said = [message.text for message in step.decision.outbound if message.kind is MessageKind.CLOSING]
        closing = ""
        match session.end_reason:
            case EndReason.INACTIVE:
                closing = self._check_inactive(step, session)
            case EndReason.UNANSWERED:
                assert self.active
                assert session.outbound
                assert not session.engaged
                assert step.people_now >= self.active + session.settings.unengaged_ttl, "ended too early"
            case EndReason.OPTED_OUT:
                assert self._stopped or self._is_suppressed()
                assert all(state > 2 or name in self.rows.canceled for name, state in self.rows.states.items())
            case EndReason.LOOP:
                assert self._is_looping(step, session.settings)
            case EndReason.SUPERSEDED:
                assert any(isinstance(event, StartSession) for event in events)
            case EndReason.ENDED_BY_REQUEST:
                assert any(isinstance(event, EndSession) for event in events)
            case _:
                assert any(isinstance(event, Answer) and event.hang_up for event in events)
        assert said == ([closing] if closing else [])
        self.warned = None

    def _check_inactive(self, step: Step, session: Session) -> str:
        """Returns the closing text that must have been said."""
        assert self.warned, "ended without a warning"
        if self.accepted is None:
            assert self.rows.states[self.warned] in REFUSED, "ended though nothing is known of the warning"
            return ""
        grace_end = self.accepted + session.settings.grace
        assert step.people_now >= grace_end, "ended too early"
        assert step.after.channel != SMS or (step.covered and step.covered >= grace_end), "a reply may be on its way"
        return session.settings.closing_text

    def _check_due(self, step: Step, session: Session) -> None:
        """due_time is never later than the moment at which a rule has to act; early is harmless."""
        settings, due_time, soon = session.settings, session.due_time, step.people_now + Protocol().look_again
        if session.hand_off or (session.engaged and settings.inactive_after == NEVER):
            assert due_time is None
            return
        assert due_time, "nobody will look at it"
        assert self.active
        if self.warned:
            assert due_time <= (session.grace_end or soon)
            if session.grace_end:
                assert self.accepted
                assert session.grace_end >= self.accepted + settings.grace
        elif not session.engaged:
            assert due_time <= self.active + settings.unengaged_ttl
        else:
            assert due_time <= max(self.active + settings.inactive_after, soon)

    # ---- turns

    def _is_looping(self, step: Step, settings: SessionSettings) -> bool:
        recent = [then for then in self.planned if then > step.people_now - TEN_MINUTES]
        return 0 < settings.turn_limit <= len(recent)

    def _check_turns(self, step: Step) -> None:
        for change in step.decision.turns:
            if change.turn.kind is not TurnKind.END and change.turn.fence <= 1 and change.turn.id not in self._known:
                self._known.add(change.turn.id)
                assert not self._is_looping(step, step.after.settings), "more turns than a person takes"
                self.planned.append(step.people_now)
        run = step.decision.run
        if run and run.turn.kind is not TurnKind.END:
            assert run.session.engaged, "the agent was called though nobody wrote"
            assert not run.session.hand_off, "the agent was called though people have the session"
            assert not run.session.end_reason
