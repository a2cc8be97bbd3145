"""What watchers ask finds its rows by indexes, on 200,000 messages, with statistics and without."""

from __future__ import annotations

import psycopg
import pytest

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.pool import OPTIONS
from parley_chassis.postgres.queries import load_queries
from parley_session.adapters.postgres.rows import dump
from tests.databases import fresh_database
from tests.integration.session.population import identity, populate
from tests.integration.session.test_plans import explain

WATCHED = range(100, 100 + 25 * 100, 25)
INDEXES = {"sessions_pkey", "threads_pkey", "messages_thread_id_position_key"}

LOOKS = dump(
    {"n": n, "page": 50, "session_id": identity(2, n * 2 + 1), "last": 18, "unsettled": [16, 18]} for n in WATCHED
)
SESSIONS = dump(
    {
        "n": n, "session_id": identity(2, n * 2 + 1), "last_position": 20, "taken": 19, "end_reason": None,
        "engaged": True, "handed_off": False, "hand_off_destination": "", "hand_off_reason": "",
    }
    for n in WATCHED
)  # fmt: skip
MESSAGES = dump(
    {
        "n": n, "thread_id": identity(1, n), "position": position, "session_id": identity(2, n * 2 + 1),
        "delivery_state": 1, "ignore_reason": "",
    }
    for n in WATCHED for position in (18, 20)
)  # fmt: skip
CASES: dict[str, tuple[str, ...]] = {"read_watched": (LOOKS,), "find_changed": (SESSIONS, MESSAGES)}
PAGES_PER_WATCH = 40


@pytest.mark.asyncio(loop_scope="session")
async def test_what_watchers_ask_finds_its_rows_by_indexes(postgres: EmbeddedPostgres, template: str) -> None:
    queries = load_queries("parley_session.adapters.postgres", "watches.sql")
    assert set(CASES) == set(queries)
    async with fresh_database(postgres, template) as database:
        await populate(database.session_url)
        for statistics in ("without", "with"):
            async with await psycopg.AsyncConnection.connect(
                database.session_url, autocommit=True, options=OPTIONS
            ) as hot:
                for name, parameters in CASES.items():
                    plan = await explain(hot, queries[name], parameters)
                    assert plan.scanned == set(), (name, statistics)
                    assert plan.indexes >= INDEXES, (name, statistics)
                    assert plan.pages <= PAGES_PER_WATCH * len(WATCHED), (name, statistics)
                    assert plan.passed_over == 0 or name == "find_changed", (name, statistics)
                await hot.execute("ANALYZE")
