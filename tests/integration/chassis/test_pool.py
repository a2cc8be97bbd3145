"""Transactions on a real PostgreSQL: all or nothing, and every way in which a database can be away has one name."""

import asyncio
import json
import logging
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from parley_chassis.batcher import Batcher
from parley_chassis.logs import JsonFormatter
from parley_chassis.postgres import pool
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_chassis.postgres.pool import Database, DatabaseUnavailable, Transaction, database
from parley_chassis.settings import SettingsError

NUMBER = "+15550123456"
LIMIT = 20.0
SIZE = 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    async with embedded_postgres(settings={"fsync": "off", "deadlock_timeout": "20ms"}) as server:
        yield server


@pytest_asyncio.fixture
async def db(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """A database of three connections with one empty table."""
    async with database(postgres.url(), application="parley-trial", size=SIZE) as opened:
        await opened.run("DROP TABLE IF EXISTS trial")
        await opened.run("CREATE TABLE trial (id int PRIMARY KEY, text text UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        yield opened


@pytest_asyncio.fixture
async def single(postgres: EmbeddedPostgres, db: Database) -> AsyncIterator[Database]:
    """The same database over one connection, so that what is SET stays set."""
    async with database(postgres.url(), application="parley-single", size=1) as opened:
        yield opened


async def insert(transaction: Transaction, number: int, text: str | None = None) -> None:
    await transaction.queue("INSERT INTO trial (id, text) VALUES (%s, %s)", (number, text))


async def stored(db: Database) -> list[int]:
    return [row[0] for row in await db.run("SELECT id FROM trial ORDER BY id")]


async def test_a_statement_returns_its_rows_or_none(db: Database) -> None:
    assert await db.run("INSERT INTO trial (id) VALUES (%s)", (1,)) == []
    assert await db.run("SELECT id, text FROM trial WHERE id = %s", (1,)) == [(1, None)]
    assert await db.run("SELECT id FROM trial WHERE id = %s", (2,)) == []
    assert await db.run("UPDATE trial SET text = %s RETURNING id", ("x",)) == [(1,)]


async def test_the_connections_say_who_they_are_and_have_their_limits(db: Database) -> None:
    names = ("application_name", "statement_timeout", "lock_timeout", "plan_cache_mode", "enable_seqscan", "jit")
    (row,) = await db.run("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    assert row == ("parley-trial", "5s", "2s", "force_generic_plan", "off", "off")


async def test_what_is_committed_stays(db: Database) -> None:
    async with db.transaction() as transaction:
        await insert(transaction, 1)
        assert await transaction.fetch("SELECT id FROM trial") == [(1,)]
        await insert(transaction, 2)
        await transaction.commit()
    assert await stored(db) == [1, 2]


async def test_without_a_commit_nothing_stays(db: Database) -> None:
    async with db.transaction() as transaction:
        await insert(transaction, 1)
        assert await transaction.fetch("SELECT id FROM trial") == [(1,)]
    async with db.transaction() as transaction:
        await insert(transaction, 2)
    assert await stored(db) == []


async def test_an_error_of_the_callers_rolls_back(db: Database) -> None:
    async def act() -> None:
        async with db.transaction() as transaction:
            await insert(transaction, 1)
            raise KeyError

    with pytest.raises(KeyError):
        await act()
    assert await stored(db) == []


async def test_a_transaction_may_be_empty(db: Database) -> None:
    async with db.transaction():
        pass
    async with db.transaction() as transaction:
        await transaction.commit()


async def test_after_the_commit_the_transaction_is_over(db: Database) -> None:
    async with db.transaction() as transaction:
        await insert(transaction, 1)
        await transaction.commit()
        with pytest.raises(RuntimeError, match="over"):
            await insert(transaction, 2)
        with pytest.raises(RuntimeError, match="over"):
            await transaction.commit()
    assert await stored(db) == [1]


async def store(db: Database, *rows: tuple[int, str], fetch: bool = False, commit: bool = True) -> None:
    """Queues `rows`, waits for what comes behind them or not, and commits or only leaves."""
    async with db.transaction() as transaction:
        for number, text in rows:
            await insert(transaction, number, text)
        if fetch:
            await transaction.fetch("SELECT 1")
        if commit:
            await transaction.commit()


@pytest.mark.parametrize("behind", range(4))
async def test_a_queued_statement_that_fails_fails_the_commit(db: Database, behind: int) -> None:
    rows = [(1, "a"), (1, "b"), *((2 + number, f"c{number}") for number in range(behind))]
    with pytest.raises(psycopg.errors.UniqueViolation):
        await store(db, *rows)
    assert await stored(db) == []


@pytest.mark.parametrize(("fetch", "commit"), [(True, True), (True, False), (False, False)])
async def test_a_queued_statement_that_fails_is_not_passed_over(db: Database, fetch: bool, commit: bool) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        await store(db, (1, "a"), (1, "b"), fetch=fetch, commit=commit)
    assert await stored(db) == []


@pytest.mark.parametrize("fetch", [True, False])
async def test_a_constraint_that_is_checked_at_the_commit_fails_it(db: Database, fetch: bool) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        await store(db, (1, "same"), (2, "same"), fetch=fetch)
    assert await stored(db) == []


async def test_an_error_that_is_passed_over_cannot_be_committed(db: Database) -> None:
    async def act() -> None:
        async with db.transaction() as transaction:
            await insert(transaction, 1)
            with pytest.raises(psycopg.errors.UndefinedTable):
                await transaction.fetch("SELECT FROM nowhere")
            await transaction.commit()

    with pytest.raises(psycopg.errors.PipelineAborted):
        await act()
    assert await stored(db) == []


@pytest.mark.parametrize(
    ("statement", "kind", "text"),
    [
        (
            "INSERT INTO trial (id, text) VALUES (1, %s), (1, %s)",
            psycopg.errors.UniqueViolation,
            "23505 trial trial_pkey",
        ),
        ("INSERT INTO trial (text) VALUES (%s || %s)", psycopg.errors.NotNullViolation, "23502 trial id"),
        ("SELECT %s::text::uuid, %s::text", psycopg.errors.InvalidTextRepresentation, "22P02"),
    ],
)
@pytest.mark.parametrize("in_transaction", [True, False])
async def test_an_error_of_the_statement_passes_without_the_values(
    db: Database,
    caplog: pytest.LogCaptureFixture,
    statement: Any,
    kind: type[psycopg.Error],
    text: str,
    in_transaction: bool,
) -> None:
    async def act() -> None:
        if not in_transaction:
            await db.run(statement, (NUMBER, NUMBER))
        async with db.transaction() as transaction:
            await transaction.fetch(statement, (NUMBER, NUMBER))

    with pytest.raises(kind) as caught:
        await act()
    assert str(caught.value) == text
    assert NUMBER not in repr(caught.value)
    lines = [JsonFormatter().format(record) for record in caplog.records if record.name.startswith("p")]
    assert NUMBER not in json.dumps(lines)


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
        ("SELECT", "SELECT pg_terminate_backend(pg_backend_pid())", "AdminShutdown"),
    ],
)
async def test_what_is_no_fault_of_the_statements_is_unavailability(
    single: Database, setting: Any, statement: Any, name: str
) -> None:
    await single.run(setting)
    error = await refuses(single, lambda transaction: transaction.fetch(statement))
    assert name in error.message
    assert error.retryable


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


async def test_a_transaction_that_is_cancelled_anywhere_is_whole_or_not_there(db: Database) -> None:
    chance = random.Random(7)
    tried = 120

    async def store(number: int) -> None:
        async with db.transaction() as transaction:
            await transaction.fetch("SELECT pg_sleep(0.001)")
            await insert(transaction, 2 * number)
            await insert(transaction, 2 * number + 1)
            await transaction.commit()

    async def store_with_cancel(number: int) -> bool:
        task = asyncio.create_task(store(number))
        await asyncio.wait({task}, timeout=chance.uniform(0, 0.008))
        task.cancel()
        await asyncio.wait({task})
        return not task.cancelled() and task.exception() is None

    async with asyncio.timeout(60):
        committed = {number for number in range(tried) if await store_with_cancel(number)}
    there = set(await stored(db))
    assert {number for number in range(tried) if {2 * number, 2 * number + 1} <= there} >= committed
    assert all((2 * number in there) == (2 * number + 1 in there) for number in range(tried))
    left = await db.run(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'parley-trial' AND state LIKE 'idle in%%'"
    )
    assert left == [(0,)]
    await asyncio.gather(*(db.run("SELECT pg_sleep(0.01)") for _ in range(SIZE)))


async def test_a_batch_with_one_bad_row_is_stored_without_it(db: Database) -> None:
    async def flush(items: list[int]) -> list[bool]:
        async with db.transaction() as transaction:
            for item in items:
                await insert(transaction, item)
            await transaction.commit()
        return [True] * len(items)

    await db.run("INSERT INTO trial VALUES (5)")
    batcher = Batcher(flush)
    outcomes = await asyncio.gather(*map(batcher.submit, range(9)), return_exceptions=True)
    assert [number for number, outcome in enumerate(outcomes) if outcome is not True] == [5]
    assert isinstance(outcomes[5], psycopg.errors.UniqueViolation)
    assert await stored(db) == list(range(9))


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


async def test_an_open_database_writes_no_line_for_each_call(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "psycopg.pool"):
        await db.run("SELECT 1")
    assert caplog.records == []
