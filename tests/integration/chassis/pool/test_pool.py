"""Transactions on a real PostgreSQL: all or nothing, and errors that repeat no value."""

import asyncio
import json
import logging
import random
from typing import Any

import psycopg
import pytest

from parley_chassis.batcher import Batcher
from parley_chassis.logs import JsonFormatter
from parley_chassis.postgres.pool import Database
from tests.integration.chassis.pool.trial import SIZE, insert, stored

NUMBER = "+15550123456"


async def test_a_statement_returns_its_rows_or_none(db: Database) -> None:
    assert await db.run("INSERT INTO trial (id) VALUES (%s)", (1,)) == []
    assert await db.run("SELECT id, text FROM trial WHERE id = %s", (1,)) == [(1, None)]
    assert await db.run("SELECT id FROM trial WHERE id = %s", (2,)) == []
    assert await db.run("UPDATE trial SET text = %s RETURNING id", ("x",)) == [(1,)]


async def test_the_connections_say_who_they_are_and_have_their_limits(db: Database) -> None:
    limits = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"]
    names = ["application_name", *limits, "plan_cache_mode", "enable_seqscan", "enable_bitmapscan", "jit"]
    (row,) = await db.run("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    assert row == ("parley-trial", "5s", "2s", "3s", "10s", "force_generic_plan", "off", "off", "off")


async def test_what_is_committed_stays(db: Database) -> None:
    async with db.transaction() as transaction:
        await insert(transaction, 1)
        assert await transaction.fetch("SELECT id FROM trial") == [(1,)]
        await insert(transaction, 2)
        await transaction.commit()
    assert await stored(db) == [1, 2]


async def test_rows_of_what_was_queued_can_be_had_later(db: Database) -> None:
    async with db.transaction() as transaction:
        first = await transaction.queue("INSERT INTO trial (id) VALUES (1) RETURNING id")
        assert await transaction.fetch("SELECT 2") == [(2,)]
        last = await transaction.queue("INSERT INTO trial (id) VALUES (3) RETURNING id")
        await transaction.commit()
        assert (await first.fetchall(), await last.fetchall()) == ([(1,)], [(3,)])


async def test_without_a_commit_nothing_stays(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    async with db.transaction() as transaction:
        await insert(transaction, 1)
        assert await transaction.fetch("SELECT id FROM trial") == [(1,)]
    async with db.transaction() as transaction:
        await insert(transaction, 2)
    assert await stored(db) == []
    assert caplog.records == []  # the pool finds nothing to clear up


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


async def test_a_queued_statement_that_fails_fails_the_commit(db: Database) -> None:
    # The server's answer to it arrives at one moment or another, so this is tried often.
    for behind in range(60):
        rows = [(1, "a"), (1, "b"), *((2 + number, f"c{number}") for number in range(behind % 20))]
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

    with pytest.raises((psycopg.errors.InFailedSqlTransaction, psycopg.errors.PipelineAborted)):
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


async def test_an_open_database_writes_no_line_for_each_call(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "psycopg.pool"):
        await db.run("SELECT 1")
    assert caplog.records == []
