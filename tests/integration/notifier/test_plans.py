"""Each statement of every text finds its rows by an index, on 200,000 deliveries, with statistics and without.

Explained as they run: prepared, with a generic plan, under the options of our connections.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.pool import OPTIONS
from parley_chassis.postgres.queries import load_queries
from parley_notifier.adapters.postgres import rows as row_format
from parley_notifier.adapters.postgres.rows import dump
from parley_notifier.domain.lane import WINDOW
from parley_notifier.domain.polls import ENDS
from tests.databases import FreshDatabase, fresh_database
from tests.integration.notifier.conftest import Connection

QUERIES = {
    name: statement
    for file in ("queries.sql", "polls.sql")
    for name, statement in load_queries("parley_notifier.adapters.postgres", file).items()
}
BIG = {"lanes", "deliveries", "attempts", "reports", "opt_outs"}
LANES, DUE = 20_000, 100
BATCH = 20
MAX_PAGES = 40 * BATCH
"""That a statement on a batch may look at. The deliveries alone have thousands."""

# Lane n has the deliveries 1 to 10, the last of them still claimed in every 200th lane.
POPULATION = """
CREATE FUNCTION pg_temp.id(kind text, number int) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN (kind || lpad(number::text, 31, '0'))::uuid;

INSERT INTO notifier.lanes (thread_id, sender, participant, next_seq, in_flight, wake_time)
SELECT pg_temp.id('1', n), '+1555' || lpad((n % 100)::text, 7, '0'), '+1666' || lpad(n::text, 7, '0'),
  CASE WHEN open THEN 10 ELSE 11 END, CASE WHEN open THEN 10 END,
  CASE WHEN open THEN clock_timestamp() - interval '1 s' WHEN n % 4 = 0 THEN clock_timestamp() + interval '1 h' END
FROM generate_series(1, 20000) n, LATERAL (SELECT n % 200 = 0 AS open) o;

INSERT INTO notifier.deliveries (id, thread_id, seq, text, segments, state, canceled, attempt, owner, started_time,
  due_time, sid, status, error_code, traceparent, create_time)
SELECT pg_temp.id('2', n * 10 + s), pg_temp.id('1', n), s, 'a text of usual length', 1,
  CASE WHEN open THEN 'claimed' ELSE 'accepted' END, false, 1, 'x', clock_timestamp(),
  CASE WHEN open THEN clock_timestamp() END, 'SM' || n * 10 + s, 'delivered', 0, '', clock_timestamp()
FROM generate_series(1, 20000) n, generate_series(1, 10) s, LATERAL (SELECT n % 200 = 0 AND s = 10 AS open) o;

INSERT INTO notifier.attempts (delivery_id, attempt, started_time, finished_time, outcome, http_status, error_code,
  sid, request_id)
SELECT id, 1, clock_timestamp(), clock_timestamp(), 'accepted', 201, 0, sid, 'RQ' FROM notifier.deliveries;

INSERT INTO notifier.reports (message_sid, status, delivery_id, error_code, receive_time)
SELECT sid, 'delivered', id, 0, clock_timestamp() FROM notifier.deliveries;

INSERT INTO notifier.opt_outs (scope, participant, opted_out, event_time)
SELECT sender, participant, thread_id < pg_temp.id('1', 2000), clock_timestamp() FROM notifier.lanes;

INSERT INTO notifier.senders (sender, sending_paused, segments_per_second)
SELECT '+1555' || lpad(n::text, 7, '0'), n >= 100, n % 2 FROM generate_series(0, 999) n;

