"""Migration 0002 on what 0001 has left behind, forth and back; and who may look at the schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import Connection, create_engine

import parley_session.adapters.postgres.migrations as migrations
from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.migrations import migrate
from parley_chassis.postgres.roles import ensure_roles, role_of
from parley_session.domain.thread import EndReason, TurnKind
from tests.databases import MIGRATIONS, FreshDatabase
from tests.integration.session.replica import Replica, Rows, answer, incoming, replica_running

OPEN, OWED, ENDED = "+15550111", "+15550112", "+15550113"

# As version 0001 left it: an open session, one that ended and owes its end(conv), and one that is over.
PAST = """
INSERT INTO session.numbers (number, agent, create_time) VALUES ('+15550100', 'echo', '2026-01-01T00:00:00Z');
INSERT INTO session.threads
  (id, channel, endpoint, participant, session_id, last_position, last_inbound, taken, last_seq, active_time)
VALUES
  ('10000000-0000-0000-0000-000000000001', 1, '+15550100', '+15550111', '20000000-0000-0000-0000-000000000001', 2, 1, 1,
    1, '2026-02-01T00:00:00Z'),
  ('10000000-0000-0000-0000-000000000002', 1, '+15550100', '+15550112', '20000000-0000-0000-0000-000000000002', 2, 1, 1,
    1, '2026-02-01T00:00:00Z'),
  ('10000000-0000-0000-0000-000000000003', 1, '+15550100', '+15550113', NULL, 2, 1, 1, 1, '2026-02-01T00:00:00Z');
INSERT INTO session.sessions (id, thread_id, agent, settings, first_position, started, state, end_reason, end_time)
VALUES
  ('20000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-000000000001', 'echo',
    '{"greeting": 1, "settle": 0.0, "fallback_text": "sorry"}', 1, true, '{"n": 1}', NULL, NULL),
  ('20000000-0000-0000-0000-000000000002', '10000000-0000-0000-0000-000000000002', 'echo', '{}', 1, true, '{"n": 2}', 1,
    '2026-02-01T00:00:00Z'),
  ('20000000-0000-0000-0000-000000000003', '10000000-0000-0000-0000-000000000003', 'echo', '{}', 1, true, '', 1,
    '2026-02-01T00:00:00Z');
INSERT INTO session.turns (id, thread_id, session_id, kind, open, claimed, fence, attempt, first_position,
  last_position, wake_time, traceparent)
VALUES ('30000000-0000-0000-0000-000000000002', '10000000-0000-0000-0000-000000000002',
  '20000000-0000-0000-0000-000000000002', 3, true, false, 0, 0, 0, 0, '2026-02-01T00:00:00Z', '');
INSERT INTO session.messages (id, thread_id, session_id, position, direction, text, seq, delivery_state, fallback,
  traceparent)
SELECT ('4000000' || n || '-0000-0000-0000-00000000000' || p)::uuid,
  ('10000000-0000-0000-0000-00000000000' || n)::uuid, ('20000000-0000-0000-0000-00000000000' || n)::uuid, p, p,
  CASE WHEN p = 1 THEN 'hello' ELSE 'hi' END, p - 1, p - 1, n = 3 AND p = 2, ''
