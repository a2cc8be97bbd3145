"""The clock that people's deadlines are kept by, for all replicas on one database."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from parley_session.adapters.postgres import tables


class PostgresClock:
    """The Clock port on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def skip(self, duration: timedelta) -> datetime:
        move = insert(tables.clock).values(ahead=duration)
        statement = move.on_conflict_do_update(
            index_elements=["sole"], set_={"ahead": tables.clock.c.ahead + duration}
        ).returning(func.clock_timestamp() + tables.clock.c.ahead)
        async with self._engine.begin() as connection:
            now: datetime = (await connection.execute(statement)).scalar_one()
            return now
