"""Keeps the keys of the HTTP API; never their secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from parley_session.adapters.ids import new_id
from parley_session.adapters.postgres.tables import keys
from parley_session.key_ports import KeyRecord, LiveKey, Permissions, Scope

_KEY = (
    keys.c.id,
    keys.c.name,
    keys.c.agents,
    keys.c.scopes,
    keys.c.create_time,
    keys.c.expire_time,
    keys.c.revoke_time,
)


class PostgresKeyStore:
    """The KeyStore port on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create_key(
        self, name: str, digest: bytes, permissions: Permissions, lifetime: timedelta | None
    ) -> KeyRecord:
        now = func.now()  # of the transaction, the same in both columns
        statement = (
            keys.insert()
            .values(
                id=new_id(),
                name=name,
                digest=digest,
                agents=list(permissions.agents),
                scopes=[int(scope) for scope in permissions.scopes],
                create_time=now,
                expire_time=now + lifetime if lifetime else None,
            )
            .returning(*_KEY)
        )
        async with self._engine.begin() as connection:
            return _record((await connection.execute(statement)).one())

    async def list_keys(self, limit: int, after: str) -> list[KeyRecord]:
        # Ids are made in the order of time.
        statement = select(*_KEY).order_by(keys.c.id).limit(limit)
        if after:
            statement = statement.where(keys.c.id > after)
        async with self._engine.connect() as connection:
            return [_record(row) for row in await connection.execute(statement)]

    async def revoke_key(self, key_id: str) -> KeyRecord | None:
        statement = (
            keys.update()
            .where(keys.c.id == key_id)
            .values(revoke_time=func.coalesce(keys.c.revoke_time, func.clock_timestamp()))
            .returning(*_KEY)
        )
        async with self._engine.begin() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return _record(row) if row else None

    async def find_live_key(self, key_id: str) -> LiveKey | None:
        statement = select(keys.c.digest, keys.c.agents, keys.c.scopes).where(
            keys.c.id == key_id,
            keys.c.revoke_time.is_(None),
            or_(keys.c.expire_time.is_(None), keys.c.expire_time > func.clock_timestamp()),
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return LiveKey(row.digest, _permissions(row)) if row else None


def _record(row: Row[*tuple[Any, ...]]) -> KeyRecord:
    return KeyRecord(row.id, row.name, _permissions(row), row.create_time, row.expire_time, row.revoke_time)


def _permissions(row: Row[*tuple[Any, ...]]) -> Permissions:
    return Permissions(tuple(row.agents), tuple(Scope(scope) for scope in row.scopes))
