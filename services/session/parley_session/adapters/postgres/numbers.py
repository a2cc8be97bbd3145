"""The register of our numbers, and the copies of what their agents say of themselves."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from parley_session.adapters.postgres import rows, tables
from parley_session.ports import AgentDescription, Number

_NUMBER = (tables.numbers.c.number, tables.numbers.c.agent, tables.numbers.c.create_time, tables.numbers.c.update_time)


class PostgresNumberStore:
    """The NumberStore port on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def update_number(self, number: str, agent: str, *, allow_missing: bool) -> Number | None:
        now = func.clock_timestamp()
        update = tables.numbers.update().where(tables.numbers.c.number == number).values(agent=agent, update_time=now)
        register = (
            insert(tables.numbers)
            .values(number=number, agent=agent, create_time=now, update_time=now)
            .on_conflict_do_update(index_elements=["number"], set_={"agent": agent, "update_time": now})
        )
        statement = register.returning(*_NUMBER) if allow_missing else update.returning(*_NUMBER)
        async with self._engine.begin() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return Number(*row) if row else None

    async def list_numbers(self, limit: int, after: str) -> list[Number]:
        statement = select(*_NUMBER).where(tables.numbers.c.number > after).order_by(tables.numbers.c.number)
        async with self._engine.connect() as connection:
            return [Number(*row) for row in await connection.execute(statement.limit(limit))]

    async def list_agents(self) -> list[str]:
        statement = select(tables.numbers.c.agent).distinct().order_by(tables.numbers.c.agent)
        async with self._engine.connect() as connection:
            return list((await connection.execute(statement)).scalars())

    async def save_agent(self, name: str, description: AgentDescription) -> None:
        values = {
            "version": description.version,
            "settings": rows.settings_to_json(description.settings),
            "describe_time": func.clock_timestamp(),
        }
        statement = insert(tables.agents).values(name=name, **values)
        async with self._engine.begin() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
