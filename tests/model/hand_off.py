"""Hand-off: the outbox is submitted until an outcome is recorded, lanes send in order, outcomes come back.

The network loses, repeats and reorders what it carries. A send is one step here; send.py takes it apart.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from tests.model.search import Guard, Protocol, Rule, Standing, Steps

TEXTS = (0, 1)
"""Places in the thread's order: seq - 1."""
DECISION = "services/notifier/parley_notifier/domain/decision.py"
QUERIES = "services/session/parley_session/adapters/postgres/queries.sql"

GUARDS = (
    Guard("submit is idempotent", DECISION, "        if known is not None:\n            # Who submits again"),
    Guard("lane order", "services/notifier/parley_notifier/domain/lane.py", "return self.queue.get(self.next_seq)"),
    Guard("cancel remembered", DECISION, "        delivery.canceled = True\n"),
    Guard("outcome before the outbox row is finished", QUERIES, "  WHERE i.state >= 3\n"),
    Guard("who submits again is told again", DECISION, "            self._record(lane, known)\n"),
    Guard("the furthest outcome counts", QUERIES, "least(i.state, 5) > least(m.delivery_state, 5)"),
)


class At(IntEnum):
    """Where a delivery stands at the notifier."""

    NOWHERE = 0
    PENDING = 1
    CLAIMED = 2
    UNKNOWN = 3
    ACCEPTED = 4
    CANCELED = 5


FINAL = (At.ACCEPTED, At.CANCELED)
TOLD = (At.UNKNOWN, At.ACCEPTED, At.CANCELED)


class State(NamedTuple):
    committed: int = 0
    """Texts that the session service has committed."""
    outbox: tuple[int, ...] = (0, 0)
    """Of each text: 1 while its row is there."""
    canceled: tuple[int, ...] = (0, 0)
    recorded: tuple[int, ...] = (0, 0)
    """The outcome that the session service knows."""
    submissions: frozenset[tuple[int, int]] = frozenset()
    """On the network: text, and whether it is canceled."""
    records: frozenset[tuple[int, int]] = frozenset()
    """On the network: text and outcome."""
    stored: tuple[int, ...] = (At.NOWHERE, At.NOWHERE)
    wished: tuple[int, ...] = (0, 0)
    """The delivery's mark that it must not be sent (again)."""
    heard: tuple[int, ...] = (0, 0)
    """The notifier has been told that it is canceled, whatever it made of that."""
    sent: tuple[int, ...] = ()
    """What Twilio has, in its order."""
    begun_canceled: bool = False
    retries: int = 0


def put(values: tuple[int, ...], place: int, value: int) -> tuple[int, ...]:
    return (*values[:place], value, *values[place + 1 :])


def commit(s: State, on: Standing) -> Steps[State]:
    if s.committed < len(TEXTS):
        text = s.committed
        yield f"a turn commits text {text}", s._replace(committed=text + 1, outbox=put(s.outbox, text, 1))


def cancel(s: State, on: Standing) -> Steps[State]:
    if s.committed and s.outbox[0] and not s.canceled[0]:
        yield "the session service takes text 0 back", s._replace(canceled=put(s.canceled, 0, 1))


def submit(s: State, on: Standing) -> Steps[State]:
    for text in TEXTS:
        copy = (text, s.canceled[text])
        if s.outbox[text] and copy not in s.submissions:
            yield (
                f"the relay submits text {text}{' as canceled' * copy[1]}",
                s._replace(submissions=s.submissions | {copy}),
            )


def take(s: State, on: Standing) -> Steps[State]:
    for copy in s.submissions:
        text, canceled = copy
        what = f"the notifier stores text {text}{' as canceled' * canceled}"
        after = _take(s._replace(submissions=s.submissions - {copy}), text, canceled, on)
        if "outcome before the outbox row is finished" not in on:
            after = after._replace(outbox=put(after.outbox, text, 0))
        yield what, after
        yield f"{what}, and the network keeps a copy", after._replace(submissions=s.submissions)


