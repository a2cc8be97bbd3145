"""Has the session service decide the sessions whose time has come, and tells it how far Twilio's list was read."""

from __future__ import annotations

from collections.abc import Callable

from parley_chassis.errors import ParleyError
from parley_notifier.domain.coverage import Coverage
from parley_notifier.handlers.note_trouble import Trouble
from parley_notifier.ports import Sessions


class TimeOutSessions:
    """`await_coverage` is called while sessions wait for a list.

    `is_sure` says whether the database is known to be the one that the lists were handed over to.
    """

    def __init__(
        self,
        sessions: Sessions,
        coverage: Coverage,
        limit: int,
        await_coverage: Callable[[], None],
        is_sure: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_sure = is_sure
        self._sessions = sessions
        self._coverage = coverage
        self._limit = limit
        self._await_coverage = await_coverage
        self._trouble = Trouble("time_out_sessions")

    async def __call__(self) -> bool:
        """One call; True if more sessions may be due."""
        try:
            covered = self._coverage.covered_time if self._is_sure() else None
            answer = await self._sessions.time_out(self._limit, covered)
        except ParleyError as error:
            self._trouble.note(error.error_reason)
            return False
        self._trouble.over()
        self._coverage.hear(answer.now, answer.awaited_coverage)
        if self._coverage.awaited:
            self._await_coverage()
        return answer.decided >= self._limit
