"""Each statement that runs for every text finds its rows by an index, on 200,000 messages, with statistics and without.

Explained as they run: prepared, with a generic plan, under the options of our connections.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from psycopg.rows import TupleRow
from sqlalchemy import Row, Select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.pool import OPTIONS
from parley_chassis.postgres.queries import load_queries
from parley_session.adapters.postgres.rows import dump
from parley_session.adapters.postgres.transcripts import PostgresTranscripts
from tests.databases import FreshDatabase, fresh_database
from tests.integration.session.population import (
    AWAITING_SESSIONS,
    DUE_SESSIONS,
    OPEN_TURNS,
    TABLES,
    identity,
    populate,
)

BIG = set(TABLES)
BATCH = 20
Connection = psycopg.AsyncConnection[TupleRow]


@dataclass(frozen=True)
class Plan:
    nodes: list[dict[str, Any]]

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def scanned(self) -> set[str]:
        """Big tables that are read from one end to the other."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"} & BIG

    @property
    def pages(self) -> int:
        return int(self.nodes[0]["Shared Hit Blocks"] + self.nodes[0]["Shared Read Blocks"])

    @property
    def passed_over(self) -> int:
        """Rows of big tables that were read for nothing."""
        return int(
            sum(
                node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
                for node in self.nodes
                if node.get("Relation Name") in BIG
            )
        )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


async def explain(connection: Connection, statement: str, parameters: Sequence[object] = ()) -> Plan:
    """Runs the statement and takes it back."""
    numbered = statement
    for number in range(1, len(parameters) + 1):
        numbered = numbered.replace("%s", f"${number}", 1)
    values = sql.SQL(", ").join([sql.Literal(value) for value in parameters])
    execute = sql.SQL("EXECUTE tested({})").format(values) if parameters else sql.SQL("EXECUTE tested")
    async with connection.transaction(force_rollback=True):
        await connection.execute(f"PREPARE tested AS {numbered}".encode())
        cursor = await connection.execute(sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}").format(execute))
        found = await cursor.fetchone()
    await connection.execute("DEALLOCATE ALL")
    assert found
    return Plan(list(_nodes(found[0][0]["Plan"])))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def databases(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[dict[str, FreshDatabase]]:
    async with fresh_database(postgres, template) as young:
        await populate(young.session_url)
        async with fresh_database(postgres, young.name) as grown_up:
            async with await psycopg.AsyncConnection.connect(grown_up.admin_url, autocommit=True) as connection:
                await connection.execute("ANALYZE")
            yield {"without statistics": young, "with statistics": grown_up}


@pytest.fixture(params=["without statistics", "with statistics"])
def populated(databases: dict[str, FreshDatabase], request: pytest.FixtureRequest) -> FreshDatabase:
    return databases[request.param]


@pytest.fixture
async def hot(populated: FreshDatabase) -> AsyncIterator[Connection]:
    """A connection as the hot statements have it."""
    url = populated.session_url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, options=OPTIONS) as connection:
        yield connection


@pytest.fixture
async def plain(populated: FreshDatabase) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(populated.session_url, autocommit=True) as connection:
        yield connection


def keys(numbers: Sequence[int]) -> str:
    return dump({"channel": 1, "endpoint": f"+1555{n % 100 + 1:07d}", "participant": f"+1666{n:07d}"} for n in numbers)


THREADS = range(100, 100 + BATCH * 25, 25)


def turns(**fields: object) -> str:
    return dump({"id": identity(3, n * 10 + 9), "fence": 1, **fields} for n in range(50, 50 + 50 * BATCH, 50))


def histories() -> str:
    return dump(
        {
            "turn_id": identity(3, n * 10 + 9),
            "thread_id": identity(1, n),
            "session_id": identity(2, n * 2 + 1),
            "first_position": 11,
            "taken": 17,
        }
        for n in THREADS
    )


def written() -> tuple[str, ...]:
    """A batch of commits, each of which answers one text and claims the next turn."""
    threads = [
        {
            "id": identity(1, n),
            "session_id": identity(2, n * 2 + 1),
            "last_position": 21,
            "last_inbound": 19,
            "taken": 19,
            "last_seq": 11,
            "active_time": "2030-01-01T00:00:00Z",
            "endings": 0,
            "pace": "",
        }
        for n in THREADS
    ]
    outbox = (
        {"id": message["id"], "at_most_once": False, "expire_time": "2030-01-01T00:00:00Z"}
        for message in _messages()
        if message["direction"] == 2
    )
    moment = "2029-12-31T00:00:00Z"
    return moment, dump(threads), dump(_sessions()), dump(_turns()), dump(_messages()), dump(outbox)


