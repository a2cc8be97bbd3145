"""What follows a commit in the process that made it: turns are run and messages handed over at once.

Nothing here has to happen: what a dead process leaves undone, others find by polling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from parley_session.domain.effects import Decision, RunTurn
from parley_session.domain.thread import SMS, Thread
from parley_session.ports import Committed, HandOver, HistoryItem, OptOutNotice, Submission

StartTurn = Callable[[RunTurn, Sequence[HistoryItem]], None]


class FollowUp:
    """`tell` hears of the threads that have changed, by their ids."""

    def __init__(
        self,
        start_turn: StartTurn,
        hand_over: Callable[[HandOver], object],
        tell: Callable[[Iterable[str]], object] = lambda _: None,
    ) -> None:
        self._start_turn = start_turn
        self._hand_over = hand_over
        self.tell = tell

    def __call__(self, decisions: Sequence[Decision], committed: Committed) -> None:
        for decision in decisions:
            thread = decision.thread
            if decision.opt_out_changed and (notice := opt_out_notice(thread)):
                self._hand_over(notice)
            if thread.channel == SMS:
                for submission in _submissions(decision):
                    self._hand_over(submission)
            if decision.run:
                self._start_turn(decision.run, committed.history.get(decision.run.turn.id, ()))
        for submission in committed.canceled:
            self._hand_over(submission)
        self.tell(decision.thread.id for decision in decisions)


def opt_out_notice(thread: Thread) -> OptOutNotice | None:
    opt_out = thread.opt_out
    if opt_out.event_time is None:
        return None
    return OptOutNotice(thread.opt_out_scope, thread.participant, opt_out.opted_out, opt_out.event_time)


def _submissions(decision: Decision) -> Iterator[Submission]:
    thread = decision.thread
    scope = thread.opening.scope if thread.opening else ""
    said = opt_out_notice(thread)
    for message in decision.outbound:
        yield Submission(
            message.id,
            thread.id,
            message.seq,
            thread.endpoint,
            thread.participant,
            message.text,
            message.traceparent,
            scope,
            at_most_once=message.at_most_once,
            expire_time=message.expire_time,
            said=said,
        )
