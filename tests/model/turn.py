"""Turns: accepting a text, claiming a turn with it, the agent's answer under a fence, take-over, and ended sessions.

Two texts that Twilio brings as often as it likes, two processes that accept them, agents that answer at any time.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.model.search import Guard, Protocol, Rule, Standing, Steps

TEXTS = (0, 1)
PROCESSES = (0, 1)
ATTEMPTS = 3
"""After which the fallback is the answer."""

SESSION = "services/session/parley_session/"
QUERIES = SESSION + "adapters/postgres/queries.sql"
DECIDE = SESSION + "domain/decide.py"

GUARDS = (
    Guard("dedupe", SESSION + "handlers/receive_messages.py", "if item.event.source_id not in gathered.sources"),
    Guard(
        "unique open session",
        QUERIES,
        "JOIN session.threads t USING (channel, endpoint, participant)\nORDER BY t.id\nFOR UPDATE OF t",
    ),
    Guard("the turn is open", DECIDE, "if turn is None or not turn.claimed"),
    Guard("turn fence", DECIDE, "(turn.id, turn.fence) != (event.turn_id, event.fence)"),
    Guard("input is fixed", SESSION + "domain/turn_actions.py", "if not turn.last_position and turn.kind"),
    Guard("an end drops the turn", DECIDE, "    _drop_turn(machine)\n    machine.fire(SessionSymbol.END, ending)"),
    Guard("dropped texts wait on", SESSION + "domain/draft.py", "if outcome is not TurnOutcome.DROPPED:"),
)


class Turn(NamedTuple):
    """The thread's open turn."""

    id: int
    session: int
    fence: int = 0
    """0 until it is claimed."""
    last: int = 0
    """How far its input goes; 0 until it is fixed."""


class Run(NamedTuple):
    """An agent at work."""

    turn: int
    session: int
    fence: int
    first: int
    last: int


class State(NamedTuple):
    stored: tuple[int, ...] = ()
    """Texts in the order of their positions, which count from 1."""
    taken: int = 0
    """The position up to which turns have taken texts."""
    session: int = 0
    """The open one; 0 for none."""
    sessions: int = 0
    """How many there have been."""
    open_sessions: int = 0
    turn: Turn | None = None
    turns: int = 0
    runs: frozenset[Run] = frozenset()
    answered: tuple[int, ...] = (0, 0)
    """Of each text: committed turns with it."""
    accepting: tuple[tuple[int, bool, int] | None, ...] = (None, None)
    """Of each process: the text, whether it is stored already, and the open session, as it has read them."""
    ends: int = 1
    old_fence: bool = False
    """A result counted that was not the last claim's."""
    in_ended: bool = False
    """A reply was committed in a session that had ended."""
    order: tuple[int, ...] = ()
    """Texts as turns took them."""


def read(s: State, on: Standing) -> Steps[State]:
    if _is_locked(s, on):
        return
    for process in PROCESSES:
        for text in TEXTS:
            if s.accepting[process] is None and s.stored.count(text) < 2 and len(s.stored) < 3:
                seen = (text, text in s.stored, s.session)
                yield f"process {process} locks the thread for text {text} and reads it", _accepting(s, process, seen)


def _is_locked(s: State, on: Standing) -> bool:
    return "unique open session" in on and any(s.accepting)


def _accepting(s: State, process: int, seen: tuple[int, bool, int] | None) -> State:
    return s._replace(accepting=tuple(seen if p == process else was for p, was in enumerate(s.accepting)))


def store(s: State, on: Standing) -> Steps[State]:
    for process in PROCESSES:
        seen = s.accepting[process]
        if seen is None:
            continue
        text, is_known, session = seen
        after = _accepting(s, process, None)
        if is_known and "dedupe" in on:
            yield f"process {process} finds text {text} stored: Twilio has its 200", after
            continue
        after = after._replace(stored=(*after.stored, text))
        if not session:
            after = _open(after)
        yield f"process {process} commits text {text}: Twilio has its 200", _go_on(after)


def give_up(s: State, on: Standing) -> Steps[State]:
    for process in PROCESSES:
        if s.accepting[process] is not None:
            yield f"process {process} dies: Twilio will bring the text again", _accepting(s, process, None)


def _open(s: State) -> State:
    return s._replace(session=s.sessions + 1, sessions=s.sessions + 1, open_sessions=s.open_sessions + 1)