def _sessions() -> Iterator[dict[str, object]]:
    for n in THREADS:
        yield {
            "id": identity(2, n * 2 + 1), "thread_id": identity(1, n), "agent": "agent-1", "settings": {},
            "first_position": 11, "started": True, "state": "{}", "end_reason": None, "outbound": False,
            "engaged": True, "handed_off": False, "awaits_coverage": False, "end_owed": False,
            "due_time": "2030-01-01T00:00:00Z",
        }  # fmt: skip


def _turns() -> Iterator[dict[str, object]]:
    for n in THREADS:
        yield {
            "id": identity(3, n * 10 + 9), "thread_id": identity(1, n), "session_id": identity(2, n * 2 + 1), "kind": 2,
            "claimed": True, "fence": 1, "attempt": 1, "first_position": 19, "last_position": 19,
            "wake_time": "2030-01-01T00:00:00Z", "away_since": None, "outcome": 1, "traceparent": "",
        }  # fmt: skip


def _messages() -> Iterator[dict[str, object]]:
    for n in THREADS:
        for direction in (1, 2):
            yield {
                "id": identity(5, n * 10 + direction), "thread_id": identity(1, n),
                "session_id": identity(2, n * 2 + 1), "position": 20 + direction,
                "direction": direction, "text": "x", "seq": (direction - 1) * 11,
                "delivery_state": direction - 1, "source_id": f"new{n}" if direction == 1 else None,
                "kind": direction - 1, "traceparent": "",
            }  # fmt: skip


def records() -> str:
    return dump({"id": identity(4, n * 20 + 20), "state": 5, "source_id": "SM", "error": 0} for n in THREADS)


KEY, PLACE = "threads_channel_endpoint_participant_key", "messages_thread_id_position_key"
MAX_PAGES = 35 * BATCH
"""That a statement on a batch may look at. The messages alone have thousands."""
MAX_PAGES_OF_THREADS = 80 * BATCH
"""Where it looks through all messages of its threads."""
NEW_THREADS = dump([{"id": identity(6, 1), "channel": 1, "endpoint": "+15550000001", "participant": "+1"}])
DUE = ("2029-01-01T00:00:00Z", 100)
FEW = [identity(2, n * 2 + 1) for n in THREADS]
MIXED = range(100, 100 + BATCH * 7, 7)
"""Threads in all their states: warned, with an end owed, opted out."""
OPT_OUT = {
    "stop_time": "2030-01-01T00:00:00Z", "stop_source": "SM", "start_source": "", "opted_out": True,
    "event_time": "2030-01-01T00:00:00Z",
}  # fmt: skip
OPT_OUTS = dump({"scope": f"+1555{n % 100 + 1:07d}", "participant": f"+1666{n:07d}", **OPT_OUT} for n in MIXED)
MOVED = dump({"number": f"+1555{n % 100 + 1:07d}", "scope": "MG1"} for n in MIXED)
REQUESTS = dump(
    {"id": f"new{n}", "fingerprint": "f", "session_id": identity(2, n), "message_id": identity(4, n)} for n in THREADS
)
WANTED = dump({"place": 0, "agent": "agent-1", "participant": "+16660000001", "endpoint": ""} for _ in range(1))
IGNORED = dump({"thread_id": identity(1, n), "first": 17, "last": 19, "reason": "r"} for n in THREADS)
ATTACHED = dump({"thread_id": identity(1, n), "session_id": identity(7, n), "first_position": 18} for n in THREADS)