FROM generate_series(1, 3) n, generate_series(1, 2) p;
INSERT INTO session.outbox (message_id, next_submit_time)
SELECT id, clock_timestamp() FROM session.messages WHERE direction = 2
"""
TABLES = ("numbers", "threads", "sessions", "turns", "messages", "outbox")


@pytest.fixture
async def old(postgres: EmbeddedPostgres) -> AsyncIterator[FreshDatabase]:
    """A database of version 0001, with a past."""
    name = f"test_{uuid4().hex}"
    database = FreshDatabase(postgres, name)
    server = postgres.url(database="postgres")
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        await ensure_roles(database.admin_url)
        move(database, "0001")
        await execute(database, PAST)
        yield database
        await connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def move(database: FreshDatabase, revision: str) -> None:
    """Takes the schema forth or back."""
    location = str(Path(next(iter(migrations.__path__))))
    scripts = ScriptDirectory(location, version_locations=[f"{location}/versions"])
    engine = create_engine(database.session_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        _move(connection, scripts, revision)
    engine.dispose()


def _move(connection: Connection, scripts: ScriptDirectory, revision: str) -> None:
    def steps(heads: tuple[str, ...], _: MigrationContext):  # type: ignore[no-untyped-def]
        if heads and heads[0] > revision:
            return scripts._downgrade_revs(revision, heads[0])
        return scripts._upgrade_revs(revision, heads)  # type: ignore[arg-type]

    context = MigrationContext.configure(connection, opts={"fn": steps, "version_table_schema": "session"})
    for script in scripts.walk_revisions():
        if "op" in vars(script.module):
            vars(script.module)["op"] = Operations(context)
    context.run_migrations()


async def execute(database: FreshDatabase, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(database.session_url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


async def contents(database: FreshDatabase) -> dict[str, object]:
    """Every row of every table, by the names of its columns."""
    return {
        table: await execute(database, f"SELECT to_jsonb(x)::text FROM session.{table} x ORDER BY 1")
        for table in TABLES
    }


async def shape(database: FreshDatabase) -> dict[str, object]:
    """All columns with their defaults, and all indexes."""
    return {
        "columns": await execute(
            database,
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
            "WHERE table_schema = 'session' ORDER BY 1, 2",
        ),
        "indexes": await execute(
            database, "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'session' ORDER BY 1"
        ),
    }


async def newest(database: FreshDatabase) -> None:
    await migrate(database.session_url, MIGRATIONS["session"], "session")


async def test_an_open_session_is_due_a_day_after_its_last_message(old: FreshDatabase) -> None:
    await newest(old)
    due = "SELECT s.due_time = t.active_time + interval '24 hours', s.engaged, s.outbound, s.handed_off FROM "
    due += f"session.sessions s JOIN session.threads t ON t.session_id = s.id WHERE t.participant = '{OPEN}'"
    assert await execute(old, due) == [(True, True, False, False)]
    assert await execute(old, "SELECT count(*) FROM session.sessions WHERE due_time IS NOT NULL") == [(1,)]


async def test_a_session_that_owed_its_end_still_does_and_its_thread_is_free(old: FreshDatabase) -> None:
    await newest(old)
    found = "SELECT participant, session_id IS NULL, endings FROM session.threads ORDER BY participant"
    assert await execute(old, found) == [(OPEN, False, 0), (OWED, True, 1), (ENDED, True, 0)]
    async with replica_running(old.session_url) as replica:
        await replica.receive(incoming("S1", "again", OWED))
        await replica.claim()
        assert (replica.last.turn.kind, replica.last.session.state) == (TurnKind.END, '{"n": 2}')
        assert replica.last.session.end_reason is EndReason.ENDED_BY_AGENT
        await replica.commit(answer(replica.last))
        assert (replica.last.turn.kind, replica.last_texts) == (TurnKind.START, ["again"])
        assert await execute(old, "SELECT count(*) FROM session.sessions WHERE end_owed") == [(0,)]


async def test_an_open_session_goes_on_where_it_was(old: FreshDatabase) -> None:
    await newest(old)
    async with replica_running(old.session_url) as replica:
        await replica.receive(incoming("S1", "more", OPEN))
        assert (replica.last.turn.kind, replica.last.session.state) == (TurnKind.MESSAGE, '{"n": 1}')
        assert replica.last.session.settings.fallback_text == "sorry"
        assert replica.last_history == [(1, "hello"), (2, "hi")]


async def test_a_silent_session_of_before_is_warned(old: FreshDatabase) -> None:
    await newest(old)
    async with replica_running(old.session_url) as replica:
        assert (await replica.time_out()).decided == 1
        assert [submission.participant for submission in replica.handed_over] == [OPEN]


async def test_messages_say_of_which_kind_they_were(old: FreshDatabase) -> None:
    await newest(old)
    kinds = "SELECT kind, count(*)::int FROM session.messages GROUP BY 1 ORDER BY 1"
    assert await execute(old, kinds) == [(0, 3), (1, 2), (2, 1)]


async def test_texts_that_were_missed_during_the_upgrade_are_still_taken(old: FreshDatabase) -> None:
    """A number is ours since it was registered, not since the migration."""
    await newest(old)
    assert await execute(old, "SELECT ingest_from = create_time FROM session.numbers") == [(True,)]


async def test_the_way_back_leaves_what_was_there(old: FreshDatabase) -> None:
    before, form = await contents(old), await shape(old)
    await newest(old)
    move(old, "0001")
    after = await contents(old)
    assert await shape(old) == form
    assert {name: after[name] for name in TABLES if name != "sessions"} == {
        name: before[name] for name in TABLES if name != "sessions"
    }
    columns = "SELECT id::text, end_reason, state, started FROM session.sessions ORDER BY id"
    assert len(await execute(old, columns)) == 3


async def test_forth_and_back_and_forth_is_forth(old: FreshDatabase) -> None:
    await newest(old)
    form = await shape(old)
    move(old, "0001")
    await newest(old)
    assert await shape(old) == form
    found = "SELECT participant, session_id IS NULL, endings FROM session.threads ORDER BY participant"
    assert await execute(old, found) == [(OPEN, False, 0), (OWED, True, 1), (ENDED, True, 0)]


# ---- grants


async def test_the_schema_belongs_to_its_service_and_nobody_else_sees_it(database: FreshDatabase) -> None:
    assert role_of("session") in database.session_url
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'session'"
    names = [str(name) for (name,) in await execute(database, tables)]
    assert {"opt_outs", "requests", "clock"} <= set(names)
    async with await psycopg.AsyncConnection.connect(database.notifier_url, autocommit=True) as stranger:
        for name in names:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await stranger.execute(sql.SQL("SELECT FROM session.{} LIMIT 1").format(sql.Identifier(name)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await stranger.execute("SELECT session.now()")


async def test_its_service_is_no_superuser_and_may_all_that_it_does(
    database: FreshDatabase, rows: Rows, replica: Replica
) -> None:
    assert await rows.one(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    ) is (False)
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'session'"
    assert await rows.all(owners) == [(role_of("session"),)]
    await replica.receive(incoming("S1"))
    assert len(replica.started) == 1
