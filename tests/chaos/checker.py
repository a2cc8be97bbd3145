"""Judges a history: a pure function, one verdict for each invariant.

What a caller does not know (a webhook without an answer, a request that was cut) counts as something that may have
happened. What Twilio has is known: of that, nothing may be missing, twice or out of order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from tests.chaos.history import Accepted, Change, History, Inbound, Message, Session, Turn

INBOUND, OUTBOUND = 1, 2
ANSWERED, FALLBACK, DROPPED = 1, 2, 3
END_TURN = 3
REPLY, FALLBACK_TEXT, WARNING, CLOSING = 1, 2, 4, 5
TAKEN_STATES = frozenset({3, 4, 5, 7})
"""Of a message that Twilio has."""
NEVER_SENT_STATES = frozenset({8, 9, 10, 11})
"""Suppressed, canceled, expired, held: unless it was found out too late, Twilio has none of it."""
FALLBACK_SHARE = 0.05
"""Of the turns, at most so many may end in the fallback text; but for the first few."""
FEW = 5
FAILED = 6
INACTIVE = 3
"""Why a session ended: by silence."""
PRECISION = 0.005
UNTIL_COMMIT = 0.25
"""Seconds from a transaction's last write to its commit, which is on its way with it, at the most."""
EXAMPLES = 5


@dataclass(frozen=True)
class Verdict:
    """`broken` are sentences without texts or numbers; `looked_at` is how many things could have been broken."""

    invariant: str
    says: str
    broken: tuple[str, ...]
    looked_at: int

    @property
    def holds(self) -> bool:
        return not self.broken


@dataclass
class View:
    """A history and what is looked up in it."""

    history: History
    inbound_rows: Mapping[str, list[Message]] = field(init=False)
    """By sid."""
    takers: Mapping[str, list[Turn]] = field(init=False)
    """The committed turns that took texts, by thread and in the order of these."""
    accepted_by_delivery: Mapping[str, list[Accepted]] = field(init=False)
    outbound: Mapping[str, list[Message]] = field(init=False)
    """By thread, in the order of seq."""

    def __post_init__(self) -> None:
        history = self.history
        self.inbound_rows = _grouped((m for m in history.messages if m.direction == INBOUND), lambda m: m.sid)
        self.accepted_by_delivery = _grouped(history.accepted, lambda a: a.delivery)
        takers = (t for t in history.turns if t.outcome in (ANSWERED, FALLBACK) and t.kind != END_TURN)
        self.takers = _grouped(sorted(takers, key=lambda t: (t.first, t.last)), lambda t: t.thread)
        outbound = (m for m in history.messages if m.direction == OUTBOUND)
        self.outbound = _grouped(sorted(outbound, key=lambda m: m.seq), lambda m: m.thread)

    def turns_of(self, message: Message) -> list[Turn]:
        return [t for t in self.takers.get(message.thread, ()) if t.first <= message.position <= t.last]


def check(history: History) -> list[Verdict]:
    """One verdict for each invariant, in their order."""
    view = View(history)
    return [
        Verdict(name, says, tuple(sorted(set(rule(view)))), looked_at(history))
        for name, says, rule, looked_at in INVARIANTS
    ]


def _each_text_in_one_turn(view: View) -> Iterator[str]:
    for text in view.history.inbound:
        rows = view.inbound_rows.get(text.sid, [])
        said = "acknowledged" if text.sid in view.history.acknowledged else "in Twilio's list only"
        if not rows:
            yield f"lost: {text.sid} ({said}) is not stored"
        elif len(rows) > 1:
            yield f"duplicated: {text.sid} is stored {len(rows)} times"
        elif not rows[0].ignored and len(turns := view.turns_of(rows[0])) != 1:
            yield f"{'duplicated' if turns else 'lost'}: {text.sid} is in {len(turns)} committed turns"


