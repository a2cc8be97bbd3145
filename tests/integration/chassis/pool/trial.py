"""The table that the tests of the pool write to."""

from parley_chassis.postgres.pool import Database, Transaction

SIZE = 3
"""Connections of a pool."""


async def insert(transaction: Transaction, number: int, text: str | None = None) -> None:
    await transaction.queue("INSERT INTO trial (id, text) VALUES (%s, %s)", (number, text))


async def stored(db: Database) -> list[int]:
    return [row[0] for row in await db.run("SELECT id FROM trial ORDER BY id")]
