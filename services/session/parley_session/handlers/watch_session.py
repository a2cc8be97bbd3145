"""Tells a watcher the session, its messages, and each change of them, until nothing about it can change any more.

Compares what was told with what the database shows, so that no commit can be missed, whoever made it. Several
changes between two looks are told as one.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import NamedTuple

from parley_chassis.errors import is_unavailable
from parley_session.domain.told import Place, Shown
from parley_session.errors import SessionNotFound
from parley_session.handlers.wake_watchers import Watch, Watchers
from parley_session.ports import Look, MessageRecord, SessionRecord, Sight

INBOUND = 1


class Change(NamedTuple):
    """Something to tell, and the place behind it."""

    record: SessionRecord | MessageRecord
    place: Place


class WatchSession:
    def __init__(self, watchers: Watchers, look: Callable[[Look], Awaitable[Sight | None]]) -> None:
        self._watchers = watchers
        self._look = look

    async def __call__(self, session_id: str, start: Place) -> AsyncGenerator[Change, None]:
        """Raises SessionNotFound, ResourceExhausted, and Unavailable: to be continued from the last place."""
        with self._watchers.watching(session_id) as watch:
            watch.told.last, place = start.position, start
            while True:
                await watch.woken()
                sight = await self._sight(watch)
                if sight is None:
                    continue
                if not watch.thread_id:
                    self._watchers.follow(watch, sight.session.thread_id)
                for change in _news(watch, sight, place):
                    place = change.place
                    yield change
                if sight.is_full:
                    watch.wake()
                elif sight.session.end_reason and not watch.told.awaits_delivery:
                    return

    async def _sight(self, watch: Watch) -> Sight | None:
        """None while the database is away from a watch that is under way: it goes on when that is back."""
        try:
            sight = await self._look(Look(watch.session_id, watch.told.last, tuple(watch.told.unsettled)))
        except Exception as error:
            if not (watch.session and is_unavailable(error)):
                raise
            watch.forget()
            return None
        if sight is None:
            raise SessionNotFound
        watch.last_position, watch.taken = sight.last_position, sight.taken
        return sight


def _news(watch: Watch, sight: Sight, place: Place) -> Iterator[Change]:
    """The session stands first in a watch; later, what was said before its state changed."""
    told, state = watch.told, _checksum(sight.session)
    watch.session = watch.session or sight.session
    if not place.session:
        place = place._replace(session=state)
        yield Change(sight.session, place)
    for message in sight.messages:
        shown = Shown(message.session_id, message.delivery_state, message.ignore_reason)
        is_news = told.is_news(message.position, shown)
        told.tell(message.position, shown, is_taken=_is_taken(message, sight))
        place = place._replace(position=told.settled)
        if is_news:
            yield Change(message, place)
    if not sight.is_full:
        watch.session = sight.session
        if place.session != state:
            yield Change(sight.session, place._replace(session=state))


def _is_taken(message: MessageRecord, sight: Sight) -> bool:
    return message.direction != INBOUND or bool(message.ignore_reason) or message.position <= sight.taken


def _checksum(record: SessionRecord) -> int:
    """Of what changes about a session; never 0."""
    state = (record.end_reason, record.engaged, record.handed_off, record.hand_off_destination, record.hand_off_reason)
    return zlib.crc32(repr(state).encode()) or 1