def _each_text_answered_once(view: View) -> Iterator[str]:
    """The same from the participant's side: the agent repeats what it was given, so Twilio must have it once."""
    said = Counter(
        word for accepted in view.history.accepted if ": " in accepted.text for word in _words(accepted.text)
    )
    replies = {m.turn: m for m in view.history.messages if m.direction == OUTBOUND and m.kind == REPLY}
    for text in view.history.inbound:
        rows, times = view.inbound_rows.get(text.sid, []), said[text.token]
        if times > 1:
            yield f"duplicated: {text.sid} is answered {times} times"
        if len(rows) != 1 or rows[0].ignored or len(turns := view.turns_of(rows[0])) != 1:
            continue
        reply = replies.get(turns[0].id)
        if turns[0].outcome == ANSWERED and reply is not None and reply.state in TAKEN_STATES and not times:
            yield f"lost: the answer to {text.sid} does not hold it"


def _nothing_from_nowhere(view: View) -> Iterator[str]:
    known = {text.sid for text in view.history.inbound}
    for sid in view.inbound_rows:
        if sid in view.history.forged:
            yield f"forged: {sid} was taken"
        elif sid not in known:
            yield f"from nowhere: {sid} is stored, and Twilio has no such text"


def _each_message_sent_once(view: View) -> Iterator[str]:
    for message in view.history.messages:
        if message.direction != OUTBOUND:
            continue
        times = len(view.accepted_by_delivery.get(message.id, ()))
        if times > 1:
            yield f"duplicated: Twilio took {message.id} {times} times"
        elif message.state in TAKEN_STATES and not times:
            yield f"lost: {message.id} counts as accepted, and Twilio has none"
        elif message.state == FAILED and not times:
            # The simulated Twilio refuses nothing for good that the rig sends.
            yield f"lost: {message.id} failed, and Twilio has none"
        elif message.state in NEVER_SENT_STATES and times:
            yield f"sent all the same: {message.id} (state {message.state})"


def _each_lane_in_order(view: View) -> Iterator[str]:
    for thread, messages in view.outbound.items():
        seqs = [message.seq for message in messages]
        if seqs != list(range(1, len(seqs) + 1)):
            yield f"gap: the seqs of thread {thread} are not 1 to {len(seqs)}"
    seq_of = {message.id: (message.thread, message.seq) for messages in view.outbound.values() for message in messages}
    lanes: dict[str, list[int]] = defaultdict(list)
    for accepted in view.history.accepted:
        thread, seq = seq_of.get(accepted.delivery, ("", 0))
        if thread:
            lanes[thread].append(seq)
    for thread, seqs in lanes.items():
        for before, after in pairwise(seqs):
            if after < before:
                yield f"out of order: thread {thread} got {after} behind {before}"


def _turns_in_order(view: View) -> Iterator[str]:
    for thread, turns in view.takers.items():
        for before, after in pairwise(turns):
            if after.first <= before.last:
                yield f"overlap: turns {before.id} and {after.id} of thread {thread} took the same text"
        place = {turn.id: n for n, turn in enumerate(turns)}
        replies = [place[m.turn] for m in view.outbound.get(thread, ()) if m.turn in place]
        if replies != sorted(replies):
            yield f"out of order: the replies of thread {thread} are not in the order of its turns"


def _fences_hold(view: View) -> Iterator[str]:
    """Fences grow, a turn is committed once, and by the call of its last claim as far as calls can tell."""
    fences: dict[str, int] = {}
    closed: dict[str, Change] = {}
    for change in _changes(view, "turn"):
        turn, fence = str(change.item["id"]), int(change.item["fence"])
        if turn in closed:
            yield f"changed after its end: turn {turn}"
        if fence < fences.get(turn, 0):
            yield f"fence fell: turn {turn}"
        fences[turn] = fence
        if not change.item["open"]:
            closed[turn] = change
    calls = _grouped(sorted(view.history.calls, key=lambda call: call.at), lambda call: call.turn)
    for message in view.history.messages:
        if message.direction == OUTBOUND and message.kind == REPLY and message.turn in closed:
            used = message.text.partition(": ")[0]
            claims = _claims_before(view, message.turn, closed[message.turn])
            begun = [call.call for call in calls.get(message.turn, ()) if call.at < closed[message.turn].at]
            if used in begun and len(begun) > 1 and begun[-1] != used and len(begun) == claims:
                yield f"old fence: turn {message.turn} was committed by call {begun.index(used) + 1} of {len(begun)}"


def _claims_before(view: View, turn: str, end: Change) -> int:
    return int(end.item["fence"])


