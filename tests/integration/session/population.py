"""Fills a session database with a past: 10,000 threads, 200,000 messages. Some turns are open, some texts under way,
some sessions due, some opt-outs not told yet."""

from __future__ import annotations

import psycopg

TABLES = ("threads", "sessions", "turns", "messages", "sources", "outbox", "opt_outs", "requests")
THREADS = 10_000
OPEN_TURNS = THREADS // 50
DUE_TURNS = OPEN_TURNS // 2
DUE_SESSIONS = AWAITING_SESSIONS = THREADS // 100

# In these, n counts threads, k the turns of a thread (the older half of them of a session that has ended) and p the
# positions of a thread (a text, a reply, a text, ...). An id is its kind's digit and the row's number.
STATEMENTS = """
INSERT INTO session.numbers (number, agent)
SELECT '+1555' || lpad(n::text, 7, '0'), 'agent-' || n % 7 FROM generate_series(1, 100) n;

INSERT INTO session.agents (name, version, settings)
SELECT 'agent-' || n, '1', '{"greeting": 1, "settle": 0.0, "fallback_text": "sorry"}' FROM generate_series(0, 6) n;

CREATE FUNCTION pg_temp.id(kind text, number int) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN (kind || lpad(number::text, 31, '0'))::uuid;

INSERT INTO session.threads
  (id, channel, endpoint, participant, session_id, last_position, last_inbound, taken, last_seq)
SELECT pg_temp.id('1', n), 1, '+1555' || lpad((n % 100 + 1)::text, 7, '0'), '+1666' || lpad(n::text, 7, '0'),
  pg_temp.id('2', n * 2 + 1), 20, 19, CASE WHEN n % 50 = 0 THEN 17 ELSE 19 END, 10
FROM generate_series(1, 10000) n;

INSERT INTO session.sessions (id, thread_id, agent, settings, first_position, started, state, end_reason, end_time,
  due_time, warning_id, grace_end, awaits_coverage, end_owed)
SELECT pg_temp.id('2', n * 2 + k), pg_temp.id('1', n), 'agent-1',
  '{"greeting": 1, "settle": 0.0, "fallback_text": "sorry"}', k * 10 + 1, true, '{}',
  CASE WHEN k = 0 THEN 1 END, CASE WHEN k = 0 THEN clock_timestamp() END,
  CASE WHEN k = 1 THEN due.time END, CASE WHEN awaits THEN pg_temp.id('4', n * 20 + 20) END,
  CASE WHEN awaits THEN due.time END, awaits, k = 0 AND n % 100 = 3
FROM generate_series(1, 10000) n, generate_series(0, 1) k,
  LATERAL (SELECT clock_timestamp() + CASE WHEN n % 100 IN (1, 2) THEN interval '-1 minute' ELSE interval '1 hour' END
    AS time) due,
  LATERAL (SELECT k = 1 AND n % 100 = 2 AS awaits) a;

UPDATE session.threads SET endings = 1 WHERE right(participant, 2) = '03';

INSERT INTO session.opt_outs (scope, participant, stop_time, next_submit_time)
SELECT '+1555' || lpad((n % 100 + 1)::text, 7, '0'), '+1666' || lpad(n::text, 7, '0'), clock_timestamp(),
  CASE WHEN n % 100 = 4 THEN clock_timestamp() + make_interval(secs => n - 5000) END
FROM generate_series(1, 10000) n WHERE n % 2 = 0;

INSERT INTO session.requests (id, fingerprint, session_id, message_id)
SELECT 'request' || n, 'f', pg_temp.id('2', n * 2 + 1), pg_temp.id('4', n * 20 + 20) FROM generate_series(1, 10000) n;

INSERT INTO session.turns (id, thread_id, session_id, kind, open, claimed, fence, attempt, first_position,
  last_position, wake_time, outcome, traceparent, commit_time)
SELECT pg_temp.id('3', n * 10 + k), pg_temp.id('1', n), pg_temp.id('2', n * 2 + k / 5), 2, open, open, 1, 1,
  k * 2 + 1, k * 2 + 1, clock_timestamp() + CASE WHEN n % 100 = 0 THEN interval '-1 second' ELSE interval '1 hour' END,
  CASE WHEN NOT open THEN 1 END, '', CASE WHEN NOT open THEN clock_timestamp() END
FROM generate_series(1, 10000) n, generate_series(0, 9) k, LATERAL (SELECT n % 50 = 0 AND k = 9 AS open) o;

INSERT INTO session.messages (id, thread_id, session_id, position, direction, text, seq, delivery_state, source_id,
  traceparent)
SELECT pg_temp.id('4', n * 20 + p), pg_temp.id('1', n), pg_temp.id('2', n * 2 + (p - 1) / 10), p, 2 - p % 2,
  'a text of usual length', CASE WHEN p % 2 = 0 THEN p / 2 ELSE 0 END, CASE WHEN p % 2 = 0 THEN 1 ELSE 0 END,
  'SM' || n * 20 + p, ''
FROM generate_series(1, 10000) n, generate_series(1, 20) p;

INSERT INTO session.sources (source_id, message_id)
SELECT 'SM' || lpad((n * 20 + p)::text, 8, '0'), pg_temp.id('4', n * 20 + p)
FROM generate_series(1, 10000) n, generate_series(1, 19, 2) p;

INSERT INTO session.outbox (message_id, next_submit_time)
SELECT pg_temp.id('4', n * 20 + 20), clock_timestamp() + make_interval(secs => n - 100)
FROM generate_series(1, 10000) n
"""


def identity(kind: int, number: int) -> str:
    """The id of a row: kind 1 is a thread, 2 a session, 3 a turn, 4 a message."""
    return _dashed(f"{kind}{number:031d}")


def _dashed(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


async def populate(url: str) -> None:
    """Leaves the tables without statistics, as they are in a young database."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for table in TABLES:
            await connection.execute(f"ALTER TABLE session.{table} SET (autovacuum_enabled = false)".encode())
        for statement in STATEMENTS.split(";"):
            await connection.execute(statement.encode())
