"""Ends a session, hands it over to people, or gives it back to its agent. Each may be repeated."""

from __future__ import annotations

from parley_gateway.domain.caller import Caller
from parley_gateway.domain.records import Session
from parley_gateway.handlers.find_session import FindSession
from parley_gateway.ports import SessionApi


class ChangeSession:
    """All raise NotFound; `hand_off` and `resume` also FailedPrecondition for a session that has ended."""

    def __init__(self, sessions: SessionApi, find: FindSession) -> None:
        self._sessions = sessions
        self._find = find

    async def end(self, caller: Caller, session_id: str) -> Session:
        await self._find.require(caller, session_id)
        return await self._sessions.end_session(session_id)

    async def hand_off(self, caller: Caller, session_id: str, destination: str, reason: str) -> Session:
        await self._find.require(caller, session_id)
        return await self._sessions.hand_off_session(session_id, destination, reason)

    async def resume(self, caller: Caller, session_id: str) -> Session:
        await self._find.require(caller, session_id)
        return await self._sessions.resume_session(session_id)
