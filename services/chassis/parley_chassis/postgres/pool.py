"""Connections for the statements that run for every text: prepared, two round trips a transaction, errors named.

SQLAlchemy describes tables and writes the statements that people wait for; these few run some hundred times a
second and go to psycopg as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from parley_chassis.errors import Unavailable
from parley_chassis.postgres.failures import cut, has_input, is_transient, silence
from parley_chassis.settings import SettingsError

Row = TupleRow
Connection = psycopg.AsyncConnection[TupleRow]

# A plan is made once for each statement. Generic plans prepared on tables that were never analysed would scan them
# for good, so sequential and bitmap scans are priced out on these connections.
# A process that freezes in a transaction holds its locks for the three seconds of the idle timeout.
OPTIONS = (
    "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=3000 "
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off -c jit=off"
)

# One that freezes between two statements that it sends together does not count as idle, and held its locks for good.
# PostgreSQL has a remedy from this version on.
TRANSACTION_TIMEOUT, TRANSACTION_TIMEOUT_SINCE = " -c transaction_timeout=10000", 170000

WAIT = 2.0
"""Seconds to wait for a free connection."""
PATIENCE = 10.0
"""Seconds after which a connection in use is cut: the server's own limits say nothing while it is frozen."""
START = 10.0
"""Seconds to wait for a server that is starting too."""
PAUSE = 0.25


class DatabaseUnavailable(Unavailable):
    """PostgreSQL did not answer, or answered that it cannot now. Whether a commit took place may not be known."""

    reason = "DATABASE_UNAVAILABLE"


class Transaction:
    """One transaction on one connection. Leaving it without `commit` rolls back."""

    def __init__(self, connection: Connection, pipeline: psycopg.AsyncPipeline, leaving: AsyncExitStack) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._leaving = leaving
        self._is_over = False

    async def fetch(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of a statement. An error of what was queued before it shows here."""
        cursor = await self._execute(statement, parameters)
        # The server counts a transaction as idle, and ends it if we freeze, only after a sync.
        await self._pipeline.sync()
        return await cursor.fetchall()

    async def queue(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> psycopg.AsyncCursor[Row]:
        """Sends a statement together with the next one that is waited for; its rows may be fetched after that."""
        return await self._execute(statement, parameters)

    async def commit(self) -> None:
        """Commits, in the same round trip as what is queued. The transaction is over then.

        Raises the first error of what was queued; nothing is committed then.
        """
        cursor = await self._execute("COMMIT")
        self._is_over = True
        # Leaving the pipeline waits for all its answers; to ask for them before would be a round trip more.
        await self._leaving.aclose()
        if cursor.statusmessage != "COMMIT":
            raise errors.InFailedSqlTransaction("nothing was committed: an error before was caught and passed over")

    async def _execute(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> psycopg.AsyncCursor[Row]:
        if self._is_over:
            raise RuntimeError("the transaction is over")
        return await self._connection.execute(statement, parameters, prepare=True)


class Database:
    """A pool of connections to one database, for one service's role.

    Raises DatabaseUnavailable for whatever is no fault of the statement's: the caller may repeat by key. Errors that
    are, such as psycopg.IntegrityError, pass, with a text that repeats none of the values.
    """

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction whose BEGIN travels with its first statement."""
        async with self._connection() as connection:
            try:
                async with AsyncExitStack() as leaving:
                    pipeline = await leaving.enter_async_context(connection.pipeline())
                    await connection.execute("BEGIN")
                    yield Transaction(connection, pipeline, leaving)
            finally:
                await _roll_back(connection)

    async def run(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> list[Row]:
        """One statement as a transaction of its own; its rows, or [] where it returns none."""
        async with self._connection() as connection:
            cursor = await connection.execute(statement, parameters, prepare=True)
            return await cursor.fetchall() if cursor.description else []

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            connection = await self._take()
            timer = asyncio.get_running_loop().call_later(PATIENCE, cut, connection)
            try:
                yield connection
            finally:
                timer.cancel()
                await self._pool.putconn(connection)
        except (psycopg.Error, PoolTimeout) as error:
            if is_transient(error):
                raise DatabaseUnavailable(f"the database is unavailable ({type(error).__name__})") from None
            silence(error)
            raise

    async def _take(self) -> Connection:
        """A connection that is alive as far as can be told without asking the server."""
        for _ in range(self._pool.max_size):
            connection = await self._pool.getconn()
            if not (connection.closed or has_input(connection)):
                return connection
            # The pool replaces what is closed.
            await connection.close()
            await self._pool.putconn(connection)
        return await self._pool.getconn()


async def _roll_back(connection: Connection) -> None:
    if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        await connection.execute("ROLLBACK")


@asynccontextmanager
async def database(url: str, *, application: str, size: int = 8) -> AsyncIterator[Database]:
    """Opens `size` connections to `url` as `application`; raises DatabaseUnavailable when it cannot.

    `url` is postgresql://... or a libpq connection string; raises SettingsError when it is neither.
    """
    version = await _reach(url)
    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        url,
        kwargs={"autocommit": True, "application_name": application, "options": _options(version)},
        min_size=size,
        max_size=size,
        timeout=WAIT,
        open=False,
        # After that the next who needs a connection tries again at once, where the pool would double its pauses.
        reconnect_timeout=2.0,
    )
    try:
        await _open(pool)
        yield Database(pool)
    finally:
        await pool.close()


async def _open(pool: AsyncConnectionPool[Connection]) -> None:
    try:
        await pool.open(wait=True, timeout=START)
    except PoolTimeout:
        problem = f"the database does not let in {pool.min_size} connections: look at its max_connections"
        raise DatabaseUnavailable(problem) from None


def _options(version: int) -> str:
    return OPTIONS + TRANSACTION_TIMEOUT if version >= TRANSACTION_TIMEOUT_SINCE else OPTIONS


async def _reach(url: str) -> int:
    """The server's version, when it lets us in; waits for one that is starting."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise SettingsError(["the database URL is none: write postgresql://user:password@host:5432/name"]) from None
    deadline = asyncio.get_running_loop().time() + START
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(url, connect_timeout=2)
        except psycopg.OperationalError as error:
            if asyncio.get_running_loop().time() >= deadline:
                reason = str(error).partition("\n")[0]
                raise DatabaseUnavailable(f"the database does not answer: {reason}") from None
            await asyncio.sleep(PAUSE)
        else:
            version = connection.info.server_version
            await connection.close()
            return version