-- All but the first hundred senders are switched off, and have lanes that sleep.
INSERT INTO notifier.lanes (thread_id, sender, participant, wake_time)
SELECT pg_temp.id('4', n), '+1555' || lpad((900 + n % 100)::text, 7, '0'), '+1777' || lpad(n::text, 7, '0'), 'infinity'
FROM generate_series(1, 20000) n
"""


def identity(kind: int, number: int) -> str:
    digits = f"{kind}{number:031d}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def threads(numbers: Iterable[int]) -> str:
    return row_format.ids(identity(1, number) for number in numbers)


def deliveries(numbers: Iterable[int]) -> str:
    return row_format.ids(identity(2, number * 10 + 10) for number in numbers)


@dataclass(frozen=True)
class Plan:
    nodes: list[dict[str, Any]]

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def scanned(self) -> set[str]:
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"} & BIG

    @property
    def pages(self) -> int:
        return int(self.nodes[0]["Shared Hit Blocks"] + self.nodes[0]["Shared Read Blocks"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


async def explain(connection: Connection, statement: str, parameters: Sequence[object]) -> Plan:
    """Runs the statement and takes it back."""
    for number in range(1, len(parameters) + 1):
        statement = statement.replace("%s", f"${number}", 1)
    values = sql.SQL(", ").join([sql.Literal(value) for value in parameters])
    async with connection.transaction(force_rollback=True):
        await connection.execute(f"PREPARE tested AS {statement}".encode())
        explained = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE tested({})").format(values)
        found = await (await connection.execute(explained)).fetchone()
    await connection.execute("DEALLOCATE ALL")
    assert found
    return Plan(list(_nodes(found[0][0]["Plan"])))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def databases(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[dict[str, FreshDatabase]]:
    async with fresh_database(postgres, template) as young:
        async with await psycopg.AsyncConnection.connect(young.notifier_url, autocommit=True) as connection:
            await connection.execute(POPULATION)
        async with fresh_database(postgres, young.name) as grown_up:
            async with await psycopg.AsyncConnection.connect(grown_up.admin_url, autocommit=True) as connection:
                await connection.execute("ANALYZE")
            yield {"without statistics": young, "with statistics": grown_up}


@pytest.fixture(params=["without statistics", "with statistics"])
async def hot(databases: dict[str, FreshDatabase], request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    """A connection as the hot statements have it."""
    url = databases[request.param].notifier_url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, options=OPTIONS) as connection:
        yield connection


SOME = range(1000, 1000 + BATCH * 10, 10)
NEW_PAIRS = dump(
    {"thread_id": identity(9, n), "sender": "+1", "participant": str(n), "opt_out_scope": ""} for n in SOME
)
PARTICIPANTS = [f"+1666{n:07d}" for n in SOME]
SCOPES = dump({"scope": f"+1555{n % 100:07d}", "participant": f"+1666{n:07d}"} for n in SOME)
SENDERS = [f"+1555{n:07d}" for n in range(BATCH)]
OPT_OUTS = dump(
    {"scope": f"+1555{n % 100:07d}", "participant": f"+1666{n:07d}", "opted_out": True, "event_time": 1.7e9}
    for n in SOME
)


def written() -> tuple[str, ...]:
    """A batch that takes in a text of each lane, marks another and stores a report."""
    time = 1.7e9
    new = [
        {"id": identity(3, n), "thread_id": identity(1, n), "seq": 11, "text": "x", "segments": 1, "state": "claimed",
         "canceled": False, "attempt": 1, "owner": "x", "started_time": time, "due_time": time, "traceparent": "",
         "create_time": time, "at_most_once": False, "expire_time": None, "paced": False} for n in SOME
    ]  # fmt: skip
    changed = [
        {"id": identity(2, n * 10 + 9), "state": "accepted", "canceled": False, "attempt": 1, "owner": "x",
         "started_time": time, "due_time": None, "absent_time": None, "sid": "SM", "status": "sent", "error_code": 0,
         "paced": False}
        for n in SOME
    ]  # fmt: skip
    attempts = [
        {"delivery_id": identity(2, n * 10 + 9), "attempt": 2, "started_time": time, "finished_time": time,
         "outcome": "accepted", "http_status": 201, "error_code": 0, "sid": "SM", "request_id": "RQ"} for n in SOME
    ]  # fmt: skip
    reports = [
        {"message_sid": f"SM{n * 10 + 9}", "status": "sent", "delivery_id": identity(2, n * 10 + 9), "error_code": 0,
         "receive_time": time} for n in SOME
    ]  # fmt: skip
    lanes = [
        {"thread_id": identity(1, n), "next_seq": 11, "in_flight": 11, "wake_time": None, "opt_out_scope": ""}
        for n in SOME
    ]
    return dump(new), dump(changed), dump(attempts), dump(reports), dump(lanes)


KEY, PLACE = "deliveries_pkey", "deliveries_thread_id_seq_key"
CASES: dict[str, tuple[tuple[object, ...], set[str]]] = {
    "create_lanes": ((NEW_PAIRS,), set()),
    "lock_free_lanes": ((threads(SOME), deliveries(SOME)), {"lanes_pkey", KEY}),
    "lock_lanes": ((threads(SOME), deliveries(SOME)), {"lanes_pkey", KEY}),
    "lock_due_lanes": ((BATCH, threads(SOME)), {"lanes_wake_time", "lanes_pkey"}),
    "read_lanes": ((WINDOW, threads(SOME), deliveries(SOME)), {"lanes_pkey", KEY, PLACE, "opt_outs_pkey"}),
    "find_lanes": ((PARTICIPANTS,), {"lanes_participant"}),
    "read_opt_outs": ((SCOPES,), {"opt_outs_pkey"}),
    "store_opt_outs": ((OPT_OUTS,), set()),
    "read_deliveries": ((deliveries(SOME),), {KEY}),
    "write": (written(), {"lanes_pkey", KEY}),
    "known_sids": (("+16660001000", identity(2, 10_010), ["SM10001", "SM10002"]), {"lanes_participant", PLACE}),
    "lock_senders": ((SENDERS,), {"senders_pkey"}),
    "write_senders": ((dump({"sender": sender, "next_time": 1.7e9} for sender in SENDERS),), {"senders_pkey"}),
    "wake_senders": ((10,), {"lanes_asleep"}),
    "read_unreported": ((identity(2, 50_000), identity(2, 150_000), 500, list(ENDS), 200), {KEY}),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_hot_statement_goes_by_an_index(name: str, hot: Connection) -> None:
    parameters, indexes = CASES[name]
    plan = await explain(hot, QUERIES[name], parameters)
    assert plan.scanned == set()
    assert indexes <= plan.indexes
    assert plan.pages <= MAX_PAGES


async def test_due_lanes_are_found_among_many_that_are_not(hot: Connection) -> None:
    plan = await explain(hot, QUERIES["lock_due_lanes"], (1000, "{}"))
    assert plan.nodes[0]["Actual Rows"] == DUE
    assert plan.pages <= 12 * DUE


async def test_a_text_on_its_way_leaves_the_indexes_alone(database: FreshDatabase) -> None:
    """A lane and a delivery change in place: no index has to be told."""
    async with await psycopg.AsyncConnection.connect(database.notifier_url, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO notifier.lanes (thread_id, sender, participant, wake_time) VALUES (%s, '+1', '+2', now())",
            (identity(1, 1),),
        )
        new, changed, attempts, reports, lanes = (row[: row.index("}") + 1] + "]" for row in written())
        lane = lanes.replace(identity(1, SOME[0]), identity(1, 1)).replace('"wake_time":null', '"wake_time":1.7e9')
        await connection.execute(QUERIES["write"], (new, "[]", attempts, reports, "[]"))
        changed = changed.replace(identity(2, SOME[0] * 10 + 9), identity(3, SOME[0]))
        await connection.execute("UPDATE notifier.lanes SET wake_time = to_timestamp(1.7e9)")
        await connection.execute("SELECT pg_stat_force_next_flush()")
        before = await _updates(connection)
        for _ in range(5):
            await connection.execute(QUERIES["write"], ("[]", changed, "[]", "[]", lane))
        await connection.execute("SELECT pg_stat_force_next_flush()")
        after = await _updates(connection)
    assert {name: after[name] - before[name] for name in after} == {
        ("deliveries", "updated"): 5,
        ("deliveries", "in place"): 5,
        ("lanes", "updated"): 5,
        ("lanes", "in place"): 5,
    }


async def _updates(connection: Connection) -> dict[tuple[str, str], int]:
    query = "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname IN ('lanes', 'deliveries')"
    found: dict[tuple[str, str], int] = {}
    for name, updated, in_place in await (await connection.execute(query)).fetchall():
        found[name, "updated"], found[name, "in place"] = updated, in_place
    return found