def _go_on(s: State) -> State:
    """Waiting texts get a session, and a turn, if there is none."""
    if s.turn is not None or len(s.stored) <= s.taken:
        return s
    if not s.session:
        s = _open(s)
    return s._replace(turn=Turn(s.turns, s.session), turns=s.turns + 1)


def claim(s: State, on: Standing) -> Steps[State]:
    turn = s.turn
    if turn is not None and not turn.fence and not _is_locked(s, on):
        yield f"turn {turn.id} is claimed", _claimed(s, turn, on)


def take_over(s: State, on: Standing) -> Steps[State]:
    turn = s.turn
    if turn is None or not turn.fence or _is_locked(s, on):
        return
    if turn.fence < ATTEMPTS:
        yield f"the lease of turn {turn.id} runs out: it is claimed again", _claimed(s, turn, on)
    else:
        yield f"the lease of turn {turn.id} runs out: the fallback is sent", _close(s, turn.last)


def _claimed(s: State, turn: Turn, on: Standing) -> State:
    last = turn.last if turn.last and "input is fixed" in on else len(s.stored)
    turn = turn._replace(fence=turn.fence + 1, last=last)
    return s._replace(turn=turn, runs=s.runs | {Run(turn.id, turn.session, turn.fence, s.taken + 1, last)})


def answer(s: State, on: Standing) -> Steps[State]:
    if _is_locked(s, on):
        return
    for run in s.runs:
        what = f"the agent answers turn {run.turn}, fence {run.fence}:"
        after = s._replace(runs=s.runs - {run})
        if not _counts(s.turn, run, on):
            yield f"{what} too late", after
            continue
        is_last = s.turn is not None and (s.turn.id, s.turn.fence) == (run.turn, run.fence)
        after = after._replace(
            old_fence=s.old_fence or (s.turn is not None and not is_last),
            in_ended=s.in_ended or run.session != s.session,
        )
        yield f"{what} committed", _close(after, run.last, run.first)


def _counts(turn: Turn | None, run: Run, on: Standing) -> bool:
    if turn is None or not turn.fence or turn.id != run.turn:
        return "the turn is open" not in on
    return turn.fence == run.fence or "turn fence" not in on


def _close(s: State, last: int, first: int = 0) -> State:
    """Commits a turn with the texts from `first` to `last`, or all that wait up to there."""
    inputs = s.stored[(first or s.taken + 1) - 1 : last]
    answered = tuple(count + inputs.count(text) for text, count in enumerate(s.answered))
    s = s._replace(turn=None, taken=max(s.taken, last), answered=answered, order=(*s.order, *inputs))
    return _go_on(s)


def end(s: State, on: Standing) -> Steps[State]:
    if not s.ends or not s.session or _is_locked(s, on):
        return
    after = s._replace(ends=s.ends - 1, session=0, open_sessions=s.open_sessions - 1)
    if "an end drops the turn" in on:
        if s.turn is not None and "dropped texts wait on" not in on:
            after = after._replace(taken=max(s.taken, s.turn.last))
        after = after._replace(turn=None)
    yield "the session ends by request", _go_on(after)


def no_thread_has_two_open_sessions(s: State) -> bool:
    return s.open_sessions <= 1


def each_text_is_in_at_most_one_committed_turn(s: State) -> bool:
    return max(s.answered) <= 1


def turns_take_texts_in_the_order_of_their_positions(s: State) -> bool:
    return s.order == s.stored[: len(s.order)]


def only_the_last_claim_of_a_turn_counts(s: State) -> bool:
    return not s.old_fence


def nothing_is_said_in_an_ended_session(s: State) -> bool:
    return not s.in_ended


def all_runs_of_a_turn_have_the_same_input(s: State) -> bool:
    inputs = {(run.turn, run.first, run.last) for run in s.runs}
    return len(inputs) == len({turn for turn, _, _ in inputs})


def done(s: State) -> bool:
    return all(count == 1 for count in s.answered)


PROTOCOL = Protocol(
    "turn",
    State(),
    (
        Rule(read),
        Rule(store),
        Rule(give_up, fault=True),
        Rule(claim),
        Rule(take_over),
        Rule(answer),
        Rule(end, fault=True),
    ),
    (
        no_thread_has_two_open_sessions,
        each_text_is_in_at_most_one_committed_turn,
        turns_take_texts_in_the_order_of_their_positions,
        only_the_last_claim_of_a_turn_counts,
        nothing_is_said_in_an_ended_session,
        all_runs_of_a_turn_have_the_same_input,
    ),
    done,
    GUARDS,
)
