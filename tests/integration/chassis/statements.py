"""Single statements on connections of their own."""

import psycopg


async def run(url: str, statement: str) -> object:
    """The first value of the first row, or None."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        row = await cursor.fetchone() if cursor.description else None
        return row[0] if row else None
