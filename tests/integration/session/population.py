"""Fills a session database with a past: 10,000 threads, 200,000 messages. Some turns are open, some texts under way."""

from __future__ import annotations

import psycopg

THREADS = 10_000
MESSAGES = 20
"""Of each thread, in turns of one text and one reply; the older half belongs to a session that has ended."""
OPEN_EVERY = 50
"""One thread in so many has an open turn, and texts that wait for the next."""

_ID = "md5('{kind}' || {number})::uuid"

STATEMENTS = """
INSERT INTO session.numbers (number, agent)
SELECT '+1555' || lpad(n::text, 7, '0'), 'agent-' || n % 7 FROM generate_series(1, 100) n;

INSERT INTO session.agents (name, version, settings)
SELECT 'agent-' || n, '1', '{"greeting": 1, "settle": 0.0, "fallback_text": "sorry"}' FROM generate_series(0, 6) n;

INSERT INTO session.threads (id, channel, endpoint, participant, session_id, last_position, last_inbound, taken, last_seq)
SELECT md5('thread' || n)::uuid, 1, '+1555' || lpad((n % 100 + 1)::text, 7, '0'), '+1666' || lpad(n::text, 7, '0'),
  md5('session' || n * 2 + 1)::uuid, 20, 19, CASE WHEN n % 50 = 0 THEN 17 ELSE 19 END, 10
FROM generate_series(1, 10000) n;

INSERT INTO session.sessions (id, thread_id, agent, settings, first_position, started, state, end_reason, end_time)
SELECT md5('session' || n * 2 + k)::uuid, md5('thread' || n)::uuid, 'agent-1',
  '{"greeting": 1, "settle": 0.0, "fallback_text": "sorry"}', k * 10 + 1, true, '{}',
  CASE WHEN k = 0 THEN 1 END, CASE WHEN k = 0 THEN clock_timestamp() END
FROM generate_series(1, 10000) n, generate_series(0, 1) k;

INSERT INTO session.turns (id, thread_id, session_id, kind, open, claimed, fence, attempt, first_position,
  last_position, wake_time, outcome, traceparent, commit_time)
SELECT md5('turn' || n || '-' || k)::uuid, md5('thread' || n)::uuid, md5('session' || n * 2 + k / 5)::uuid, 2,
  n % 50 = 0 AND k = 9, n % 50 = 0 AND k = 9, 1, 1, k * 2 + 1, k * 2 + 1,
  clock_timestamp() + CASE WHEN n % 100 = 0 THEN interval '-1 second' ELSE interval '1 hour' END,
  CASE WHEN n % 50 = 0 AND k = 9 THEN NULL ELSE 1 END, '',
  CASE WHEN n % 50 = 0 AND k = 9 THEN NULL ELSE clock_timestamp() END
FROM generate_series(1, 10000) n, generate_series(0, 9) k;

INSERT INTO session.messages (id, thread_id, session_id, turn_id, position, direction, text, seq, delivery_state,
  source_id, traceparent)
SELECT md5('message' || n || '-' || p)::uuid, md5('thread' || n)::uuid, md5('session' || n * 2 + (p - 1) / 10)::uuid,
  CASE WHEN p % 2 = 0 THEN md5('turn' || n || '-' || (p - 1) / 2)::uuid END, p, 2 - p % 2, 'a text of usual length',
  CASE WHEN p % 2 = 0 THEN p / 2 ELSE 0 END, CASE WHEN p % 2 = 0 THEN 5 ELSE 0 END, 'SM' || n || '-' || p, ''
FROM generate_series(1, 10000) n, generate_series(1, 20) p;

INSERT INTO session.sources (source_id, message_id)
SELECT source_id, id FROM session.messages WHERE direction = 1;

INSERT INTO session.outbox (message_id, next_submit_time)
SELECT md5('message' || n || '-20')::uuid, clock_timestamp() + make_interval(secs => n - 100)
FROM generate_series(1, 10000) n;
"""


async def populate(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in STATEMENTS.split(";"):
            if statement.strip():
                await connection.execute(statement.encode())
