"""Arms sessions in bulk: engaged, answered, silent since a moment of their own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

# Session n of the first `due` is due at `first` and n parts of the period later; the others in a day or more. In an id
# the n stands in the last digits, and the kind of row in the first.
THREADS = """
INSERT INTO session.threads (id, channel, endpoint, participant, session_id, last_position, last_inbound, taken,
  last_seq, active_time)
SELECT ('1' || lpad(n::text, 31, '0'))::uuid, 1, %(ours)s, '+1777' || lpad(n::text, 7, '0'),
  ('2' || lpad(n::text, 31, '0'))::uuid, 2, 1, 1, 1,
  %(first)s - interval '24 hours' + CASE
    WHEN n < %(due)s THEN make_interval(secs => n * %(period)s::float8 / %(due)s)
    ELSE make_interval(hours => 24 + n %% 1000)
  END
FROM generate_series(%(begin)s, %(end)s - 1) n
"""
SESSIONS = """
INSERT INTO session.sessions (id, thread_id, agent, settings, first_position, started, state, due_time)
SELECT t.session_id, t.id, 'echo', '{}', 1, true, '{}', t.active_time + interval '24 hours'
FROM session.threads t
WHERE t.id >= ('1' || lpad(%(begin)s::text, 31, '0'))::uuid AND t.id < ('1' || lpad(%(end)s::text, 31, '0'))::uuid
"""
PART = 100_000


async def arm(
    connection: psycopg.AsyncConnection[Any],
    armed: int,
    due: int,
    period: float,
    *,
    lead: float,
    ours: str = "+15550100",
) -> datetime:
    """Arms `armed` sessions of number `ours`; `due` of them fall due over `period` seconds, beginning `lead` seconds
    after the last was armed. Returns when that is."""
    for begin in range(due, armed, PART):
        await _arm(connection, begin, min(begin + PART, armed), due, period, await _now(connection, 0.0), ours)
    # Those come last, so that they are not due before all are there.
    first = await _now(connection, lead + due / 10_000)
    await _arm(connection, 0, due, due, period, first, ours)
    return first


async def _arm(
    connection: psycopg.AsyncConnection[Any], begin: int, end: int, due: int, period: float, first: datetime, ours: str
) -> None:
    values = {"begin": begin, "end": end, "due": due, "period": period, "first": first, "ours": ours}
    async with connection.transaction():
        for statement in (THREADS, SESSIONS):
            await connection.execute(statement, values)


async def _now(connection: psycopg.AsyncConnection[Any], ahead: float) -> datetime:
    cursor = await connection.execute("SELECT session.now() + make_interval(secs => %s)", [ahead])
    found = await cursor.fetchone()
    assert found
    moment: datetime = found[0]
    return moment