def _opt_outs_hold(view: View) -> Iterator[str]:
    """Whoever has opted out, as the notifier had it, is sent nothing whose claim came after that.

    Who stores what a participant has said holds all of their lanes, so the order is exact. Who stores that Twilio has
    refused a text holds that text's: a claim in another lane of the scope may be under way, and is refused as well.
    """
    refused = _refused(view)
    out_since: dict[tuple[str, str], float] = {}
    of = {delivery.id: (delivery.scope, delivery.participant) for delivery in view.history.deliveries}
    attempts: dict[str, int] = {}
    for change in view.history.changes:
        if change.what == "opt_out":
            key = (change.item["scope"], change.item["participant"])
            if change.item["opted_out"]:
                since = change.at + UNTIL_COMMIT if change.tx in refused else 0.0
                out_since[key] = min(since, out_since.get(key, since))
            else:
                out_since.pop(key, None)
        elif change.what == "delivery":
            delivery, attempt = str(change.item["id"]), int(change.item["attempt"])
            begun = attempt > attempts.get(delivery, 0)
            attempts[delivery] = attempt
            if begun and change.began >= out_since.get(of.get(delivery, ("", "")), inf):
                yield f"opted out: a send of {delivery} began all the same"


def _refused(view: View) -> set[str]:
    """The transactions that stored Twilio's refusal of a text to somebody who has opted out."""
    states: dict[str, str] = {}
    found = set()
    for change in _changes(view, "delivery"):
        delivery, state = str(change.item["id"]), str(change.item["state"])
        if state == "suppressed" and states.get(delivery) == "claimed":
            found.add(change.tx)
        states[delivery] = state
    return found


def _cancels_hold(view: View) -> Iterator[str]:
    """What the notifier has confirmed to take back is not begun after that."""
    attempts: dict[str, int] = {}
    for change in _changes(view, "delivery"):
        delivery, attempt = str(change.item["id"]), int(change.item["attempt"])
        taken_back = view.history.cancels.get(delivery)
        if attempt > attempts.get(delivery, 0) and taken_back is not None and change.at > taken_back + PRECISION:
            yield f"canceled: a send of {delivery} began after it was taken back"
        attempts[delivery] = attempt


def _timers_hold(view: View) -> Iterator[str]:
    history = view.history
    messages = _grouped(history.messages, lambda m: m.session)
    threads = {(t.endpoint, t.participant): t.id for t in history.threads}
    texts = _grouped(history.inbound, lambda text: threads.get((text.number, text.participant)))
    for session in history.sessions:
        own = sorted(messages.get(session.id, ()), key=lambda m: m.position)
        yield from _warned_in_time(history, session, own)
        if session.reason == INACTIVE and session.grace_end is not None:
            yield from _ended_in_time(view, session, session.grace_end)
            warned = max((m.at for m in own if m.kind == WARNING), default=session.grace_end)
            yield from _heard(view, session, texts.get(session.thread, ()), (warned, session.grace_end))


def _warned_in_time(history: History, session: Session, messages: Sequence[Message]) -> Iterator[str]:
    for n, message in enumerate(messages):
        active = [other.at for other in messages[:n] if other.kind != WARNING and not other.ignored]
        if message.kind == WARNING and active and message.at < max(active) + history.inactive_after - PRECISION:
            yield f"too early: session {session.id} was warned before it had been silent"


def _ended_in_time(view: View, session: Session, grace_end: float) -> Iterator[str]:
    if session.ended is not None and session.ended < grace_end - PRECISION:
        yield f"too early: session {session.id} ended before its grace"
    for accepted in view.accepted_by_delivery.get(session.warning or "", ()):
        if grace_end < view.history.people_times(accepted.at)[0] + view.history.grace - 1:
            yield f"too early: the grace of session {session.id} began before Twilio had the warning"


def _heard(view: View, session: Session, texts: Iterable[Inbound], grace: tuple[float, float]) -> Iterator[str]:
    """Twilio's times are whole seconds: a text of the grace's last second may count as later."""
    for text in texts:
        rows = view.inbound_rows.get(text.sid, [])
        earliest, latest = view.history.people_times(text.at)
        came_in_time = grace[0] < earliest and latest < grace[1] - 1
        if came_in_time and rows and rows[0].session != session.id:
            yield f"not heard: session {session.id} ended although {text.sid} had come in time"


