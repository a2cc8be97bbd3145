"""Opt-outs: decided in the transaction that stores the keyword, told to the notifier ahead of texts, ordered by when
they were said, joined where a text is claimed. One participant, two of our numbers that share a scope, one text each.
Transactions of two threads are one after the other here: where they overlap, the claim decides.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from tests.model.search import Guard, Protocol, Rule, Standing, Steps

LANES = (0, 1)
"""Keywords are said to the first number; the second one's texts are stopped by the notifier's copy alone."""
KEYWORDS = 2
NEVER = 0

SESSION = "services/session/parley_session/"
DECISION = "services/notifier/parley_notifier/domain/decision.py"

GUARDS = (
    Guard("decided where it is stored", SESSION + "domain/decide.py", "        _hear(machine, keyword, _said_at("),
    Guard(
        "opt-out in the claim", DECISION, "            if self.known_opt_outs:\n                self._suppress(lane)"
    ),
    Guard("ordered by event time", DECISION, "if not opt_out.overrides("),
    Guard("ordered by event time in the session", SESSION + "domain/opt_out.py", "moment < self.stop_time:"),
    Guard(
        "an opt-out waits for the lanes",
        "services/notifier/parley_notifier/adapters/postgres/store.py",
        "            wait = True\n",
    ),
    Guard("a START goes with the texts behind it", SESSION + "handlers/hand_over.py", "if submission.said]"),
    Guard(
        "told until it is heard",
        SESSION + "adapters/postgres/queries.sql",
        "next_submit_time = clock_timestamp() + interval '10 seconds'",
    ),
)


class At(IntEnum):
    NOWHERE = 0
    COMMITTED = 1
    """In the session service's outbox."""
    PENDING = 2
    GATHERED = 3
    """A claim has read its lane and what its participant wishes, and holds the lane's lock."""
    CLAIMED = 4
    SENT = 5
    SUPPRESSED = 6
    CANCELED = 7


class Notice(NamedTuple):
    """What was said last, by moments that count from 1."""

    time: int = NEVER
    is_stop: bool = False

    def overrides(self, known: Notice) -> bool:
        return (self.time, self.is_stop) > (known.time, known.is_stop)


class State(NamedTuple):
    said: tuple[bool, ...] = ()
    """What the participant has said, in order: True for STOP."""
    stored: frozenset[int] = frozenset()
    """Moments of the keywords that the session service has stored."""
    known: Notice = Notice()
    """What counts for the session service."""
    is_told: bool = True
    """The notifier is known to have it."""
    notices: frozenset[Notice] = frozenset()
    """On the network."""
    texts: tuple[At, ...] = (At.NOWHERE, At.NOWHERE)
    after: tuple[Notice, ...] = (Notice(), Notice())
    """What counted when the text was committed."""
    submissions: frozenset[tuple[int, Notice]] = frozenset()
    """On the network: the lane of the text, and what was said before it."""
    copy: Notice = Notice()
    """What the notifier takes for what counts."""
    heard: Notice = Notice()
    """What was said last of all that the notifier has committed, whatever it made of it."""
    seen: Notice = Notice()
    """What the claim under way has read."""
    committed_after_stop: bool = False
    begun_after_stop: bool = False
    suppressed_after_start: bool = False


def say(s: State, on: Standing) -> Steps[State]:
    if len(s.said) < KEYWORDS:
        for is_stop in (True, False):
            yield f"the participant says {_word(is_stop)}", s._replace(said=(*s.said, is_stop))


def _word(is_stop: bool) -> str:
    return "STOP" if is_stop else "START"


def store(s: State, on: Standing) -> Steps[State]:
    """Webhooks come in any order; the list brings what they do not."""
    for time, is_stop in enumerate(s.said, start=1):
        if time not in s.stored:
            notice = Notice(time, is_stop)
            what = f"the session service stores the {_word(is_stop)} of {time}"
            yield what, _heard(s._replace(stored=s.stored | {time}), notice, on)


def _heard(s: State, notice: Notice, on: Standing) -> State:
    counts = notice.overrides(s.known) or "ordered by event time in the session" not in on
    if not counts or "decided where it is stored" not in on:
        return s
    s = s._replace(known=notice, is_told=False)
    if not notice.is_stop:
        return s
    # What waits in the outbox, or at the notifier, is taken back: here of the number that it was said to.
    at = At.CANCELED if s.texts[0] in (At.COMMITTED, At.PENDING) else s.texts[0]
    return s._replace(texts=(at, s.texts[1]))


def decide_later(s: State, on: Standing) -> Steps[State]:
    if "decided where it is stored" in on:
        return
    notice = _last(s)
    if notice.overrides(s.known):
        yield "the session service decides about what it has stored", s._replace(known=notice, is_told=False)


def _last(s: State) -> Notice:
    return max((Notice(time, s.said[time - 1]) for time in s.stored), default=Notice())


def commit(s: State, on: Standing) -> Steps[State]:
    for lane in LANES:
        if s.texts[lane] == At.NOWHERE and not s.known.is_stop:
            after = _with_text(s, lane, At.COMMITTED)._replace(
                after=(s.known, s.after[1]) if lane == 0 else (s.after[0], s.known),
                committed_after_stop=_last(s).is_stop,
            )
            yield f"a turn commits text {lane}", after


