"""One batch decided: what happened to some lanes goes in, rows to write and things to do after the commit come out.

Every lane that goes in is held locked by the caller. States change by the table of transitions alone, and nothing
is claimed but the head of a lane, once, when all that the batch brings has been applied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from parley_notifier.domain.delivery import Delivery, Event, State
from parley_notifier.domain.error_codes import ErrorCode, in_answer, in_report
from parley_notifier.domain.facts import (
    Alarm,
    Attempt,
    Claim,
    Finding,
    Notice,
    Report,
    Sighting,
    Submission,
    claim_of,
    look_of,
)
from parley_notifier.domain.lane import Lane
from parley_notifier.domain.opt_out import OptOut, OptOutKey
from parley_notifier.domain.outcomes import Wait
from parley_notifier.domain.reports import Record, Told, rank, record_of
from parley_notifier.domain.segments import count, normalise
from parley_notifier.domain.sender import Senders
from parley_notifier.domain.settlement import Look
from parley_notifier.domain.terms import Terms

ClaimKey = tuple[str, int]
"""A delivery's id and the attempt."""


@dataclass(slots=True)
class Decision:
    now: float
    """The database's clock."""
    terms: Terms
    owner: str
    """This process."""
    allowance: int
    """How many claims may be made."""
    held: Collection[ClaimKey] = ()
    """The claims that this process works at."""
    clock: float = 0.0
    """The process's own clock at `now`: what was measured on it is told on the database's."""
    known_opt_outs: dict[OptOutKey, OptOut] = field(default_factory=dict)
    """Those that hold for the lanes of this batch, kept up with what it brings."""
    senders: Senders = field(default_factory=Senders)

    may_be_sent: bool = False
    """What is claimed may have been sent by a state of the database that is lost."""

    inserted: dict[str, Delivery] = field(default_factory=dict)
    changed: dict[str, Delivery] = field(default_factory=dict)
    """Without the inserted ones."""
    lanes: dict[str, Lane] = field(default_factory=dict)
    """Those that have to be written."""
    claims: list[Claim] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    attempts: dict[ClaimKey, Attempt] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)
    opt_outs: dict[OptOutKey, OptOut] = field(default_factory=dict)
    """To be written."""
    alarms: list[tuple[Alarm, str]] = field(default_factory=list)
    """With the delivery's id."""
    notices: list[Notice] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    """Senders whose texts have arrived."""
    starved: bool = False
    """A text could have been claimed and was not, for want of allowance."""
    _touched: dict[str, Lane] = field(default_factory=dict)
    _tended: set[str] = field(default_factory=set)

    # ---- what happened

    def submit(self, lane: Lane | None, submission: Submission, known: Delivery | None) -> Delivery | None:
        """Takes a text in; `known` is the delivery of the same id. Returns the new delivery, if there is one."""
        if not _fits(lane, submission, known):
            self.alarms.append((Alarm.SUBMISSION_CONFLICT, submission.message_id))
            return None
        assert lane is not None
        self._touched[lane.thread_id] = lane
        if known is not None:
            # Who submits again does not know what became of the text: it is told again.
            self._record(lane, known)
            if submission.canceled:
                self._cancel(lane, known)
            return None
        delivery = self._take_in(submission)
        lane.queue[delivery.seq] = delivery
        if submission.opt_out_scope != lane.opt_out_scope and delivery.seq == max(lane.queue):
            # The number has moved into a scope, or out of one, since the text before was written.
            lane.opt_out_scope = submission.opt_out_scope
            self.lanes[lane.thread_id] = lane
        if submission.canceled:
            self._cancel(lane, delivery)
        return delivery

    def find(self, lane: Lane, delivery: Delivery, finding: Finding) -> None:
        """Applies what a sender found. About an earlier attempt than the last, only a proof counts."""
        self._touched[lane.thread_id] = lane
        self._keep(finding)
        self._notice(in_answer(finding.answer.error_code), lane, delivery)
        event = finding.outcome.event
        if event is Event.OPT_OUT:
            self._learn_opt_out(lane, self._told(finding.began))
        if event is Event.PROVE:
            self._prove(lane, delivery, finding.answer.sid)
        elif self._is_about_the_last(delivery, finding) and delivery.apply(event):
            delivery.error_code = finding.answer.error_code
            delivery.due_time = self._due_after(delivery, finding)
            if event is Event.OPT_OUT:
                delivery.started_time = self._told(finding.began)
            self._change(lane, delivery)

    def _is_about_the_last(self, delivery: Delivery, finding: Finding) -> bool:
        """In a database that has forgotten something attempts are numbered anew, and another process may be at it."""
        return (delivery.owner, delivery.attempt) == (self.owner, finding.claim.attempt)

    def see(self, lane: Lane, delivery: Delivery, sighting: Sighting) -> None:
        """Applies a look at Twilio's list: a match proves, none counts once it was seen twice and late enough."""
        self._touched[lane.thread_id] = lane
        if sighting.sid:
            self._prove(lane, delivery, sighting.sid)
        elif delivery.state is State.UNKNOWN and delivery.attempt == sighting.look.attempt:
            self._miss(lane, delivery, self._told(sighting.asked))

    def report(self, lane: Lane, delivery: Delivery, report: Report) -> None:
        """Applies a status callback: a proof of acceptance, and a status if it ranks higher than what is known."""
        self._touched[lane.thread_id] = lane
        self.reports.append(report)
        self._prove(lane, delivery, report.message_sid)
        if delivery.sid == report.message_sid and rank(report.status) > rank(delivery.status):
            delivery.status = report.status
            delivery.error_code = report.error_code or delivery.error_code
            self._change(lane, delivery)
            self._notice(in_report(report.error_code), lane, delivery)
            if report.status == "delivered":
                self.delivered.append(lane.sender)
        record = self._record(lane, delivery)
        if record is not None and record.told is Told.SUPPRESSED and delivery.state is State.ACCEPTED:
            self._learn_opt_out(lane, record.event_time)

    def opt_out(self, opt_out: OptOut, lanes: Iterable[Lane]) -> None:
        """Takes in what a participant wishes; `lanes` are all of theirs."""
        if not opt_out.overrides(self.known_opt_outs.get(opt_out.key)):
            return
        self.known_opt_outs[opt_out.key] = self.opt_outs[opt_out.key] = opt_out
        self._touched.update({lane.thread_id: lane for lane in lanes if lane.opt_out_key == opt_out.key})

    def tend(self, lane: Lane) -> None:
        """Does what a lane's wake time asks for: ends a lapsed lease, or has the list looked at."""
        self._touched[lane.thread_id] = lane
        self._tended.add(lane.thread_id)
        head = lane.head
        if head is None or head.due_time is None or head.due_time > self.now:
            return
        if head.state is State.CLAIMED and not self._is_orphan(head):
            head.apply(Event.LAPSE)
            head.due_time = self.now + self.terms.look_after
            self._change(lane, head)
        elif head.state is State.UNKNOWN:
            # Moved before the look is taken, so that no other process takes it as well.
            head.due_time = self.now + self.terms.gap
            self._change(lane, head)
            self.looks.append(look_of(lane, head))

    # ---- what follows

    @property
    def changes_anything(self) -> bool:
        return bool(self.inserted or self.changed or self.lanes or self.attempts or self.reports or self.opt_outs)

    def conclude(self) -> None:
        """Moves the lanes on, claims what can be sent, and keeps their wake times true. Once, after all the rest."""
        for lane in self._touched.values():
            before = (lane.next_seq, lane.in_flight, lane.wake_time)
            self._free(lane)
            if self.known_opt_outs:
                self._suppress(lane)
            self._expire(lane)
            lane.pass_final()
            blocked_until = self._claim(lane)
            head = lane.head
            lane.in_flight = lane.next_seq if head is not None and head.in_flight else None
            due = lane.due_time(self.now) if blocked_until is None else blocked_until
            lane.wake(due, exact=lane.thread_id in self._tended)
            if before != (lane.next_seq, lane.in_flight, lane.wake_time):
                self.lanes[lane.thread_id] = lane

    def _free(self, lane: Lane) -> None:
        """Takes an orphaned claim back, and cancels what was waiting to be."""
        head = lane.head
        if head is None:
            return
        if head.state is State.CLAIMED and self._is_orphan(head):
            head.apply(Event.GIVE_BACK)
            head.due_time = self.now
            self._change(lane, head)
        if head.canceled:
            self._cancel(lane, head)

    def _suppress(self, lane: Lane) -> None:
        """What waits is not sent to a participant who has opted out, also where it waits behind one in flight."""
        opt_out = self.known_opt_outs.get(lane.opt_out_key)
        if opt_out is None or not opt_out.opted_out:
            return
        for delivery in lane.queue.values():
            if delivery.state is State.PENDING and delivery.apply(Event.OPT_OUT):
                delivery.started_time, delivery.due_time = opt_out.event_time, None
                delivery.error_code = 0
                self._change(lane, delivery)

    def _expire(self, lane: Lane) -> None:
        for delivery in lane.queue.values():
            is_over = delivery.expire_time is not None and delivery.expire_time <= self.now
            if is_over and delivery.apply(Event.EXPIRE):
                delivery.due_time = None
                self._change(lane, delivery)

    def _claim(self, lane: Lane) -> float | None:
        """Claims the head if it may be sent now. Returns when to look again, where its due time does not tell."""
        head = lane.head
        if head is None or head.state is not State.PENDING or head.due_time is None or head.due_time > self.now:
            return None
        blocked_until = self.senders.blocked_until(lane.sender, self.now)
        if blocked_until is not None:
            return blocked_until
        if self.allowance <= 0:
            self.starved = True
        elif self.senders.has_turn(lane.sender, head, self.now):
            self._take(lane, head)
        elif head.due_time > self.now:
            self._change(lane, head)
        return None

    def _take(self, lane: Lane, head: Delivery) -> None:
        self.allowance -= 1
        head.apply(Event.CLAIM)
        head.attempt += 1
        head.owner = self.owner
        head.started_time = self.now
        head.due_time = self.now + self.terms.lease
        head.absent_time = None
        head.error_code = 0
        head.paced = False
        self._change(lane, head)
        self.claims.append(claim_of(lane, head, self.now, may_be_sent=self.may_be_sent))

    def _notice(self, row: ErrorCode | None, lane: Lane, delivery: Delivery) -> None:
        if row is not None:
            self.notices.append(Notice(row, delivery.id, lane.sender))

    def _keep(self, finding: Finding) -> None:
        claim = finding.claim
        began, ended = self._told(finding.began), self._told(finding.ended)
        self.attempts[claim.delivery_id, claim.attempt] = Attempt(claim, began, ended, finding.outcome, finding.answer)

    def _learn_opt_out(self, lane: Lane, event_time: float) -> None:
        """Twilio knows of an opt-out, as of the moment at which it was asked to send."""
        self.opt_out(OptOut(*lane.opt_out_key, opted_out=True, event_time=event_time), (lane,))

    def _told(self, moment: float) -> float:
        """A moment of the process's clock on the database's, as finely as that keeps it."""
        return round(self.now + moment - self.clock, 6)

    def _is_orphan(self, delivery: Delivery) -> bool:
        """A claim of this process that it does not work at: the commit's answer was lost, so it was never begun."""
        return delivery.owner == self.owner and (delivery.id, delivery.attempt) not in self.held

    def _prove(self, lane: Lane, delivery: Delivery, sid: str) -> None:
        was_held = delivery.state is State.HELD
        if delivery.apply(Event.PROVE):
            if was_held:
                self.alarms.append((Alarm.PROOF_AFTER_FINAL, delivery.id))
            delivery.sid = sid
            delivery.due_time = delivery.absent_time = None
            delivery.error_code = 0
            self._change(lane, delivery)
        elif not delivery.sid:
            delivery.sid = sid
            self._change(lane, delivery)
            self.alarms.append((Alarm.PROOF_AFTER_FINAL, delivery.id))
        elif delivery.sid != sid:
            self.alarms.append((Alarm.DUPLICATE_SUSPECTED, delivery.id))

    def _miss(self, lane: Lane, delivery: Delivery, asked: float) -> None:
        if delivery.absent_time is None:
            delivery.absent_time = asked
        counts_from = delivery.absent_time + self.terms.gap
        if delivery.started_time is not None:
            counts_from = max(counts_from, delivery.started_time + self.terms.settle)
        if asked >= counts_from:
            # One that was canceled is not sent again in any case.
            is_held = delivery.at_most_once and not delivery.canceled
            delivery.apply(Event.HOLD if is_held else Event.MISS)
            delivery.due_time = None if is_held else self.now
        else:
            delivery.due_time = max(self.now, min(self.now + self.terms.gap, counts_from))
        self._change(lane, delivery)

    def _due_after(self, delivery: Delivery, finding: Finding) -> float | None:
        if delivery.state is State.UNKNOWN:
            return self.now + self.terms.look_after
        if delivery.state is not State.PENDING:
            return None
        match finding.outcome.wait:
            case Wait.BACKOFF:
                return self.now + self.terms.backoff_of(delivery.attempt, finding.jitter)
            case Wait.PAUSE:
                return self.now + self.terms.pause
            case Wait.NONE:
                return self.now

    def _cancel(self, lane: Lane, delivery: Delivery) -> None:
        """Cancels what waits; what is in flight keeps the wish until its outcome is known."""
        if delivery.final:
            return
        wished = delivery.canceled
        delivery.canceled = True
        if delivery.apply(Event.CANCEL):
            delivery.due_time = None
        elif wished:
            return
        self._change(lane, delivery)

    def _take_in(self, submission: Submission) -> Delivery:
        text = normalise(submission.text)
        delivery = Delivery(
            id=submission.message_id,
            thread_id=submission.thread_id,
            seq=submission.seq,
            text=text,
            due_time=self.now,
            segments=count(text),
            at_most_once=submission.at_most_once,
            expire_time=submission.expire_time,
            traceparent=submission.traceparent,
            create_time=submission.create_time or self.now,
        )
        self.inserted[delivery.id] = delivery
        return delivery

    def _change(self, lane: Lane, delivery: Delivery) -> None:
        if delivery.id not in self.inserted:
            self.changed[delivery.id] = delivery
        self._record(lane, delivery)

    def _record(self, lane: Lane, delivery: Delivery) -> Record | None:
        record = record_of(delivery, lane.sender)
        if record is not None:
            self.records[delivery.id] = record
        return record


def _fits(lane: Lane | None, submission: Submission, known: Delivery | None) -> bool:
    if lane is None or (lane.sender, lane.participant) != (submission.sender, submission.participant):
        return False
    if known is not None:
        return (known.thread_id, known.seq) == (submission.thread_id, submission.seq)
    return submission.seq >= lane.next_seq and submission.seq not in lane.queue
