"""Sending: claim with lease and fence, the deadline rule, POST, every way in which its answer may fail to come, and
how evidence settles what is not known. One lane, two texts of equal wording, two processes that stop and die.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from tests.model.search import Assumption, Guard, Protocol, Rule, Standing, Steps

TEXTS = (0, 1)
PROCESSES = (1, 2)
ATTEMPTS = (2, 1)
"""How often each text may be claimed here: enough for an attempt that meets the one before."""

NOTIFIER = "services/notifier/parley_notifier/"
DECISION = NOTIFIER + "domain/decision.py"
SEND = NOTIFIER + "handlers/send_message.py"

GUARDS = (
    Guard("delivery fence", DECISION, "(delivery.owner, delivery.attempt) == (self.owner, finding.claim.attempt)"),
    Guard("one in flight", NOTIFIER + "domain/lane.py", "(head := self.head) is not None and head.final"),
    Guard("deadline rule", SEND, "began - claimed > self._terms.lease - self._terms.margin"),
    Guard("lapse is doubt", NOTIFIER + "domain/delivery.py", "(State.CLAIMED, Event.LAPSE): State.UNKNOWN"),
    Guard("settle", DECISION, "max(counts_from, delivery.started_time + self.terms.settle)"),
    Guard("list look", NOTIFIER + "handlers/settle_unknown.py", "return Sighting(look, own[0], asked)"),
    Guard("two lists", DECISION, "counts_from = delivery.absent_time + self.terms.gap"),
    Guard("known sids are not evidence", NOTIFIER + "handlers/settle_unknown.py", "if sid not in others"),
    Guard("held claims are no orphans", DECISION, "(delivery.id, delivery.attempt) not in self.held"),
    Guard("held until it is marked", SEND, "if await self._tell(finding):\n            self._claims.let_go(claim)"),
)
ASSUMPTIONS = (
    Assumption("no freeze between check and write", "the deadline check and the socket's write lie close together"),
    Assumption("accepted before settle", "Twilio accepts a POST, or never, before the settle time is over"),
    Assumption("not late and unlisted at once", "a list misses no text that was accepted after an earlier list"),
)


class At(IntEnum):
    PENDING = 0
    CLAIMED = 1
    UNKNOWN = 2
    ACCEPTED = 3


class Age(IntEnum):
    """Of an attempt, counted from its claim."""

    FRESH = 0
    """More than 20 s of its lease are left."""
    LATE = 1
    """Too late to begin; the lease may be over."""
    SETTLED = 2
    """The settle time is over."""


class Doing(IntEnum):
    """What a process does with its claim."""

    CLAIMED = 0
    CHECKED = 1
    """The deadline rule has let it pass."""
    WAITING = 2
    """The POST is written."""
    PROVED = 3
    """201: to be marked, like the others from here."""
    GIVEN_BACK = 4
    DOUBTFUL = 5


class Delivery(NamedTuple):
    at: At = At.PENDING
    attempt: int = 0
    owner: int = 0
    absent: bool = False
    """A list has not shown the attempt."""
    sid: int = -1
    """The text that Twilio has under it."""


class Job(NamedTuple):
    process: int
    text: int
    attempt: int
    doing: Doing


class Look(NamedTuple):
    """A question to Twilio's list, answered and not marked."""

    text: int
    attempt: int
    sid: int
    asked: Age


class State(NamedTuple):
    deliveries: tuple[Delivery, ...] = (Delivery(), Delivery())
    jobs: frozenset[Job] = frozenset()
    ages: tuple[tuple[int, ...], ...] = ((0, 0), (0,))
    """Of each text's attempts."""
    wire: frozenset[tuple[int, int]] = frozenset()
    """POSTs that Twilio may yet accept: text and attempt."""
    accepted: tuple[int, ...] = ()
    """What Twilio has, in its order."""
    look: Look | None = None
    looked: tuple[bool, ...] = (False, False)
    """A list was asked for about the text's attempt while Twilio had not accepted it."""
    unlisted: int = 1
    """Lists that may miss a text that Twilio has."""
    faults: int = 1
    """Processes killed, and commits whose answer is lost."""


