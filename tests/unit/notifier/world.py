"""A small world around one lane: processes that send, die and forget, a Twilio that may not answer, and a clock.

Every step checks what must always hold. `complete` lets everything go well from here on and checks that all ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from parley_notifier.domain.decision import ClaimKey, Decision
from parley_notifier.domain.delivery import Delivery, State
from parley_notifier.domain.facts import Claim, Finding, Report, Sighting, Submission
from parley_notifier.domain.lane import Lane
from parley_notifier.domain.opt_out import OptOut, OptOutKey
from parley_notifier.domain.outcomes import Answer, outcome_of
from parley_notifier.domain.reports import Told
from parley_notifier.domain.settlement import Listed, Listing, Look, candidates
from parley_notifier.domain.terms import Terms

TERMS = Terms()
SENDER, PARTICIPANT = "+15550001111", "+15550100001"
SCOPES = ("", "MG1")
OPTED_OUT = 21610
START = 1_000_000.0
ONCE, EXPIRING = 2, 3
"""The seq that is sent once at the most, and the one that is of no use after `EXPIRY`."""
EXPIRY = START + 150.0


class Fate(Enum):
    """What becomes of a request: whether Twilio takes it, and what the sender hears."""

    TAKEN = (True, 201, 0)
    TAKEN_AND_CUT = (True, 0, 0)
    TAKEN_AND_500 = (True, 500, 0)
    CUT = (False, 0, 0)
    REFUSED = (False, 400, 21211)
    OPTED_OUT = (False, 400, 21610)
    THROTTLED = (False, 429, 20429)
    UNREACHABLE = (False, -1, 0)


@dataclass
class Process:
    name: str
    held: set[ClaimKey] = field(default_factory=set)
    claims: list[tuple[Claim, float]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Accepted:
    """A message that Twilio has."""

    sid: str
    delivery_id: str
    seq: int
    text: str
    time: float
    sender: str


class World:
    def __init__(self) -> None:
        self.now = START
        self.lane = Lane("thread", SENDER, PARTICIPANT)
        self.deliveries: dict[str, Delivery] = {}
        self.twilio: list[Accepted] = []
        self.processes = [Process("a"), Process("b")]
        self.looks: list[Look] = []
        self.withdrawn: set[str] = set()
        """Canceled while they waited: must never be sent."""
        self.doubted: set[str] = set()
        """Sent once at the most, and unknown: must never be claimed again."""
        self.opt_outs: dict[OptOutKey, OptOut] = {}
        self._stops: dict[OptOutKey, float] = {}
        """When each was last known to have opted out."""
        self._named = 2

    # ---- what can happen

    def submit(self, process: Process, seq: int, canceled: bool = False, scope: str = "") -> None:
        submission = Submission(
            f"d{seq}",
            "thread",
            seq,
            SENDER,
            PARTICIPANT,
            f"text {seq}",
            canceled,
            opt_out_scope=scope,
            at_most_once=seq == ONCE,
            expire_time=EXPIRY if seq == EXPIRING else None,
        )
        known = self.deliveries.get(submission.message_id)
        if canceled and known is not None and known.state is State.PENDING:
            self.withdrawn.add(known.id)

        def take(decision: Decision) -> None:
            delivery = decision.submit(self.lane, submission, known)
            if delivery is not None:
                self.deliveries[delivery.id] = delivery
                if canceled:
                    self.withdrawn.add(delivery.id)

        self.decide(process, take)

    def say(self, process: Process, opted_out: bool, ago: float, scope: str = "") -> None:
        """STOP or START reaches the notifier, perhaps late."""
        wish = OptOut(scope or SENDER, PARTICIPANT, opted_out, self.now - ago)
        before = self.opt_outs.get(wish.key)
        self.decide(process, lambda decision: decision.opt_out(wish, [self.lane]))
        after = self.opt_outs[wish.key]
        assert before is None or (after.event_time, after.opted_out) >= (before.event_time, before.opted_out)
        assert (after.event_time, after.opted_out) >= (wish.event_time, wish.opted_out), "what was said last counts"

    @property
    def opted_out(self) -> bool:
        wish = self.opt_outs.get((self.lane.opt_out_scope or SENDER, PARTICIPANT))
        return wish is not None and wish.opted_out

    def send(self, process: Process, fate: Fate) -> None:
        """Its first claim is sent, unless too little of the lease is left."""
        claim, claimed = process.claims.pop(0)
        if self.now - claimed > TERMS.lease - TERMS.margin:
            process.findings.append(self._finding(claim, Answer(left=False)))
            return
        taken, status, code = fate.value
        assert claim.delivery_id not in self.withdrawn, "sent after it was canceled"
        sid = f"SM{len(self.twilio)}" if taken else ""
        if taken:
            seq = self.deliveries[claim.delivery_id].seq
            # A messaging service keeps the sender open.
            sender = "" if claim.scope else SENDER
            self.twilio.append(Accepted(sid, claim.delivery_id, seq, claim.text, self.now, sender))
        answer = Answer(max(status, 0), code, sid if status == 201 else "", left=status >= 0)
        process.findings.append(self._finding(claim, answer))

    def mark(self, process: Process) -> None:
        finding = process.findings.pop(0)
        delivery = self.deliveries[finding.claim.delivery_id]
        before = delivery.state
        current = before is State.CLAIMED and delivery.attempt == finding.claim.attempt
        self.decide(process, lambda decision: decision.find(self.lane, delivery, finding))
        process.held.discard((finding.claim.delivery_id, finding.claim.attempt))
        self._check_found(delivery, finding, current, before)

    def report(self, process: Process, accepted: Accepted, status: str, error_code: int = 0) -> None:
        delivery = self.deliveries[accepted.delivery_id]
        report = Report(delivery.id, accepted.sid, status, error_code)
        decision = self.decide(process, lambda decision: decision.report(self.lane, delivery, report))
        if delivery.error_code == OPTED_OUT and delivery.status == "failed":
            assert decision.records[delivery.id].told is Told.SUPPRESSED
            wish = self.opt_outs[self.lane.opt_out_key]
            assert wish.event_time >= (delivery.started_time or 0.0), "what Twilio knows is known"
        assert delivery.state is State.ACCEPTED, "Twilio itself has said that it has it"

    def tend(self, process: Process) -> None:
        if self.lane.wake_time is not None and self.lane.wake_time <= self.now:
            self.looks += self.decide(process, lambda decision: decision.tend(self.lane)).looks

    def look(self, process: Process) -> None:
        """The oldest question to the list is answered truthfully."""
        look = self.looks.pop(0)
        listed = [Listed(a.sid, "outbound-api", a.text, a.time, a.sender) for a in reversed(self.twilio)]
        known = {d.sid for d in self.deliveries.values() if d.id != look.delivery_id}
        found = [sid for sid in candidates(Listing(listed, complete=True), look) if sid not in known]
        sighting = Sighting(look, found[0] if found else "", self.now)
        delivery = self.deliveries[look.delivery_id]
        self.decide(process, lambda decision: decision.see(self.lane, delivery, sighting))

    def hidden(self) -> Accepted | None:
        """A message that Twilio has and that counts as unknown, unless it would not be sent again in any case."""
        head = self.lane.head
        if head is None or head.state is not State.UNKNOWN or head.canceled or self.opted_out:
            return None
        if head.seq == EXPIRING:
            return None
        return next((accepted for accepted in self.twilio if accepted.delivery_id == head.id), None)

    def report_after_miss(self, process: Process) -> None:
        """Two lists fail to show a message; before there is a free slot to send it again, its callback comes."""
        accepted = self.hidden()
        assert accepted is not None
        delivery = self.deliveries[accepted.delivery_id]
        started = delivery.started_time or 0.0
        look = Look("thread", delivery.id, delivery.attempt, started, SENDER, PARTICIPANT, delivery.text)
        self._miss(process, look)
        self.wait(TERMS.settle)
        self._miss(process, look)
        self.report(process, accepted, "sent")

    def _miss(self, process: Process, look: Look) -> None:
        delivery, sighting = self.deliveries[look.delivery_id], Sighting(look, "", self.now)
        self.decide(process, lambda decision: decision.see(self.lane, delivery, sighting), allowance=0)

    def die(self, process: Process) -> None:
        """It is gone with all it knew; another one starts in its place."""
        self._named += 1
        self.processes[self.processes.index(process)] = Process(f"p{self._named}")

    def forget(self, process: Process) -> None:
        """The commit of its last claim took place, but the answer was lost: it does not work at it."""
        claim, _ = process.claims.pop()
        process.held.discard((claim.delivery_id, claim.attempt))

    def wait(self, seconds: float) -> None:
        self.now += seconds

    # ---- how it is decided

    def decide(self, process: Process, apply: Callable[[Decision], object], allowance: int = 4) -> Decision:
        decision = Decision(
            now=self.now,
            clock=self.now,
            terms=TERMS,
            owner=process.name,
            allowance=allowance,
            held=process.held,
            known_opt_outs=dict(self.opt_outs),
        )
        apply(decision)
        decision.conclude()
        self._store(decision)
        for claim in decision.claims:
            process.held.add((claim.delivery_id, claim.attempt))
            process.claims.append((claim, self.now))
        self.check()
        return decision

    def _store(self, decision: Decision) -> None:
        self.opt_outs |= decision.opt_outs
        for key, opt_out in decision.opt_outs.items():
            if opt_out.opted_out:
                self._stops[key] = max(opt_out.event_time, self._stops.get(key, 0.0))
        assert not (self.opted_out and decision.claims), "claimed for somebody who has opted out"
        if self.opted_out and decision._touched:
            assert not [d for d in self.lane.queue.values() if d.state is State.PENDING], "still waits to be sent"
        latest = max(self._stops.values(), default=0.0)
        for record in decision.records.values():
            if record.told is Told.SUPPRESSED:
                began = self.deliveries[record.message_id].started_time or 0.0
                limit = began if record.error_code == OPTED_OUT else latest
                assert 0.0 < record.event_time <= limit, "what is told would undo a START"

    def _finding(self, claim: Claim, answer: Answer) -> Finding:
        return Finding(claim, outcome_of(answer), answer, self.now, self.now)

    # ---- what must hold

    def check(self) -> None:
        sent = [accepted.seq for accepted in self.twilio]
        assert sent == sorted(set(sent)), f"out of order or twice: {sent}"
        flying = [delivery.seq for delivery in self.deliveries.values() if delivery.in_flight]
        assert flying in ([], [self.lane.next_seq]), f"in flight: {flying}, head: {self.lane.next_seq}"
        assert self.lane.in_flight == (flying[0] if flying else None)
        for delivery in self.deliveries.values():
            self._check_delivery(delivery)
        due = self.lane.due_time(self.now)
        assert due is None or (self.lane.wake_time is not None and self.lane.wake_time <= due), "nobody would look"

    def _check_delivery(self, delivery: Delivery) -> None:
        has_it = any(accepted.delivery_id == delivery.id for accepted in self.twilio)
        if delivery.state is State.ACCEPTED:
            assert has_it, "counts as accepted, and Twilio does not have it"
            assert delivery.sid
        if delivery.state in (State.FAILED, State.SUPPRESSED, State.CANCELED, State.EXPIRED):
            assert not has_it, f"counts as {delivery.state}, and Twilio has it"
        if delivery.state is State.UNKNOWN and delivery.seq == ONCE:
            self.doubted.add(delivery.id)
        if delivery.state is State.CLAIMED:
            assert delivery.id not in self.doubted, "sent once at the most, and tried again"
            assert delivery.seq != EXPIRING or (delivery.started_time or 0.0) < EXPIRY, "sent when it was of no use"
        assert delivery.state is not State.HELD or delivery.seq == ONCE
        assert delivery.final == (delivery.due_time is None)
        assert delivery.final or delivery.seq >= self.lane.next_seq
        assert delivery.id not in self.withdrawn or delivery.state is State.CANCELED

    def _check_found(self, delivery: Delivery, finding: Finding, current: bool, before: State) -> None:
        """What each finding about the latest attempt must lead to, and that no other but a proof leads anywhere."""
        name = finding.outcome.name
        if name == "accepted":
            assert delivery.state is State.ACCEPTED
        elif not current:
            assert delivery.state is before or before is State.PENDING, "a late finding changed something"
        elif name == "refused":
            assert delivery.state is State.FAILED
        elif name == "opted_out":
            assert delivery.state is State.SUPPRESSED
        elif name == "unknown":
            assert delivery.state is State.UNKNOWN, "what may have left is not sent again without evidence"
        else:
            waiting = State.SUPPRESSED if self.opted_out else State.PENDING
            ended = State.EXPIRED if delivery.seq == EXPIRING and self.now >= EXPIRY else State.CANCELED
            assert delivery.state in (waiting, State.CANCELED, ended), "what never left can be sent"

    def complete(self) -> None:
        """Nothing fails any more: everything must come to its end, and what was to be sent be sent."""
        first, second = self.processes
        for seq in range(1, max((d.seq for d in self.deliveries.values()), default=0) + 1):
            self.submit(first, seq)
        for _ in range(60 * len(self.deliveries)):
            if self._is_over():
                break
            for process in (first, second):
                while process.claims:
                    self.send(process, Fate.TAKEN)
                while process.findings:
                    self.mark(process)
            while self.looks:
                self.look(second)
            self.wait(15.0)
            self.tend(second)
        assert self._is_over(), f"does not end: {[d.state.value for d in self.deliveries.values()]}"

    def _is_over(self) -> bool:
        return all(delivery.final for delivery in self.deliveries.values())
