"""Keeps dead letters: which they are is written where deliveries are recorded; here they are read and settled."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, literal, select
from sqlalchemy.ext.asyncio import AsyncEngine

from parley_session.adapters.postgres.tables import dead_letters, messages, sessions, threads
from parley_session.adapters.postgres.transcripts import MESSAGE, message_record
from parley_session.dead_letter_ports import DeadLetter

HELD = 11


class PostgresDeadLetters:
    """The DeadLetterStore port on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list_dead_letters(
        self, limit: int, after: str, created_since: datetime | None, agent: str
    ) -> list[DeadLetter]:
        d = dead_letters.c
        # Ids are made in the order of time.
        statement = _letters().where(d.settle_time.is_(None)).order_by(d.message_id.desc()).limit(limit)
        if after:
            statement = statement.where(d.message_id < after)
        if created_since:
            statement = statement.where(d.create_time >= created_since)
        if agent:
            statement = statement.where(sessions.c.agent == agent)
        async with self._engine.connect() as connection:
            return [_letter(row) for row in await connection.execute(statement)]

    async def get_dead_letter(self, message_id: str) -> DeadLetter | None:
        async with self._engine.connect() as connection:
            found = await connection.execute(_letters().where(dead_letters.c.message_id == message_id))
            row = found.one_or_none()
        return _letter(row) if row else None

    async def settle_dead_letter(self, message_id: str, retry_id: str | None) -> bool:
        d = dead_letters.c
        statement = (
            dead_letters.update()
            .where(d.message_id == message_id)
            .values(
                settle_time=func.coalesce(d.settle_time, func.clock_timestamp()),
                retry_id=func.coalesce(d.retry_id, literal(retry_id, d.retry_id.type)),
            )
            .returning(d.message_id)
        )
        async with self._engine.begin() as connection:
            return (await connection.execute(statement)).one_or_none() is not None


def _letters() -> Select[Any]:
    t, s, d = threads.c, sessions.c, dead_letters.c
    return (
        select(*MESSAGE, t.channel, t.endpoint, t.participant, s.agent, d.retry_id)
        .select_from(dead_letters)
        .join(messages, messages.c.id == d.message_id)
        .join(threads, t.id == d.thread_id)
        .join(sessions, s.id == d.session_id)
    )


def _letter(row: Row[Any]) -> DeadLetter:
    found = dict(row._mapping)
    channel, endpoint, participant = (found.pop(name) for name in ("channel", "endpoint", "participant"))
    agent, retry_id = found.pop("agent"), found.pop("retry_id")
    message = message_record(found)
    # Only what was to be sent once at most is ever held.
    return DeadLetter(message, channel, endpoint, participant, agent, message.delivery_state == HELD, retry_id)
