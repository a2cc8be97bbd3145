"""A restored database: what was committed after the snapshot is gone, Twilio and the processes know better.

One text comes in, a turn answers it with equal words each time, the answer is sent. Once, at any moment, the database
is put back to any earlier state of it, under a new timeline, while processes and POSTs go on.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from tests.model.search import Assumption, Guard, Protocol, Rule, Standing, Steps

ATTEMPTS = 2
PROCESSES = (1, 2)

NOTIFIER = "services/notifier/parley_notifier/"
GATE = NOTIFIER + "domain/gate.py"
STATEMENTS = NOTIFIER + "adapters/postgres/gate.sql"
GUARDS = (
    Guard(
        "gate", STATEMENTS, "SELECT NOT g.closed AND NOT g.recovering AND g.server_start = pg_postmaster_start_time()"
    ),
    Guard("gate waits for settle", GATE, "if gate.now >= gate.recover_time + settle else"),
    Guard("gate waits for the inbound list", GATE, "        if gate.inbound_covered:\n            return Step.OPEN"),
    # It does not wait for them: what was listed outlasts its opening, and each claim is compared with that.
    Guard("gate waits for turns", STATEMENTS, "WHERE NOT g.recovering AND g.change_time < clock_timestamp() - make"),
    Guard("gate looks at the outbound list", NOTIFIER + "handlers/send_message.py", "sid = await self._adopt(claim)"),
    Guard("known sids are forgotten", NOTIFIER + "handlers/fetch_missed.py", "self._known.forget_all()"),
    # Of the same process: the gate is closed for longer than it may be at a claim.
    Guard(
        "fence knows its timeline", NOTIFIER + "domain/decision.py", "(delivery.owner, delivery.attempt) == (self.owner"
    ),
)


ASSUMPTIONS = (Assumption("equal words", "an agent that runs a lost turn again says what it said"),)


class At(IntEnum):
    NOWHERE = 0
    STORED = 1
    """The inbound text is: a turn will answer it."""
    PENDING = 2
    """The answer is committed and submitted."""
    CLAIMED = 3
    UNKNOWN = 4
    ACCEPTED = 5


class Base(NamedTuple):
    """What is in the database."""

    at: At = At.NOWHERE
    attempt: int = 0
    timeline: int = 0
    """The gate row."""


class Doing(IntEnum):
    CLAIMED = 0
    WAITING = 1
    PROVED = 2
    GIVEN_BACK = 3
    DOUBTFUL = 4


class Job(NamedTuple):
    process: int
    attempt: int
    timeline: int
    doing: Doing
    is_late: bool = False
    """Its POST must not begin any more."""


class State(NamedTuple):
    base: Base = Base()
    snapshots: frozenset[Base] = frozenset({Base()})
    """Earlier states, that the database may be put back to."""
    timeline: int = 0
    jobs: frozenset[Job] = frozenset()
    wire: frozenset[int] = frozenset()
    """The timelines of POSTs that Twilio may yet accept."""
    accepted: int = 0
    is_known: bool = False
    """The notifier remembers, in memory, that the inbound text was handed over."""
    is_settled: bool = False
    """The settle time is over since the mismatch was seen."""
    is_listed: bool = False
    """The inbound list has been handed over since."""
    is_compared: bool = False
    """The outbound list has been compared with what waits since."""
    is_anew: bool = False
    """The answer was written after the restore."""


def write(s: State, **changes: Any) -> State:
    base = s.base._replace(**changes)
    # What was, stays restorable until the one restore.
    snapshots = s.snapshots | {base} if not s.timeline else s.snapshots
    return s._replace(base=base, snapshots=snapshots)


def is_closed(s: State, on: Standing) -> bool:
    return s.base.timeline != s.timeline and "gate" in on


def receive(s: State, on: Standing) -> Steps[State]:
    """Twilio's webhook, before the restore: afterwards it has its 200."""
    if s.base.at == At.NOWHERE and not s.timeline:
        yield "the webhook brings the text", write(s, at=At.STORED)


def fetch(s: State, on: Standing) -> Steps[State]:
    if s.base.at == At.NOWHERE and not s.is_known:
        after = write(s, at=At.STORED)
        yield "the inbound list brings the text", after._replace(is_known=True, is_listed=True)
    elif not s.is_listed or not s.is_known:
        yield "the inbound list is handed over", s._replace(is_known=True, is_listed=True)


def answer(s: State, on: Standing) -> Steps[State]:
    if s.base.at == At.STORED:
        yield "a turn commits the answer", write(s, at=At.PENDING)._replace(is_compared=False, is_anew=s.timeline > 0)


def claim(s: State, on: Standing) -> Steps[State]:
    if s.base.at != At.PENDING or s.base.attempt >= ATTEMPTS or is_closed(s, on):
        return
    attempt = s.base.attempt + 1
    for process in PROCESSES:
        if not any(job.process == process for job in s.jobs):
            job = Job(process, attempt, s.timeline, Doing.CLAIMED)
            after = write(s, at=At.CLAIMED, attempt=attempt)
            yield f"process {process} claims the answer, attempt {attempt}", after._replace(jobs=s.jobs | {job})