def _take(s: State, text: int, canceled: int, on: Standing) -> State:
    at = s.stored[text]
    if at == At.NOWHERE or "submit is idempotent" not in on:
        s = s._replace(stored=put(s.stored, text, At.PENDING))
    elif "who submits again is told again" in on:
        s = _told(s, text)
    if not canceled:
        return s
    s = s._replace(heard=put(s.heard, text, 1))
    if s.stored[text] == At.PENDING:
        return _told(s._replace(stored=put(s.stored, text, At.CANCELED)), text)
    return s._replace(wished=put(s.wished, text, 1)) if "cancel remembered" in on else s


def _told(s: State, text: int) -> State:
    at = s.stored[text]
    return s._replace(records=s.records | {(text, at)}) if at in TOLD else s


def claim(s: State, on: Standing) -> Steps[State]:
    if any(at in (At.CLAIMED, At.UNKNOWN) for at in s.stored):
        return
    for text in TEXTS:
        is_head = all(s.stored[earlier] in FINAL for earlier in range(text))
        if s.stored[text] == At.PENDING and (is_head or "lane order" not in on):
            after = s._replace(stored=put(s.stored, text, At.CLAIMED))
            yield f"a sender claims text {text}", after._replace(begun_canceled=bool(s.heard[text]))


def finish(s: State, on: Standing) -> Steps[State]:
    for text in TEXTS:
        if s.stored[text] == At.CLAIMED:
            yield f"Twilio accepts text {text}", _accepted(s._replace(sent=(*s.sent, text)), text)
            unknown = s._replace(stored=put(s.stored, text, At.UNKNOWN), sent=(*s.sent, text))
            yield f"Twilio accepts text {text}, its answer is lost", _told(unknown, text)
        elif s.stored[text] == At.UNKNOWN:
            yield f"a callback proves text {text}", _accepted(s, text)


def give_back(s: State, on: Standing) -> Steps[State]:
    for text in TEXTS:
        if s.stored[text] == At.CLAIMED and s.retries < 1:
            yield f"Twilio answers 429 to text {text}", _given_back(s._replace(retries=s.retries + 1), text)


def _accepted(s: State, text: int) -> State:
    return _told(s._replace(stored=put(s.stored, text, At.ACCEPTED)), text)


def _given_back(s: State, text: int) -> State:
    if s.wished[text]:
        return _told(s._replace(stored=put(s.stored, text, At.CANCELED)), text)
    return s._replace(stored=put(s.stored, text, At.PENDING))


def record(s: State, on: Standing) -> Steps[State]:
    for told in s.records:
        text, outcome = told
        counts = outcome > s.recorded[text] or "the furthest outcome counts" not in on
        after = s._replace(
            recorded=put(s.recorded, text, outcome) if counts else s.recorded,
            outbox=put(s.outbox, text, 0) if outcome in FINAL else s.outbox,
            records=s.records - {told},
        )
        yield f"the session service records text {text} as {At(outcome).name}", after


def lose(s: State, on: Standing) -> Steps[State]:
    for copy in s.submissions:
        yield f"the submission of text {copy[0]} is lost", s._replace(submissions=s.submissions - {copy})
    for told in s.records:
        yield f"the outcome of text {told[0]} is lost", s._replace(records=s.records - {told})


def each_text_reaches_Twilio_at_most_once(s: State) -> bool:
    return len(s.sent) == len(set(s.sent))


def texts_reach_Twilio_in_their_order(s: State) -> bool:
    return list(s.sent) == sorted(s.sent)


def no_send_begins_of_what_was_taken_back(s: State) -> bool:
    return not s.begun_canceled


def what_is_recorded_is_true(s: State) -> bool:
    return all(
        (told != At.ACCEPTED or t in s.sent) and (told != At.CANCELED or t not in s.sent)
        for t, told in enumerate(s.recorded)
    )


def done(s: State) -> bool:
    return s.committed == len(TEXTS) and all(told in FINAL for told in s.recorded) and not any(s.outbox)


PROTOCOL = Protocol(
    "hand-off",
    State(),
    (
        Rule(commit),
        Rule(cancel),
        Rule(submit),
        Rule(take),
        Rule(claim),
        Rule(finish),
        Rule(give_back),
        Rule(record),
        Rule(lose, fault=True),
    ),
    (
        each_text_reaches_Twilio_at_most_once,
        texts_reach_Twilio_in_their_order,
        no_send_begins_of_what_was_taken_back,
        what_is_recorded_is_true,
    ),
    done,
    GUARDS,
)