def _ended_sessions_are_silent(view: View) -> Iterator[str]:
    ended: dict[str, str] = {}
    for change in view.history.changes:
        if change.what == "session" and change.item["end_time"] is not None:
            ended.setdefault(str(change.item["id"]), change.tx)
        elif change.what == "message" and change.item["direction"] == OUTBOUND:
            session = str(change.item["session_id"])
            if ended.get(session, change.tx) != change.tx:
                yield f"after the end: session {session} said something"


def _sids_match(view: View) -> Iterator[str]:
    known = {message.id: message for messages in view.outbound.values() for message in messages}
    for accepted in view.history.accepted:
        message = known.get(accepted.delivery)
        if message is None:
            yield f"from nowhere: Twilio took {accepted.sid}, which is no message of ours"
        elif message.sid != accepted.sid and len(view.accepted_by_delivery[accepted.delivery]) == 1:
            yield f"sid: {message.id} does not know {accepted.sid}"
    sids = Counter(message.sid for message in known.values() if message.sid)
    yield from (f"sid: {sid} belongs to {times} messages" for sid, times in sids.items() if times > 1)


def _requests_count_once(view: View) -> Iterator[str]:
    texts = Counter(message.text for messages in view.outbound.values() for message in messages)
    for request in view.history.requests.values():
        if len(request.messages) > 1:
            yield f"two answers: key {request.key}"
        times = texts[request.token]
        if times > 1 or (request.acked and not times):
            yield f"{'duplicated' if times else 'lost'}: what key {request.key} asked for is there {times} times"


def _everything_ends(view: View) -> Iterator[str]:
    history = view.history
    for what, count in history.unfinished.items():
        yield f"not drained: {count} {what}"
    if history.drained > history.drain_bound:
        yield f"too late: drained in {history.drained:.1f} s, not in {history.drain_bound:.1f} s"


def _fallbacks_are_few(view: View) -> Iterator[str]:
    turns = [turn for turns in view.takers.values() for turn in turns]
    fallbacks = sum(turn.outcome == FALLBACK for turn in turns)
    if fallbacks > max(FEW, FALLBACK_SHARE * len(turns)):
        yield f"fallbacks: {fallbacks} of {len(turns)} turns"


def _changes(view: View, what: str) -> Iterator[Change]:
    return (change for change in view.history.changes if change.what == what)


def _words(text: str) -> list[str]:
    return text.partition(": ")[2].split()


def _grouped(items: Iterable, key: Callable) -> dict:  # type: ignore[type-arg]
    groups: dict = defaultdict(list)  # type: ignore[type-arg]
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


Rule = Callable[[View], Iterator[str]]
INVARIANTS: tuple[tuple[str, str, Rule, Callable[[History], int]], ...] = (
    ("I1", "each text is in exactly one committed turn", _each_text_in_one_turn, lambda h: len(h.inbound)),
    ("I1b", "each text is answered once", _each_text_answered_once, lambda h: len(h.inbound)),
    ("I2", "nothing is taken that Twilio has not", _nothing_from_nowhere, lambda h: len(h.forged) + len(h.inbound)),
    ("I3", "each message is sent once", _each_message_sent_once, lambda h: len(h.accepted)),
    ("I4", "each lane is in order, without gaps", _each_lane_in_order, lambda h: len(h.accepted)),
    ("I5", "turns and replies are in order", _turns_in_order, lambda h: len(h.turns)),
    ("I6", "fences hold", _fences_hold, lambda h: len(h.turns)),
    ("I7", "no send begins after an opt-out", _opt_outs_hold, lambda h: sum(c.what == "opt_out" for c in h.changes)),
    ("I7b", "no send begins after a cancel", _cancels_hold, lambda h: len(h.cancels)),
    ("I8", "nobody is warned or ended too early", _timers_hold, lambda h: sum(m.kind == WARNING for m in h.messages)),
    ("I9", "an ended session says nothing", _ended_sessions_are_silent, lambda h: len(h.sessions)),
    ("I10", "sids and messages match", _sids_match, lambda h: len(h.accepted)),
    ("I10b", "a repeated request counts once", _requests_count_once, lambda h: len(h.requests)),
    ("I11", "everything ends in time", _everything_ends, lambda h: len(h.deliveries)),
    ("I11b", "fallbacks are few", _fallbacks_are_few, lambda h: len(h.turns)),
)
