"""Silence: when a session's due_time asks for a warning, when its grace begins, what ends it, and what speaks for it.

Time goes in steps. A text reaches Twilio at once, and us by its webhook, later or never, or by Twilio's list.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.model.search import Assumption, Guard, Protocol, Rule, Standing, Steps

SILENCE, GRACE, LAST_TEXT, END = 2, 2, 1, 9
"""In steps of time: inactive_after, grace, when the participant falls silent for good, and when the clock stops."""
TEXTS = (0, 1)
NOT_YET = -1

DOMAIN = "services/session/parley_session/domain/"
FETCH = "services/notifier/parley_notifier/handlers/fetch_missed.py"

GUARDS = (
    Guard("true last activity", DOMAIN + "time_out.py", "return Defer(deadline) if deadline > now else Step.WARN"),
    Guard("a reply voids the warning", DOMAIN + "draft.py", "replace(session, warning_id=None, grace_end=None"),
    Guard(
        "grace after acceptance",
        DOMAIN + "time_out.py",
        "case Acceptance.ACCEPTED:\n                return Step.BEGIN_GRACE",
    ),
    Guard("coverage before the end", DOMAIN + "time_out.py", "(covered is None or covered < session.grace_end)"),
    Guard("asked before the list", FETCH, "asked = self._coverage.now\n        async with"),
    Guard("only a whole list covers", FETCH, 'raise NotTaken("the session service did not take'),
)
ASSUMPTIONS = (
    Assumption("listed in time", "Twilio's list shows a text within coverage_lag, or before a session waits"),
)


class State(NamedTuple):
    now: int = 0
    active: int = 0
    """When the participant wrote last, as the session service knows."""
    due: int = SILENCE
    warned: int = NOT_YET
    """When the open warning was written."""
    accepted: int = NOT_YET
    """When Twilio took it."""
    is_recorded: bool = False
    grace_end: int = NOT_YET
    ended: bool = False
    said: tuple[int, ...] = (NOT_YET, NOT_YET)
    """When each text reached Twilio."""
    stored: tuple[bool, ...] = (False, False)
    heard: int = NOT_YET
    """The session service's time as the notifier knows it."""
    covered: int = NOT_YET
    """Texts that Twilio had before are handed over, as far as the notifier knows."""
    list: tuple[int, tuple[int, ...]] | None = None
    """One that is being handed over: what it will cover, and the texts that it shows."""
    replied: bool = False
    """A text was stored while the warning stood."""
    warned_early: bool = False
    ended_early: bool = False
    ended_unheard: bool = False


def tick(s: State, on: Standing) -> Steps[State]:
    if s.now < END and not s.ended:
        yield f"it is {s.now + 1}", s._replace(now=s.now + 1)


def say(s: State, on: Standing) -> Steps[State]:
    for text in TEXTS:
        if s.said[text] == NOT_YET and s.now <= LAST_TEXT and all(then != NOT_YET for then in s.said[:text]):
            said = tuple(s.now if place == text else then for place, then in enumerate(s.said))
            yield f"the participant writes text {text} at {s.now}", s._replace(said=said)
    # A reply to a warning may come at any time, and be the last.
    if s.said[-1] == NOT_YET and s.grace_end != NOT_YET and not s.ended and s.said[0] != NOT_YET:
        yield f"the participant replies at {s.now}", s._replace(said=(s.said[0], s.now))


def receive(s: State, on: Standing) -> Steps[State]:
    for text in TEXTS:
        if s.said[text] != NOT_YET and not s.stored[text]:
            yield f"the webhook brings text {text}", _store(s, text, on)


def _store(s: State, text: int, on: Standing) -> State:
    if s.stored[text]:
        return s
    s = s._replace(stored=tuple(was or place == text for place, was in enumerate(s.stored)))
    if s.ended:
        return s
    s = s._replace(active=s.now, replied=s.warned != NOT_YET)
    if s.warned == NOT_YET or "a reply voids the warning" not in on:
        return s
    return s._replace(
        warned=NOT_YET, accepted=NOT_YET, is_recorded=False, grace_end=NOT_YET, due=s.now + SILENCE, replied=False
    )


def accept(s: State, on: Standing) -> Steps[State]:
    if s.warned != NOT_YET and s.accepted == NOT_YET and not s.ended:
        yield f"Twilio accepts the warning at {s.now}", s._replace(accepted=s.now)


def record(s: State, on: Standing) -> Steps[State]:
    if s.accepted != NOT_YET and not s.is_recorded and not s.ended:
        after = s._replace(is_recorded=True)
        if s.grace_end == NOT_YET:
            after = after._replace(grace_end=s.now + GRACE, due=s.now + GRACE)
        yield f"the acceptance is recorded at {s.now}", after


