"""Follows sessions as they go on, across restarts of the service that tells of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing

from parley_cli.stack.session_api import ApiAway, Message, Session, SessionApi, is_ended
from parley_cli.stack.stack_file import NoStack

Connect = Callable[[], AbstractAsyncContextManager[SessionApi]]
"""Reaches the stack that runs now, which may be another than before. Raises NoStack."""
Change = Session | Message

PATIENCE = 60.0
"""Seconds that a stack may be away."""
PAUSE = 0.25
LOOK = 0.5
"""Seconds between two looks for sessions that have opened."""
NEWEST = 50


async def follow(connect: Connect, session_id: str, patience: float = PATIENCE) -> AsyncGenerator[Change, None]:
    """The session, its messages and each change, once; ends when nothing can change. Raises ApiError and NoStack."""
    cursor, seen = "", time.monotonic()
    while True:
        try:
            async with connect() as api, aclosing(api.watch(session_id, cursor)) as changes:
                async for change, place in changes:
                    cursor = place
                    yield change
                    seen = time.monotonic()
                return
        except (ApiAway, NoStack):
            if time.monotonic() - seen > patience:
                raise
            await asyncio.sleep(PAUSE)


async def follow_all(connect: Connect, patience: float = PATIENCE) -> AsyncGenerator[tuple[str, Change], None]:
    """(session id, change): the newest session if it is open, and all that open from now on. Never ends by itself."""
    changes: asyncio.Queue[tuple[str, Change]] = asyncio.Queue()
    following = asyncio.create_task(_follow_every(connect, patience, changes))
    try:
        while True:
            taken = asyncio.create_task(changes.get())
            await asyncio.wait((taken, following), return_when=asyncio.FIRST_COMPLETED)
            if not taken.done():
                taken.cancel()
                _raise_first(following)
                return
            yield taken.result()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _follow_every(connect: Connect, patience: float, changes: asyncio.Queue[tuple[str, Change]]) -> None:
    async def follow_one(session_id: str) -> None:
        async with aclosing(follow(connect, session_id, patience)) as own:
            async for change in own:
                changes.put_nowait((session_id, change))

    known: set[str] | None = None
    async with asyncio.TaskGroup() as tasks, aclosing(_listed(connect, patience)) as looks:
        async for sessions in looks:
            if known is None:
                known = {session.session_id for session in sessions if is_ended(session) or session != sessions[0]}
            for session_id in [session.session_id for session in reversed(sessions)]:
                if session_id not in known:
                    known.add(session_id)
                    tasks.create_task(follow_one(session_id))


async def _listed(connect: Connect, patience: float) -> AsyncGenerator[list[Session], None]:
    """The newest sessions, again and again."""
    seen = time.monotonic()
    while True:
        try:
            async with connect() as api:
                while True:
                    yield await api.list_sessions(NEWEST)
                    seen = time.monotonic()
                    await asyncio.sleep(LOOK)
        except (ApiAway, NoStack):
            if time.monotonic() - seen > patience:
                raise
            await asyncio.sleep(PAUSE)


def _raise_first(following: asyncio.Task[None]) -> None:
    """What ended it, by itself: a group would be no error that anybody foresees."""
    error = following.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        raise error
