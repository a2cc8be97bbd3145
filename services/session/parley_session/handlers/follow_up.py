"""What follows a commit in the process that made it: turns are run and messages handed over at once.

Nothing here has to happen: what a dead process leaves undone, others find by polling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from parley_session.domain.effects import Decision, RunTurn
from parley_session.ports import HistoryItem, Submission

StartTurn = Callable[[RunTurn, Sequence[HistoryItem]], None]
HandOver = Callable[[Submission], object]


class FollowUp:
    def __init__(self, start_turn: StartTurn, hand_over: HandOver) -> None:
        self._start_turn = start_turn
        self._hand_over = hand_over

    def __call__(self, decisions: Sequence[Decision], history: Mapping[str, Sequence[HistoryItem]]) -> None:
        for decision in decisions:
            thread = decision.thread
            for message in decision.outbound:
                self._hand_over(
                    Submission(
                        message.id,
                        thread.id,
                        message.seq,
                        thread.endpoint,
                        thread.participant,
                        message.text,
                        message.traceparent,
                    )
                )
            if decision.run:
                self._start_turn(decision.run, history.get(decision.run.turn.id, ()))
