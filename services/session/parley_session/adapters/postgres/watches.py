"""Looks at watched sessions in PostgreSQL, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parley_chassis.postgres.pool import Database, Row
from parley_chassis.postgres.queries import load_queries
from parley_session.adapters.postgres.rows import dump
from parley_session.ports import Look, MessageRecord, Seen, SessionRecord, Sight

PAGE = 50
"""New messages of a session that one look shows."""
_SESSION, _MESSAGE = slice(3, 17), slice(17, 30)


class PostgresWatches:
    """The Watches port on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("parley_session.adapters.postgres", "watches.sql")

    async def read(self, looks: Sequence[Look]) -> list[Sight | None]:
        wanted = dump({"n": n, "page": PAGE, **look._asdict()} for n, look in enumerate(looks))
        by_look: dict[int, list[Row]] = {}
        for row in await self._database.run(self._queries["read_watched"], (wanted,)):
            by_look.setdefault(row[0], []).append(row)
        return [_sight(look, by_look[n]) if n in by_look else None for n, look in enumerate(looks)]

    async def find_changed(self, seen: Sequence[Seen]) -> list[int]:
        sessions = dump(_session_seen(n, one) for n, one in enumerate(seen))
        messages = dump(
            {"n": n, "thread_id": one.thread_id, "position": position, **shown._asdict()}
            for n, one in enumerate(seen)
            for position, shown in one.messages.items()
        )
        return [row[0] for row in await self._database.run(self._queries["find_changed"], (sessions, messages))]


def _sight(look: Look, rows: Sequence[Row]) -> Sight:
    messages = [_message(row[_MESSAGE]) for row in rows if row[_MESSAGE][0] is not None]
    new = sum(message.position > look.last for message in messages)
    return Sight(SessionRecord(*rows[0][_SESSION]), rows[0][1], rows[0][2], messages, new == PAGE)


def _message(row: Row) -> MessageRecord:
    identity, session_id, thread_id, position, direction, text, media_urls, *rest = row
    return MessageRecord(identity, session_id, thread_id, position, direction, text, tuple(media_urls or ()), *rest)


def _session_seen(n: int, seen: Seen) -> dict[str, Any]:
    session = seen.session
    return {
        "n": n,
        "session_id": seen.session_id,
        "last_position": seen.last_position,
        "taken": seen.taken,
        "end_reason": session and session.end_reason,
        "engaged": session and session.engaged,
        "handed_off": session and session.handed_off,
        "hand_off_destination": session and session.hand_off_destination,
        "hand_off_reason": session and session.hand_off_reason,
    }