def with_delivery(s: State, text: int, **changes: Any) -> State:
    deliveries = list(s.deliveries)
    deliveries[text] = deliveries[text]._replace(**changes)
    return s._replace(deliveries=tuple(deliveries))


def with_job(s: State, job: Job, doing: Doing | None = None) -> State:
    rest = s.jobs - {job}
    return s._replace(jobs=rest if doing is None else rest | {job._replace(doing=doing)})


def age_of(s: State, text: int, attempt: int) -> int:
    return s.ages[text][attempt - 1]


def claim(s: State, on: Standing) -> Steps[State]:
    for text in TEXTS:
        delivery = s.deliveries[text]
        if delivery.at != At.PENDING or delivery.attempt >= ATTEMPTS[text] or not _is_head(s, text, on):
            continue
        for process in PROCESSES:
            after = with_delivery(s, text, at=At.CLAIMED, attempt=delivery.attempt + 1, owner=process, absent=False)
            after = after._replace(looked=(*after.looked[:text], False, *after.looked[text + 1 :]))
            what = f"process {process} claims text {text}, attempt {delivery.attempt + 1}"
            job = Job(process, text, delivery.attempt + 1, Doing.CLAIMED)
            yield what, after._replace(jobs=after.jobs | {job})
            if s.faults:
                yield f"{what}, and does not learn that it did", after._replace(faults=s.faults - 1)


def _is_head(s: State, text: int, on: Standing) -> bool:
    passed = (At.ACCEPTED,) if "one in flight" in on else (At.ACCEPTED, At.CLAIMED, At.UNKNOWN)
    return all(s.deliveries[earlier].at in passed for earlier in range(text))


def take_back_orphan(s: State, on: Standing) -> Steps[State]:
    for text in TEXTS:
        delivery = s.deliveries[text]
        if delivery.at != At.CLAIMED or not delivery.owner:
            continue
        held = {(job.text, job.attempt) for job in s.jobs if job.process == delivery.owner}
        if (text, delivery.attempt) not in held or "held claims are no orphans" not in on:
            yield f"process {delivery.owner} takes back its orphan, text {text}", with_delivery(s, text, at=At.PENDING)


def post(s: State, on: Standing) -> Steps[State]:
    for job in s.jobs:
        name = f"process {job.process}, attempt {job.attempt} of text {job.text}:"
        if job.doing == Doing.CLAIMED:
            if age_of(s, job.text, job.attempt) == Age.FRESH or "deadline rule" not in on:
                if "no freeze between check and write" in on:
                    yield f"{name} in time, writes the POST", _write(s, job)
                else:
                    yield f"{name} in time", with_job(s, job, Doing.CHECKED)
            else:
                yield f"{name} too late to begin", with_job(s, job, Doing.GIVEN_BACK)
        elif job.doing == Doing.CHECKED:
            yield f"{name} writes the POST", _write(s, job)
        elif job.doing == Doing.WAITING:
            if (job.text, job.attempt) in s.wire:
                accepted = _accept(s, job.text, job.attempt)
                yield f"{name} Twilio accepts and answers 201", with_job(accepted, job, Doing.PROVED)
                refused = s._replace(wire=s.wire - {(job.text, job.attempt)})
                yield f"{name} Twilio answers 429", with_job(refused, job, Doing.GIVEN_BACK)
            yield f"{name} no answer comes", with_job(s, job, Doing.DOUBTFUL)


def _write(s: State, job: Job) -> State:
    return with_job(s, job, Doing.WAITING)._replace(wire=s.wire | {(job.text, job.attempt)})


def accept(s: State, on: Standing) -> Steps[State]:
    for text, attempt in s.wire:
        yield f"Twilio accepts attempt {attempt} of text {text}", _accept(s, text, attempt)
        yield (
            f"Twilio never gets attempt {attempt} of text {text}",
            s._replace(wire=s.wire - {(text, attempt)}),
        )


def _accept(s: State, text: int, attempt: int) -> State:
    return s._replace(wire=s.wire - {(text, attempt)}, accepted=(*s.accepted, text))


def mark(s: State, on: Standing) -> Steps[State]:
    for job in s.jobs:
        if job.doing >= Doing.PROVED:
            what = f"process {job.process} marks attempt {job.attempt} of text {job.text} {job.doing.name.lower()}"
            yield what, _found(with_job(s, job), job, on)