CASES: dict[str, tuple[tuple[object, ...], set[str]]] = {
    "create_threads": ((NEW_THREADS,), {"numbers_pkey"}),
    "lock": ((keys(THREADS),), {KEY}),
    "read_sources": ((dump({"source_id": f"SM{n:08d}"} for n in THREADS),), {"sources_pkey", "messages_pkey"}),
    "read": (
        (keys(MIXED),),
        {KEY, "sessions_pkey", "turns_one_open", PLACE, "sessions_end_owed", "opt_outs_pkey", "messages_pkey"},
    ),
    "lock_due": ((100,), {"turns_one_open", "threads_pkey"}),
    "lock_due_sessions": ((100,), {"sessions_due", "threads_pkey"}),
    "lock_covered_sessions": (DUE, {"sessions_awaiting", "threads_pkey"}),
    "awaited_coverage": (("2029-01-01T00:00:00Z",), {"sessions_awaiting"}),
    "read_requests": ((dump({"id": f"request{n}"} for n in THREADS),), {"requests_pkey"}),
    "write": (written(), {"threads_pkey"}),
    "ignore": (
        (dump({"thread_id": identity(1, n), "first": 17, "last": 19, "reason": "r"} for n in THREADS),),
        {PLACE},
    ),
    "cancel": ((dump({"thread_id": identity(1, n)} for n in THREADS),), {PLACE, "outbox_pkey"}),
    "moved_numbers": ((MOVED,), {"numbers_pkey"}),
    "write_opt_outs": ((OPT_OUTS,), set()),
    "write_requests": ((REQUESTS,), set()),
    "find_threads": ((dump({"id": identity(1, n)} for n in THREADS),), {"threads_pkey"}),
    "find_session_threads": ((dump({"id": one} for one in FEW),), {"sessions_pkey", "threads_pkey"}),
    "find_senders": ((WANTED,), {KEY}),
    "take_unsubmitted_opt_outs": ((BATCH,), {"opt_outs_next_submit_time", "opt_outs_pkey"}),
    "finish_opt_outs": ((OPT_OUTS,), {"opt_outs_pkey"}),
    "attach": ((ATTACHED,), {PLACE}),
    "history": ((histories(),), {PLACE}),
    "find_backlogged": (("00000000-0000-7000-8000-000000000000", 20), {"outbox_pkey"}),
    "renew_leases": ((turns(lease=20.0),), {"turns_pkey"}),
    "record": ((records(),), {"messages_pkey", "outbox_pkey"}),
    "take_unsubmitted": (
        (BATCH,),
        {"outbox_next_submit_time", "outbox_pkey", "messages_pkey", "threads_pkey", "opt_outs_pkey"},
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_hot_statement_finds_its_rows_by_its_index(hot: Connection, name: str) -> None:
    parameters, indexes = CASES[name]
    plan = await explain(hot, load_queries("parley_session.adapters.postgres")[name], parameters)
    assert plan.scanned == set()
    assert plan.indexes >= indexes
    assert plan.pages <= (MAX_PAGES_OF_THREADS if name == "cancel" else MAX_PAGES)
    assert plan.passed_over <= OPEN_TURNS


@pytest.mark.parametrize(
    ("name", "parameters", "count"),
    [
        ("lock_due_sessions", (1000,), DUE_SESSIONS),
        ("lock_covered_sessions", ("2029-01-01T00:00:00Z", 1000), AWAITING_SESSIONS),
    ],
)
async def test_what_is_due_is_found_and_nothing_else_is_read(
    hot: Connection, name: str, parameters: tuple[object, ...], count: int
) -> None:
    plan = await explain(hot, load_queries("parley_session.adapters.postgres")[name], parameters)
    assert plan.nodes[0]["Actual Rows"] == count
    assert plan.passed_over == 0


def test_every_statement_is_looked_at() -> None:
    assert set(CASES) == set(load_queries("parley_session.adapters.postgres"))


class _Overheard(PostgresTranscripts):
    """Keeps what would be asked."""

    statement: Select[Any]

    async def _fetch(self, statement: Select[Any]) -> list[Row[Any]]:
        self.statement = statement
        return []


@pytest.fixture
async def transcripts(populated: FreshDatabase) -> AsyncIterator[_Overheard]:
    engine = create_async_engine(populated.session_url.replace("postgresql://", "postgresql+psycopg://", 1))
    yield _Overheard(engine)
    await engine.dispose()


async def overheard(connection: Connection, transcripts: _Overheard) -> Plan:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    compiled = transcripts.statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return await explain(connection, str(compiled))


async def test_a_transcript_is_read_by_its_thread_and_position(plain: Connection, transcripts: _Overheard) -> None:
    await transcripts.list_messages(identity(2, 101), 50, 0)
    plan = await overheard(plain, transcripts)
    assert plan.scanned == set()
    assert plan.indexes >= {"sessions_pkey", "messages_thread_id_position_key"}
    assert plan.pages <= 50


async def test_the_sessions_of_a_participant_are_read_by_their_threads(
    plain: Connection, transcripts: _Overheard
) -> None:
    await transcripts.list_sessions(50, "", "+16660000101", "")
    plan = await overheard(plain, transcripts)
    assert plan.scanned == set()
    assert plan.indexes >= {"threads_participant", "sessions_thread"}
    assert plan.pages <= 50


async def test_a_page_of_sessions_is_read_by_their_ids(plain: Connection, transcripts: _Overheard) -> None:
    await transcripts.list_sessions(50, identity(2, 9999), "", "")
    plan = await overheard(plain, transcripts)
    assert plan.scanned <= {"threads"}, "without statistics the names may be read in one go"
    assert "sessions_pkey" in plan.indexes
