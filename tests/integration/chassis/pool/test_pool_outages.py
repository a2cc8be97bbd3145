"""Every way in which a database can be away has one name, and none of them lasts longer than the outage."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg
import pytest

from parley_chassis.postgres import pool
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_chassis.postgres.failures import is_transient
from parley_chassis.postgres.pool import OPTIONS, Database, DatabaseUnavailable, Transaction, _options, database
from parley_chassis.settings import SettingsError
from tests.integration.chassis.pool.trial import SIZE, insert, stored

LIMIT = 20.0


async def refuses(db: Database, act: Callable[[Transaction], Awaitable[Any]]) -> DatabaseUnavailable:
    """How a transaction ends in which `act` meets a database that is away."""
    try:
        async with db.transaction() as transaction:
            await act(transaction)
            await transaction.commit()
    except DatabaseUnavailable as error:
        return error
    raise AssertionError("the database was there")


@pytest.mark.parametrize(
    ("setting", "statement", "name"),
    [
        ("SET statement_timeout = 20", "SELECT pg_sleep(10)", "QueryCanceled"),
        ("SET default_transaction_read_only = on", "INSERT INTO trial VALUES (1)", "ReadOnlySqlTransaction"),
        ("SELECT", "SELECT pg_terminate_backend(pg_backend_pid())", ""),
    ],
)
async def test_what_is_no_fault_of_the_statements_is_unavailability(
    single: Database, setting: Any, statement: Any, name: str
) -> None:
    await single.run(setting)
    error = await refuses(single, lambda transaction: transaction.fetch(statement))
    assert name in error.message
    assert error.retryable


async def test_who_freezes_in_a_transaction_loses_it_and_its_locks(db: Database, single: Database) -> None:
    await db.run("INSERT INTO trial VALUES (1)")
    await single.run("SET idle_in_transaction_session_timeout = 20")

    async def act(transaction: Transaction) -> None:
        await transaction.fetch("SELECT FROM trial FOR UPDATE")
        # Meanwhile this side says nothing.
        assert await db.run("UPDATE trial SET text = 'x' RETURNING id") == [(1,)]
        await transaction.fetch("SELECT 1")

    await refuses(single, act)
    assert await single.run("SELECT text FROM trial") == [("x",)]


async def test_who_freezes_between_two_statements_that_are_sent_together_loses_its_locks_too(
    db: Database, single: Database
) -> None:
    await db.run("INSERT INTO trial VALUES (1)")
    await single.run("SET idle_in_transaction_session_timeout = 20")
    await single.run("SET transaction_timeout = 200")

    async def act(transaction: Transaction) -> None:
        await transaction.queue("UPDATE trial SET text = 'lost'")
        # Meanwhile this side says nothing, not even that no more will follow.
        assert await db.run("UPDATE trial SET text = 'x' RETURNING id") == [(1,)]

    await refuses(single, act)
    assert await single.run("SELECT text FROM trial") == [("x",)]


def test_an_older_server_is_not_told_of_a_limit_that_it_does_not_know() -> None:
    assert _options(160_009) == OPTIONS
    assert _options(170_000) == f"{OPTIONS} -c transaction_timeout=10000"


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (psycopg.OperationalError(), True),
        (psycopg.errors.SerializationFailure(), True),
        (psycopg.InterfaceError(), True),
        (psycopg.errors.ReadOnlySqlTransaction(), True),
        (psycopg.errors.PipelineAborted(), False),
        (psycopg.errors.UniqueViolation(), False),
        (psycopg.ProgrammingError(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_of_the_server_are_told_from_errors_of_the_statement(error: psycopg.Error, transient: bool) -> None:
    assert is_transient(error) == transient


async def test_a_lock_that_is_not_given_up_is_unavailability(db: Database, single: Database) -> None:
    await db.run("INSERT INTO trial VALUES (1)")
    await single.run("SET lock_timeout = 20")
    async with db.transaction() as transaction:
        await transaction.fetch("SELECT FROM trial FOR UPDATE")
        error = await refuses(single, lambda other: other.fetch("SELECT FROM trial FOR UPDATE"))
    assert "LockNotAvailable" in error.message


async def test_a_deadlock_is_unavailability_for_one_and_nothing_for_the_other(db: Database) -> None:
    await db.run("INSERT INTO trial VALUES (1), (2)")
    both_hold_one = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with db.transaction() as transaction:
            await transaction.fetch("SELECT FROM trial WHERE id = %s FOR UPDATE", (first,))
            await both_hold_one.wait()
            await transaction.fetch("SELECT FROM trial WHERE id = %s FOR UPDATE", (second,))
            await transaction.commit()

    outcomes = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    (failed,) = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(failed, DatabaseUnavailable)
    assert "DeadlockDetected" in failed.message


async def test_no_free_connection_is_unavailability(
    postgres: EmbeddedPostgres, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "WAIT", 0.05)
    async with database(postgres.url(), application="parley-trial", size=1) as busy:
        async with busy.transaction():
            with pytest.raises(DatabaseUnavailable, match="PoolTimeout"):
                await busy.run("SELECT 1")
        assert await busy.run("SELECT 1") == [(1,)]


async def test_connections_that_died_while_idle_fail_no_call(postgres: EmbeddedPostgres, db: Database) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.url(), autocommit=True) as admin:
        killed = await admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'parley-trial'"
        )
        assert killed.rowcount == SIZE
    for number in range(2 * SIZE):
        async with db.transaction() as transaction:
            await insert(transaction, number)
            await transaction.commit()
    assert await stored(db) == list(range(2 * SIZE))


async def test_a_connection_killed_in_the_middle_rolls_back_and_is_replaced(db: Database) -> None:
    async def act(transaction: Transaction) -> None:
        await insert(transaction, 1)
        ((pid,),) = await transaction.fetch("SELECT pg_backend_pid()")
        await db.run("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    for _ in range(2 * SIZE):
        await refuses(db, act)
    assert await stored(db) == []


async def is_there(db: Database) -> bool:
    """Whether all connections can be used at once."""
    try:
        await asyncio.gather(*(db.run("SELECT pg_sleep(0.01)") for _ in range(SIZE)))
    except DatabaseUnavailable:
        return False
    return True


async def test_a_database_that_restarts_is_away_and_then_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WAIT", 0.2)
    async with (
        embedded_postgres(settings={"fsync": "off"}) as server,
        database(server.url(), application="parley-trial", size=SIZE) as db,
    ):
        await db.run("CREATE TABLE trial (id int PRIMARY KEY)")
        await server.stop_immediately()
        with pytest.raises(DatabaseUnavailable):
            await db.run("INSERT INTO trial VALUES (1)")
        await server.start()
        async with asyncio.timeout(LIMIT):
            while not await is_there(db):
                pass
        assert await stored(db) == []


async def test_a_server_that_is_frozen_is_given_up(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.3)
    frozen: list[int] = []

    async def act(transaction: Transaction) -> None:
        ((pid,),) = await transaction.fetch("SELECT pg_backend_pid()")
        frozen.append(pid)
        os.kill(pid, signal.SIGSTOP)
        await transaction.fetch("SELECT 1")

    try:
        async with asyncio.timeout(LIMIT):
            await refuses(db, act)
            assert await db.run("SELECT 1") == [(1,)]
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


class Wire:
    """A way to the server that can lose the answers to what it has passed on."""

    def __init__(self) -> None:
        self.loses_answers = False
        self._stack = AsyncExitStack()

    @asynccontextmanager
    async def to(self, url: str) -> AsyncIterator[str]:
        """Yields the address of this end."""
        parameters = psycopg.conninfo.conninfo_to_dict(url)

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_unix_connection(f"{parameters['host']}/.s.PGSQL.{parameters.get('port', 5432)}")
            await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer, is_answer=True))

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield psycopg.conninfo.make_conninfo(url, host="127.0.0.1", port=port, sslmode="disable")
        finally:
            server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool = False) -> None:
        while (data := await reader.read(65536)) and not (is_answer and self.loses_answers):
            writer.write(data)
            await writer.drain()
        writer.close()


async def test_a_commit_whose_answer_is_lost_is_unavailability_although_it_took_place(
    postgres: EmbeddedPostgres, db: Database
) -> None:
    wire = Wire()
    async with wire.to(postgres.url()) as url, database(url, application="parley-wire", size=1) as far:

        async def act(transaction: Transaction) -> None:
            await insert(transaction, 1)
            await transaction.fetch("SELECT 1")
            wire.loses_answers = True

        await refuses(far, act)
    assert await stored(db) == [1]


@pytest.mark.parametrize("url", ["postgresql://parley:hunter2@[", "nonsense hunter2", "host=x hunter2=1"])
async def test_an_address_that_is_none_is_a_setting_to_correct(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        async with database(url, application="parley-trial"):
            pass
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_is_not_there_is_unavailability_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "START", 0.1)
    with pytest.raises(DatabaseUnavailable) as caught:
        async with database("postgresql://parley:hunter2@127.0.0.1:1/parley", application="parley-trial"):
            pass
    assert "127.0.0.1" in caught.value.message
    assert "hunter2" not in caught.value.message


async def test_a_server_that_is_starting_is_waited_for() -> None:
    async with embedded_postgres(settings={"fsync": "off"}) as server:
        await server.stop_immediately()

        async def use() -> list[Any]:
            async with database(server.url(), application="parley-trial", size=1) as db:
                return await db.run("SELECT 1")

        using = asyncio.create_task(use())
        await asyncio.wait({using}, timeout=0.05)
        assert not using.done()
        await server.start()
        assert await using == [(1,)]


async def test_more_connections_than_the_server_allows_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "START", 0.5)
    async with embedded_postgres(settings={"fsync": "off", "max_connections": "8"}) as server:
        with pytest.raises(DatabaseUnavailable, match="max_connections"):
            async with database(server.url(), application="parley-trial", size=12):
                pass