def _found(s: State, job: Job, on: Standing) -> State:
    delivery = s.deliveries[job.text]
    if job.doing == Doing.PROVED:
        return _prove(s, job.text, job.text)
    is_current = delivery.attempt == job.attempt or "delivery fence" not in on
    if delivery.at != At.CLAIMED or not is_current:
        return s
    return with_delivery(s, job.text, at=At.UNKNOWN if job.doing == Doing.DOUBTFUL else At.PENDING)


def _prove(s: State, text: int, sid: int) -> State:
    return s if s.deliveries[text].at == At.ACCEPTED else with_delivery(s, text, at=At.ACCEPTED, sid=sid)


def fail_to_mark(s: State, on: Standing) -> Steps[State]:
    """Not because the database is away, which is waited for: something is wrong with the finding itself."""
    for job in s.jobs:
        if job.doing >= Doing.PROVED and "held until it is marked" not in on:
            yield f"process {job.process} cannot mark attempt {job.attempt} of text {job.text}", with_job(s, job)


def callback(s: State, on: Standing) -> Steps[State]:
    for text in set(s.accepted):
        if s.deliveries[text].at != At.ACCEPTED:
            yield f"a callback proves text {text}", _prove(s, text, text)


def pass_time(s: State, on: Standing) -> Steps[State]:
    for text in TEXTS:
        for attempt in range(1, s.deliveries[text].attempt + 1):
            age = age_of(s, text, attempt)
            if age < Age.SETTLED and _may_pass(s, text, attempt, age, on):
                ages = (*s.ages[text][: attempt - 1], age + 1, *s.ages[text][attempt:])
                what = f"attempt {attempt} of text {text} is {Age(age + 1).name.lower()}"
                yield what, s._replace(ages=(*s.ages[:text], ages, *s.ages[text + 1 :]))


def _may_pass(s: State, text: int, attempt: int, age: int, on: Standing) -> bool:
    if (text, attempt) not in _watched(s):
        return False
    if age == Age.LATE and (text, attempt) in s.wire:
        return "accepted before settle" not in on
    return True


def _watched(s: State) -> set[tuple[int, int]]:
    """The attempts whose age matters: POSTs to come or to be accepted, leases, and what is looked for."""
    watched = {(job.text, job.attempt) for job in s.jobs if job.doing <= Doing.CHECKED} | s.wire
    return watched | {(text, d.attempt) for text, d in enumerate(s.deliveries) if d.at in (At.CLAIMED, At.UNKNOWN)}


def lapse(s: State, on: Standing) -> Steps[State]:
    for text in TEXTS:
        delivery = s.deliveries[text]
        if delivery.at == At.CLAIMED and age_of(s, text, delivery.attempt) >= Age.LATE:
            at = At.UNKNOWN if "lapse is doubt" in on else At.PENDING
            yield f"the lease of text {text} runs out", with_delivery(s, text, at=at)


def ask(s: State, on: Standing) -> Steps[State]:
    if s.look is not None:
        return
    for text in TEXTS:
        delivery = s.deliveries[text]
        if delivery.at != At.UNKNOWN:
            continue
        known = {other.sid for place, other in enumerate(s.deliveries) if place != text}
        # Equal texts look alike: whose a listed one is, only the sids that are known already can tell.
        shown = [sid for sid in s.accepted if sid not in known or "known sids are not evidence" not in on]
        look = Look(text, delivery.attempt, -1, Age(age_of(s, text, delivery.attempt)))
        unseen = s._replace(look=look, looked=(*s.looked[:text], True, *s.looked[text + 1 :]))
        if "list look" not in on or not shown:
            yield f"the list does not show text {text}", unseen
        else:
            yield f"the list shows text {text}", s._replace(look=look._replace(sid=shown[0]))
            if s.unlisted and not (s.looked[text] and "not late and unlisted at once" in on):
                yield f"the list fails to show text {text}", s._replace(look=look, unlisted=0)


