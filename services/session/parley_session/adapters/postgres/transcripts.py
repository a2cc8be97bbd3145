"""Reads sessions and their messages for the API, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from parley_session.adapters.postgres.tables import messages, sessions, threads
from parley_session.ports import MessageRecord, SessionRecord

MESSAGE = tuple(
    messages.c[name].label("message_id") if name == "id" else messages.c[name]
    for name in (
        "id",
        "session_id",
        "thread_id",
        "position",
        "direction",
        "text",
        "media_urls",
        "create_time",
        "seq",
        "delivery_state",
        "delivery_error",
        "ignore_reason",
        "kind",
    )
)
"""The columns that `message_record` reads."""


class PostgresTranscripts:
    """The Transcripts port on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get_session(self, session_id: str) -> SessionRecord | None:
        found = await self._fetch(_sessions().where(sessions.c.id == session_id))
        return SessionRecord(*list(found[0])) if found else None

    async def list_sessions(self, limit: int, after: str, participant: str, endpoint: str) -> list[SessionRecord]:
        # Ids are made in the order of time, so the newest session has the greatest id.
        statement = _sessions().order_by(sessions.c.id.desc()).limit(limit)
        if after:
            statement = statement.where(sessions.c.id < after)
        if participant:
            statement = statement.where(
                func.md5(threads.c.participant) == func.md5(participant), threads.c.participant == participant
            )
        if endpoint:
            statement = statement.where(threads.c.endpoint == endpoint)
        return [SessionRecord(*list(row)) for row in await self._fetch(statement)]

    async def list_messages(self, session_id: str, limit: int, after: int) -> list[MessageRecord]:
        m = messages.c
        statement = (
            select(*MESSAGE)
            .join(sessions, sessions.c.thread_id == m.thread_id)
            .where(sessions.c.id == session_id, m.session_id == sessions.c.id)
            .where(m.position >= sessions.c.first_position, m.position > after)
            .order_by(m.position)
            .limit(limit)
        )
        return [message_record(dict(row._mapping)) for row in await self._fetch(statement)]

    async def _fetch(self, statement: Select[Any]) -> list[Row[Any]]:
        async with self._engine.connect() as connection:
            return list((await connection.execute(statement)).all())


def message_record(row: Mapping[str, Any]) -> MessageRecord:
    return MessageRecord(**{**row, "media_urls": tuple(row["media_urls"] or ())})


def _sessions() -> Select[Any]:
    s, t = sessions.c, threads.c
    columns = (
        s.id,
        s.thread_id,
        t.channel,
        t.endpoint,
        t.participant,
        s.agent,
        s.end_reason,
        s.open_time,
        s.end_time,
        s.outbound,
        s.engaged,
        s.handed_off,
        s.hand_off_destination,
        s.hand_off_reason,
    )
    return select(*columns).join(threads, t.id == s.thread_id)