def _with_text(s: State, lane: int, at: At) -> State:
    return s._replace(texts=(at, s.texts[1]) if lane == 0 else (s.texts[0], at))


def tell(s: State, on: Standing) -> Steps[State]:
    if not s.is_told and s.known not in s.notices:
        after = s._replace(notices=s.notices | {s.known})
        if "told until it is heard" not in on:
            after = after._replace(is_told=True)
        yield f"the {_word(s.known.is_stop)} of {s.known.time} is submitted", after


def submit(s: State, on: Standing) -> Steps[State]:
    for lane in LANES:
        said = s.after[lane] if "a START goes with the texts behind it" in on else Notice()
        if s.texts[lane] == At.COMMITTED and (lane, said) not in s.submissions:
            yield f"text {lane} is submitted", s._replace(submissions=s.submissions | {(lane, said)})


def take_notice(s: State, on: Standing) -> Steps[State]:
    if _is_locked(s, on):
        return
    for notice in s.notices:
        after = s._replace(notices=s.notices - {notice}, is_told=s.is_told or notice == s.known)
        what = f"the notifier stores the {_word(notice.is_stop)} of {notice.time}"
        yield what, _told(after, notice, on)


def _is_locked(s: State, on: Standing) -> bool:
    return At.GATHERED in s.texts and "an opt-out waits for the lanes" in on


def _told(s: State, notice: Notice, on: Standing) -> State:
    s = s._replace(heard=max(s.heard, notice))
    if not (notice.overrides(s.copy) or "ordered by event time" not in on):
        return s
    s = s._replace(copy=notice)
    for lane in LANES:
        s = _suppressed(s, lane, on)
    return s


def _suppressed(s: State, lane: int, on: Standing) -> State:
    if s.texts[lane] != At.PENDING or not s.copy.is_stop or "opt-out in the claim" not in on:
        return s
    start = s.after[lane]
    wrongly = start.time > s.copy.time and not start.is_stop
    return _with_text(s, lane, At.SUPPRESSED)._replace(suppressed_after_start=wrongly)


def take_text(s: State, on: Standing) -> Steps[State]:
    for submission in s.submissions:
        lane, said = submission
        after = s._replace(submissions=s.submissions - {submission})
        if s.texts[lane] != At.COMMITTED:
            yield f"text {lane} comes again, or was taken back", after
        elif not _is_locked(s, on):
            if said.time:
                after = _told(after, said, on)
            yield f"the notifier stores text {lane}", _suppressed(_with_text(after, lane, At.PENDING), lane, on)


def claim(s: State, on: Standing) -> Steps[State]:
    for lane in LANES:
        if s.texts[lane] == At.PENDING and At.GATHERED not in s.texts:
            yield f"a claim reads lane {lane}", _with_text(s, lane, At.GATHERED)._replace(seen=s.copy)
        elif s.texts[lane] == At.GATHERED:
            after = s._replace(seen=Notice())
            if s.seen.is_stop and "opt-out in the claim" in on:
                yield f"text {lane} is suppressed", _with_text(after, lane, At.SUPPRESSED)
            else:
                begun = _with_text(after, lane, At.CLAIMED)
                yield f"text {lane} is claimed", begun._replace(begun_after_stop=s.heard.is_stop)


def send(s: State, on: Standing) -> Steps[State]:
    for lane in LANES:
        if s.texts[lane] == At.CLAIMED:
            yield f"text {lane} is sent", _with_text(s, lane, At.SENT)
            yield f"Twilio answers 429 to text {lane}", _suppressed(_with_text(s, lane, At.PENDING), lane, on)


def lose(s: State, on: Standing) -> Steps[State]:
    for notice in s.notices:
        yield f"the {_word(notice.is_stop)} of {notice.time} is lost", s._replace(notices=s.notices - {notice})
    for submission in s.submissions:
        yield f"text {submission[0]} is lost", s._replace(submissions=s.submissions - {submission})


def no_text_is_written_after_a_STOP_is_stored(s: State) -> bool:
    return not s.committed_after_stop


def no_send_begins_after_a_STOP_is_committed_in_the_notifier(s: State) -> bool:
    return not s.begun_after_stop


def no_text_behind_a_START_is_suppressed_by_an_older_STOP(s: State) -> bool:
    return not s.suppressed_after_start


def done(s: State) -> bool:
    is_heard = s.known == s.copy == _last(s) and len(s.stored) == len(s.said)
    return is_heard and all(at in (At.NOWHERE, At.SENT, At.SUPPRESSED, At.CANCELED) for at in s.texts)


PROTOCOL = Protocol(
    "opt-out",
    State(),
    (
        Rule(say),
        Rule(store),
        Rule(decide_later),
        Rule(commit),
        Rule(tell),
        Rule(submit),
        Rule(take_notice),
        Rule(take_text),
        Rule(claim),
        Rule(send),
        Rule(lose, fault=True),
    ),
    (
        no_text_is_written_after_a_STOP_is_stored,
        no_send_begins_after_a_STOP_is_committed_in_the_notifier,
        no_text_behind_a_START_is_suppressed_by_an_older_STOP,
    ),
    done,
    GUARDS,
)
