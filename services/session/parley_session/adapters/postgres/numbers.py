"""The register of our numbers, and the copies of what their agents say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select, text, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from parley_session.adapters.postgres import tables
from parley_session.domain.keywords import KeywordMode
from parley_session.domain.thread import WEB_CHAT
from parley_session.ports import AgentDescription, Number, NumberChange

_COLUMNS = tables.numbers.c
_NUMBER = (
    _COLUMNS.number,
    _COLUMNS.agent,
    _COLUMNS.create_time,
    _COLUMNS.update_time,
    _COLUMNS.settings,
    _COLUMNS.keywords,
    _COLUMNS.opt_out_scope,
    _COLUMNS.sending_paused,
    _COLUMNS.ingest_from,
    _COLUMNS.segments_per_second,
)
# What participants have said in the number's old scope counts for its new one, as far as they said it later.
# In the order in which batches write opt-outs.
_CARRY_OPT_OUTS = text(
    """
INSERT INTO session.opt_outs AS o (scope, participant, stop_time, stop_source, start_time, start_source,
  next_submit_time)
SELECT :scope, k.participant, k.stop_time, k.stop_source, k.start_time, k.start_source, clock_timestamp()
FROM session.opt_outs k WHERE k.scope = :old
ORDER BY k.participant
ON CONFLICT (scope, participant) DO UPDATE SET
  stop_time = greatest(o.stop_time, excluded.stop_time),
  stop_source = CASE WHEN excluded.stop_time > coalesce(o.stop_time, '-infinity') THEN excluded.stop_source
    ELSE o.stop_source END,
  start_time = greatest(o.start_time, excluded.start_time),
  start_source = CASE WHEN excluded.start_time > coalesce(o.start_time, '-infinity') THEN excluded.start_source
    ELSE o.start_source END,
  next_submit_time = clock_timestamp()
"""
)


class PostgresNumberStore:
    """The NumberStore port on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def update_number(self, number: str, change: NumberChange, *, allow_missing: bool) -> Number | None:
        values = {**_values(change), "update_time": func.clock_timestamp()}
        statement: ReturningInsert[Any] | ReturningUpdate[Any]
        if allow_missing:
            register = insert(tables.numbers).values(number=number, create_time=func.clock_timestamp(), **values)
            upsert = register.on_conflict_do_update(index_elements=["number"], set_=values)
            statement = upsert.returning(*_NUMBER)
        else:
            statement = tables.numbers.update().where(_COLUMNS.number == number).values(values).returning(*_NUMBER)
        known = select(_COLUMNS.opt_out_scope).where(_COLUMNS.number == number).with_for_update()
        async with self._engine.begin() as connection:
            # A number without a scope is its own.
            old = (await connection.execute(known)).scalar_one_or_none() or number
            row = (await connection.execute(statement)).one_or_none()
            if row and (scope := row.opt_out_scope or number) != old:
                await connection.execute(_CARRY_OPT_OUTS, {"scope": scope, "old": old})
        return _number(row) if row else None

    async def get_number(self, number: str) -> Number | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(*_NUMBER).where(_COLUMNS.number == number))).one_or_none()
        return _number(row) if row else None

    async def delete_number(self, number: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(tables.numbers.delete().where(_COLUMNS.number == number))

    async def list_numbers(self, limit: int, after: str, updated_since: datetime | None = None) -> list[Number]:
        statement = select(*_NUMBER).where(tables.numbers.c.number > after).order_by(tables.numbers.c.number)
        if updated_since:
            statement = statement.where(_COLUMNS.update_time >= updated_since)
        async with self._engine.connect() as connection:
            return [_number(row) for row in await connection.execute(statement.limit(limit))]

    async def list_agents(self) -> list[str]:
        agent, thread = tables.agents.c, tables.threads.c
        chats = exists().where(thread.channel == WEB_CHAT, thread.endpoint == agent.name)
        statement = union(select(tables.numbers.c.agent), select(agent.name).where(chats))
        async with self._engine.connect() as connection:
            return list((await connection.execute(statement)).scalars())

    async def save_agent(self, name: str, description: AgentDescription) -> None:
        values = {
            "version": description.version,
            "settings": dict(description.wishes),
            "describe_time": func.clock_timestamp(),
        }
        statement = insert(tables.agents).values(name=name, **values)
        async with self._engine.begin() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def _number(row: Sequence[Any]) -> Number:
    number, agent, create_time, update_time, wishes, keywords, *rest = row
    return Number(number, agent, create_time, update_time, wishes, KeywordMode(keywords), *rest)


def _values(change: NumberChange) -> dict[str, Any]:
    values = {
        "agent": change.agent,
        "settings": dict(change.wishes) if change.wishes is not None else None,
        "keywords": change.keywords.value if change.keywords else None,
        "opt_out_scope": change.opt_out_scope,
        "sending_paused": change.sending_paused,
        "ingest_from": change.ingest_from,
        "segments_per_second": change.segments_per_second,
    }
    return {name: value for name, value in values.items() if value is not None}