def see(s: State, on: Standing) -> Steps[State]:
    look = s.look
    if look is None:
        return
    after = s._replace(look=None)
    delivery = s.deliveries[look.text]
    if look.sid >= 0:
        yield f"the list proves text {look.text}", _prove(after, look.text, look.sid)
    elif delivery.at != At.UNKNOWN or delivery.attempt != look.attempt:
        yield f"a look at attempt {look.attempt} of text {look.text} comes too late", after
    elif (delivery.absent or "two lists" not in on) and (look.asked == Age.SETTLED or "settle" not in on):
        yield f"text {look.text} counts as not sent", with_delivery(after, look.text, at=At.PENDING)
    else:
        yield f"text {look.text} was not in a list", with_delivery(after, look.text, absent=True)


def kill(s: State, on: Standing) -> Steps[State]:
    for process in PROCESSES:
        if s.faults and any(job.process == process for job in s.jobs):
            deliveries = tuple(d._replace(owner=0) if d.owner == process else d for d in s.deliveries)
            jobs = frozenset(job for job in s.jobs if job.process != process)
            yield f"process {process} is killed", s._replace(deliveries=deliveries, jobs=jobs, faults=s.faults - 1)


def each_text_reaches_Twilio_at_most_once(s: State) -> bool:
    return len(s.accepted) == len(set(s.accepted))


def texts_reach_Twilio_in_their_order(s: State) -> bool:
    return list(s.accepted) == sorted(s.accepted)


def what_counts_as_sent_was_sent(s: State) -> bool:
    return all(d.at != At.ACCEPTED or text in s.accepted for text, d in enumerate(s.deliveries))


def what_waits_to_be_sent_cannot_have_been_sent(s: State) -> bool:
    """Stronger than the first: the next claim would send it again."""
    written = [*s.accepted, *(text for text, _ in s.wire)]
    return all(d.at != At.PENDING or text not in written for text, d in enumerate(s.deliveries))


def done(s: State) -> bool:
    """All is sent, or the head is waiting for an attempt more than there are here."""
    head = next((text for text in TEXTS if s.deliveries[text].at != At.ACCEPTED), None)
    return head is None or (s.deliveries[head].at == At.PENDING and s.deliveries[head].attempt == ATTEMPTS[head])


def canonical(s: State) -> State:
    """What nobody can be told from, counts as one: the processes' names, the age of what nobody waits for."""
    watched = _watched(s)
    ages = tuple(
        tuple(age if (text, attempt) in watched else 0 for attempt, age in enumerate(of_text, start=1))
        for text, of_text in enumerate(s.ages)
    )
    # An owner matters for as long as it holds the claim, and a mark of absence while it may count.
    deliveries = tuple(
        d._replace(owner=d.owner if d.at == At.CLAIMED else 0, absent=d.absent and d.at == At.UNKNOWN)
        for d in s.deliveries
    )
    looked = tuple(seen and d.at == At.UNKNOWN for seen, d in zip(s.looked, deliveries, strict=True))
    s = s._replace(ages=ages, deliveries=deliveries, looked=looked)
    if not s.jobs and not any(d.owner for d in s.deliveries):
        return s
    other = _renamed(s)
    return s if _names(s) <= _names(other) else other


def _renamed(s: State) -> State:
    return s._replace(
        deliveries=tuple(d._replace(owner=3 - d.owner) if d.owner else d for d in s.deliveries),
        jobs=frozenset(job._replace(process=3 - job.process) for job in s.jobs),
    )


def _names(s: State) -> tuple[object, ...]:
    return tuple(d.owner for d in s.deliveries), tuple(sorted(s.jobs))


PROTOCOL = Protocol(
    "send",
    State(),
    (
        Rule(claim),
        Rule(take_back_orphan),
        Rule(post),
        Rule(accept),
        Rule(mark),
        Rule(callback, fault=True),
        Rule(pass_time),
        Rule(lapse),
        Rule(ask),
        Rule(see),
        Rule(kill, fault=True),
        Rule(fail_to_mark, fault=True),
    ),
    (
        each_text_reaches_Twilio_at_most_once,
        texts_reach_Twilio_in_their_order,
        what_counts_as_sent_was_sent,
        what_waits_to_be_sent_cannot_have_been_sent,
    ),
    done,
    GUARDS,
    ASSUMPTIONS,
    canonical,
)
