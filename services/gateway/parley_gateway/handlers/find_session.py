"""Finds a session for a caller; one of another agent's is as if it were not there."""

from __future__ import annotations

from parley_chassis.errors import NotFound
from parley_gateway.domain.caller import Caller
from parley_gateway.domain.records import Session
from parley_gateway.ports import SessionApi


class FindSession:
    def __init__(self, sessions: SessionApi) -> None:
        self._sessions = sessions

    async def __call__(self, caller: Caller, session_id: str) -> Session:
        """Raises NotFound."""
        session = await self._sessions.get_session(session_id)
        if not caller.sees(session.agent):
            raise NotFound("no session has this session_id", reason="SESSION_NOT_FOUND")
        return session

    async def require(self, caller: Caller, session_id: str) -> None:
        """Costs nothing where the caller may see every session: whether there is one shows in the next call."""
        if caller.is_restricted:
            await self(caller, session_id)