def post(s: State, on: Standing) -> Steps[State]:
    for job in s.jobs:
        if job.doing == Doing.CLAIMED:
            if job.is_late:
                yield f"process {job.process}: too late to begin", _do(s, job, Doing.GIVEN_BACK)
            else:
                after = _do(s, job, Doing.WAITING)._replace(wire=s.wire | {job.timeline})
                yield f"process {job.process} writes the POST", after
        elif job.doing == Doing.WAITING:
            if job.timeline in s.wire:
                after = s._replace(wire=s.wire - {job.timeline}, accepted=s.accepted + 1)
                yield f"Twilio answers 201 to process {job.process}", _do(after, job, Doing.PROVED)
            yield f"no answer comes to process {job.process}", _do(s, job, Doing.DOUBTFUL)


def _do(s: State, job: Job, doing: Doing) -> State:
    return s._replace(jobs=s.jobs - {job} | {job._replace(doing=doing)})


def accept(s: State, on: Standing) -> Steps[State]:
    for timeline in s.wire:
        rest = s._replace(wire=s.wire - {timeline})
        yield "Twilio accepts a POST", rest._replace(accepted=s.accepted + 1)
        yield "Twilio never gets a POST", rest


def mark(s: State, on: Standing) -> Steps[State]:
    for job in s.jobs:
        if job.doing < Doing.PROVED:
            continue
        what = f"process {job.process} marks attempt {job.attempt} {job.doing.name.lower()}"
        after = s._replace(jobs=s.jobs - {job})
        same = s.base.attempt == job.attempt and (s.timeline == job.timeline or "fence knows its timeline" not in on)
        if job.doing == Doing.PROVED and At.PENDING <= s.base.at < At.ACCEPTED:
            yield what, write(after, at=At.ACCEPTED)
        elif job.doing != Doing.PROVED and same and s.base.at == At.CLAIMED:
            yield what, write(after, at=At.PENDING if job.doing == Doing.GIVEN_BACK else At.UNKNOWN)
        else:
            yield f"{what}, which changes nothing", after


def grow_late(s: State, on: Standing) -> Steps[State]:
    for job in s.jobs:
        if job.doing == Doing.CLAIMED and not job.is_late:
            late = s._replace(jobs=s.jobs - {job} | {job._replace(is_late=True)})
            yield f"process {job.process} is too late to begin its POST", late


def settle(s: State, on: Standing) -> Steps[State]:
    """An attempt whose lease has run out, found in the outbound list or not, as send.py has it."""
    at = s.base.at
    if at not in (At.CLAIMED, At.UNKNOWN) or _is_under_way(s, s.timeline) or _is_under_way(s, s.base.timeline):
        return
    if s.accepted:
        yield "the list proves the answer", write(s, at=At.ACCEPTED)
    else:
        yield "the answer counts as not sent", write(s, at=At.PENDING)


def _is_under_way(s: State, timeline: int) -> bool:
    begun = any(j.timeline == timeline and j.doing == Doing.CLAIMED and not j.is_late for j in s.jobs)
    return begun or timeline in s.wire


def restore(s: State, on: Standing) -> Steps[State]:
    if s.timeline:
        return
    for base in s.snapshots - {s.base}:
        is_known = s.is_known and "known sids are forgotten" not in on
        after = s._replace(base=base, snapshots=frozenset(), timeline=1, is_known=is_known)
        after = after._replace(is_listed=False, is_compared=False, is_settled=False)
        yield f"the database is restored to where the text is {base.at.name}, attempt {base.attempt}", after


def wait(s: State, on: Standing) -> Steps[State]:
    if s.timeline and not s.is_settled and not _is_under_way(s, 0):
        yield "the settle time is over since the restore", s._replace(is_settled=True)


def compare(s: State, on: Standing) -> Steps[State]:
    """Every text that waits is looked for in Twilio's list, once those are there that will."""
    if not is_closed(s, on) or s.is_compared:
        return
    if (
        ("gate waits for settle" in on and not s.is_settled)
        or ("gate waits for the inbound list" in on and not s.is_listed)
        or ("gate waits for turns" in on and s.base.at == At.STORED)
    ):
        return
    after = s._replace(is_compared=True)
    # An answer that was written anew is found by its words alone.
    is_found = s.accepted and (not s.is_anew or "equal words" in on) and "gate looks at the outbound list" in on
    if is_found and s.base.at in (At.PENDING, At.CLAIMED, At.UNKNOWN):
        yield "the outbound list shows the answer", write(after, at=At.ACCEPTED)
    else:
        yield "the outbound list is compared with what waits", after


def open_gate(s: State, on: Standing) -> Steps[State]:
    if is_closed(s, on) and s.is_compared:
        yield "the gate opens", write(s, timeline=s.timeline)


def the_answer_reaches_Twilio_at_most_once(s: State) -> bool:
    return s.accepted <= 1


def what_counts_as_sent_was_sent(s: State) -> bool:
    return s.base.at != At.ACCEPTED or s.accepted > 0


def done(s: State) -> bool:
    """Sent, or waiting for an attempt more than there are here; and the gate is open."""
    is_over = s.base.at == At.ACCEPTED or (s.base.at, s.base.attempt) == (At.PENDING, ATTEMPTS)
    return is_over and s.base.timeline == s.timeline


PROTOCOL = Protocol(
    "gate",
    State(),
    (
        Rule(receive),
        Rule(fetch),
        Rule(answer),
        Rule(claim),
        Rule(post),
        Rule(accept),
        Rule(mark),
        Rule(grow_late),
        Rule(settle),
        Rule(wait),
        Rule(compare),
        Rule(open_gate),
        Rule(restore, fault=True),
    ),
    (the_answer_reaches_Twilio_at_most_once, what_counts_as_sent_was_sent),
    done,
    GUARDS,
    ASSUMPTIONS,
)