def time_out(s: State, on: Standing) -> Steps[State]:
    after = s._replace(heard=s.now)
    if s.ended or s.due > s.now:
        if after != s:
            yield f"the notifier asks for what is due and hears that it is {s.now}", after
    elif s.warned == NOT_YET:
        yield from _judge_silence(after, on)
    elif s.grace_end == NOT_YET:
        yield "the warning is on its way: later", after._replace(due=s.now + 1)
    elif s.grace_end > s.now:
        yield "the grace is not over", after._replace(due=s.grace_end)
    elif "coverage before the end" in on and s.covered < s.grace_end:
        if after != s:
            yield "the grace is over: Twilio's list is awaited", after
    else:
        yield f"the session ends at {s.now}", _end(after)


def _judge_silence(s: State, on: Standing) -> Steps[State]:
    if s.active + SILENCE > s.now and "true last activity" in on:
        yield "somebody wrote meanwhile: later", s._replace(due=s.active + SILENCE)
        return
    grace_end = NOT_YET if "grace after acceptance" in on else s.now + GRACE
    due = s.now + 1 if grace_end == NOT_YET else grace_end
    early = s.active + SILENCE > s.now
    after = s._replace(warned=s.now, grace_end=grace_end, due=due, warned_early=early)
    yield f"the warning is written at {s.now}", after


def _end(s: State) -> State:
    unheard = any(
        NOT_YET < then < s.grace_end and not is_stored for then, is_stored in zip(s.said, s.stored, strict=True)
    )
    early = s.accepted == NOT_YET or s.accepted + GRACE > s.now
    return s._replace(ended=True, ended_early=early, ended_unheard=unheard or s.replied)


def ask(s: State, on: Standing) -> Steps[State]:
    if s.list is not None or s.heard == NOT_YET or s.ended:
        return
    shown = tuple(text for text in TEXTS if s.said[text] != NOT_YET)
    yield f"Twilio's list is asked for, to cover {s.heard}", s._replace(list=(s.heard, shown))
    if shown and "listed in time" not in on:
        yield f"Twilio's list does not show text {shown[-1]} yet", s._replace(list=(s.heard, shown[:-1]))


def hand_over(s: State, on: Standing) -> Steps[State]:
    if s.list is None:
        return
    covers, shown = s.list
    after = s._replace(list=None)
    covered = max(s.covered, covers if "asked before the list" in on else s.heard)
    for text in shown:
        after = _store(after, text, on)
    yield f"the list is handed over: {covered} is covered", after._replace(covered=covered)
    if any(not s.stored[text] for text in shown):
        covered = s.covered if "only a whole list covers" in on else covered
        yield "the session service does not take what the list shows", s._replace(list=None, covered=covered)


def nobody_is_warned_who_wrote_less_than_24_h_ago(s: State) -> bool:
    return not s.warned_early


def no_session_ends_within_10_min_of_its_warning(s: State) -> bool:
    return not s.ended_early


def no_session_ends_on_somebody_who_has_replied(s: State) -> bool:
    return not s.ended_unheard


def done(s: State) -> bool:
    """Ended, or kept open to the end of time by texts."""
    return (s.ended and all(s.stored[text] or s.said[text] == NOT_YET for text in TEXTS)) or s.now == END


def canonical(s: State) -> State:
    """Of times of coverage it matters only whether they reach the grace's end; of a stored text not when it came."""
    said = tuple(0 if is_stored else then for then, is_stored in zip(s.said, s.stored, strict=True))
    listed = s.list and (_reach(s, s.list[0]), tuple(text for text in s.list[1] if not s.stored[text]))
    covered = NOT_YET if s.grace_end == NOT_YET or s.covered < s.grace_end else s.grace_end
    return s._replace(said=said, list=listed, heard=_reach(s, s.heard), covered=covered)


def _reach(s: State, time: int) -> int:
    if time == NOT_YET:
        return NOT_YET
    return 0 if s.grace_end == NOT_YET or time < s.grace_end else s.grace_end


PROTOCOL = Protocol(
    "time-out",
    State(),
    (
        Rule(tick),
        Rule(say),
        Rule(receive),
        Rule(accept),
        Rule(record),
        Rule(time_out),
        Rule(ask),
        Rule(hand_over),
    ),
    (
        nobody_is_warned_who_wrote_less_than_24_h_ago,
        no_session_ends_within_10_min_of_its_warning,
        no_session_ends_on_somebody_who_has_replied,
    ),
    done,
    GUARDS,
    ASSUMPTIONS,
    canonical,
)
