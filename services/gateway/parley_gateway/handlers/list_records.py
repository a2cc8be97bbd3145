"""Lists sessions, messages, numbers and dead letters page by page, without those that are not the caller's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from parley_gateway.domain.caller import Caller
from parley_gateway.domain.records import DeadLetter, Message, Number, Page, PageRequest, Session
from parley_gateway.handlers.find_session import FindSession
from parley_gateway.ports import DeadLetters, SessionApi

MOST_PAGES = 10
"""Pages of the session service that one answer may take."""

OfAgent = TypeVar("OfAgent", Session, Number, DeadLetter)


class ListRecords:
    """What is the caller's is chosen from whole pages, so one may be short, or empty, and not be the last."""

    def __init__(self, sessions: SessionApi, letters: DeadLetters, find: FindSession) -> None:
        self._sessions = sessions
        self._letters = letters
        self._find = find

    async def sessions(self, caller: Caller, page: PageRequest, participant: str, endpoint: str) -> Page[Session]:
        return await _visible(caller, page, lambda page: self._sessions.list_sessions(page, participant, endpoint))

    async def messages(self, caller: Caller, session_id: str, page: PageRequest) -> Page[Message]:
        """Raises NotFound."""
        await self._find.require(caller, session_id)
        return await self._sessions.list_messages(session_id, page)

    async def numbers(self, caller: Caller, page: PageRequest) -> Page[Number]:
        return await _visible(caller, page, self._sessions.list_numbers)

    async def dead_letters(self, caller: Caller, page: PageRequest) -> Page[DeadLetter]:
        return await _visible(caller, page, self._letters.list_dead_letters)


async def _visible(
    caller: Caller, page: PageRequest, fetch: Callable[[PageRequest], Awaitable[Page[OfAgent]]]
) -> Page[OfAgent]:
    """The first page on which there is something for the caller, but no more than MOST_PAGES further."""
    if not caller.is_restricted:
        return await fetch(page)
    for _ in range(MOST_PAGES):
        found = await fetch(page)
        items = [item for item in found.items if caller.sees(item.agent)]
        if items or not found.next_token:
            break
        page = PageRequest(page.size, found.next_token)
    return Page(items, found.next_token)
