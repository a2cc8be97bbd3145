-- The statements that run for every text. Each takes one JSON array, so that a batch is one parameter.
-- Whoever waits for locks of threads takes them in the order of ids: two batches never wait in a circle.

-- name: create_threads
-- Texts to registered numbers get the thread that they are missing; others get none, and are refused for that.
INSERT INTO session.threads (id, channel, endpoint, participant)
SELECT i.id, i.channel, i.endpoint, i.participant
FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, channel smallint, endpoint text, participant text)
JOIN session.numbers n ON n.number = i.endpoint
ORDER BY i.channel, i.endpoint COLLATE "C", i.participant COLLATE "C"
ON CONFLICT (channel, endpoint, participant) DO NOTHING

-- name: lock
SELECT t.id::text
FROM jsonb_to_recordset(%s::text::jsonb) AS i(channel smallint, endpoint text, participant text)
JOIN session.threads t USING (channel, endpoint, participant)
ORDER BY t.id
FOR UPDATE OF t

-- name: lock_due
-- Threads whose turn's wake_time has come, the longest due first, unless somebody is at work on them. Needs no order of
-- its own among the locks, since it waits for none.
SELECT t.channel, t.endpoint, t.participant
FROM session.turns u JOIN session.threads t ON t.id = u.thread_id
WHERE u.open AND u.wake_time <= clock_timestamp()
ORDER BY u.wake_time
LIMIT %s
FOR UPDATE OF t SKIP LOCKED

-- name: read
-- Runs after the lock, as a statement of its own: what it reads was committed before the lock was granted.
SELECT t.id::text, t.channel, t.endpoint, t.participant, t.last_position, t.last_inbound, t.taken, t.last_seq,
  s.id::text, s.agent, s.settings::text, s.first_position, s.started, s.state, s.end_reason,
  u.id::text, u.session_id::text, u.kind, u.wake_time, u.claimed, u.fence, u.attempt, u.first_position,
  u.last_position, u.away_since, u.traceparent,
  w.texts::text, n.agent, a.settings::text, clock_timestamp()
FROM jsonb_to_recordset(%s::text::jsonb) AS i(channel smallint, endpoint text, participant text)
JOIN session.threads t USING (channel, endpoint, participant)
LEFT JOIN session.sessions s ON s.id = t.session_id
LEFT JOIN session.turns u ON u.thread_id = t.id AND u.open
LEFT JOIN session.numbers n ON n.number = t.endpoint
LEFT JOIN session.agents a ON a.name = n.agent
LEFT JOIN LATERAL (
  SELECT json_agg(json_build_array(m.position, m.text, m.media_urls, m.traceparent) ORDER BY m.position) AS texts
  FROM (
    SELECT m.position, m.text, m.media_urls, m.traceparent FROM session.messages m
    WHERE m.thread_id = t.id AND m.position > t.taken AND m.direction = 1 AND m.ignore_reason = ''
    ORDER BY m.position LIMIT 50
  ) m
) w ON t.last_inbound > t.taken

-- name: read_sources
SELECT source_id, message_id::text
FROM jsonb_to_recordset(%s::text::jsonb) AS i(source_id text) JOIN session.sources USING (source_id)

-- name: write
-- What a batch of decisions says, one write for each table.
WITH threads AS (
  UPDATE session.threads t SET session_id = i.session_id, last_position = i.last_position,
    last_inbound = i.last_inbound, taken = i.taken, last_seq = i.last_seq, active_time = clock_timestamp()
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, session_id uuid, last_position bigint, last_inbound bigint,
    taken bigint, last_seq bigint)
  WHERE t.id = i.id
), sessions AS (
  INSERT INTO session.sessions AS s (id, thread_id, agent, settings, first_position, started, state, end_reason,
    end_time)
  SELECT i.id, i.thread_id, i.agent, i.settings, i.first_position, i.started, i.state, i.end_reason,
    CASE WHEN i.end_reason IS NOT NULL THEN clock_timestamp() END
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, thread_id uuid, agent text, settings jsonb,
    first_position bigint, started boolean, state text, end_reason smallint)
  ON CONFLICT (id) DO UPDATE SET started = excluded.started, state = excluded.state,
    end_reason = excluded.end_reason, end_time = coalesce(s.end_time, excluded.end_time)
), turns AS (
  INSERT INTO session.turns AS u (id, thread_id, session_id, kind, open, claimed, fence, attempt, first_position,
    last_position, wake_time, away_since, outcome, traceparent, commit_time)
  SELECT i.id, i.thread_id, i.session_id, i.kind, i.outcome IS NULL, i.claimed, i.fence, i.attempt,
    i.first_position, i.last_position, i.wake_time, i.away_since, i.outcome, i.traceparent,
    CASE WHEN i.outcome IS NOT NULL THEN clock_timestamp() END
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, thread_id uuid, session_id uuid, kind smallint,
    claimed boolean, fence integer, attempt integer, first_position bigint, last_position bigint,
    wake_time timestamptz, away_since timestamptz, outcome smallint, traceparent text)
  ON CONFLICT (id) DO UPDATE SET open = excluded.open, claimed = excluded.claimed, fence = excluded.fence,
    attempt = excluded.attempt, first_position = excluded.first_position, last_position = excluded.last_position,
    wake_time = excluded.wake_time, away_since = excluded.away_since, outcome = excluded.outcome,
    commit_time = excluded.commit_time
), messages AS (
  INSERT INTO session.messages (id, thread_id, session_id, turn_id, position, direction, text, media_urls, seq,
    delivery_state, source_id, fallback, traceparent)
  SELECT i.id, i.thread_id, i.session_id, i.turn_id, i.position, i.direction, i.text, i.media_urls, i.seq,
    i.delivery_state, i.source_id, i.fallback, i.traceparent
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, thread_id uuid, session_id uuid, turn_id uuid,
    position bigint, direction smallint, text text, media_urls jsonb, seq bigint, delivery_state smallint,
    source_id text, fallback boolean, traceparent text)
  RETURNING id, direction, source_id, seq
), sources AS (
  INSERT INTO session.sources (source_id, message_id) SELECT source_id, id FROM messages WHERE direction = 1
)
-- Whoever commits a message hands it over at once; a message still here after five seconds lost its sender.
INSERT INTO session.outbox (message_id, next_submit_time)
SELECT id, clock_timestamp() + interval '5 seconds' FROM messages WHERE direction = 2

-- name: attach
-- Texts that waited for a session to open.
UPDATE session.messages m SET session_id = i.session_id
FROM jsonb_to_recordset(%s::text::jsonb) AS i(thread_id uuid, session_id uuid, taken bigint)
WHERE m.thread_id = i.thread_id AND m.position > i.taken AND m.direction = 1
  AND m.session_id IS DISTINCT FROM i.session_id

-- name: history
-- The newest texts of each session, oldest first: what the agent said, and what it has answered. Texts that came while
-- it was at work stand before its reply and are the next turn's input.
SELECT i.turn_id::text, json_agg(json_build_array(m.direction, m.text) ORDER BY m.position)::text
FROM jsonb_to_recordset(%s::text::jsonb) AS i(turn_id uuid, thread_id uuid, session_id uuid, first_position bigint,
  taken bigint)
CROSS JOIN LATERAL (
  SELECT m.position, m.direction, m.text FROM session.messages m
  WHERE m.thread_id = i.thread_id AND m.position >= i.first_position
    AND (m.direction = 2 OR m.position <= i.taken)
    AND m.session_id = i.session_id AND m.ignore_reason = ''
  ORDER BY m.position DESC LIMIT 20
) m
GROUP BY i.turn_id

-- name: renew_leases
-- A turn that somebody else has claimed meanwhile keeps its lease. So does one that is being written: its thread is
-- locked by a batch, and whoever holds turns without their threads must not wait for it.
WITH held AS MATERIALIZED (
  SELECT u.id, i.lease
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, fence integer, lease float8)
  JOIN session.turns u ON u.id = i.id AND u.open AND u.claimed AND u.fence = i.fence
  FOR UPDATE OF u SKIP LOCKED
)
UPDATE session.turns u SET wake_time = clock_timestamp() + make_interval(secs => held.lease)
FROM held WHERE u.id = held.id

-- name: record
-- What became of outbound messages: a report never takes a message back to an earlier state, and all states
-- from 5 on are final. A message whose outcome is known leaves the outbox. Rows of both are locked in the order of ids.
WITH i AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, state smallint, source_id text, error integer)
), done AS MATERIALIZED (
  SELECT o.message_id FROM i JOIN session.outbox o ON o.message_id = i.id
  WHERE i.state >= 3
  ORDER BY o.message_id FOR UPDATE OF o
), emptied AS (
  DELETE FROM session.outbox o USING done WHERE o.message_id = done.message_id
), locked AS MATERIALIZED (
  SELECT m.id, i.state, i.source_id, i.error
  FROM i JOIN session.messages m USING (id)
  WHERE m.direction = 2 AND least(i.state, 5) > least(m.delivery_state, 5)
  ORDER BY m.id FOR UPDATE OF m
)
UPDATE session.messages m SET delivery_state = l.state, delivery_error = l.error,
  source_id = coalesce(l.source_id, m.source_id)
FROM locked l WHERE m.id = l.id

-- name: take_unsubmitted
-- Messages whose hand-over is due again. The pause doubles from ten seconds to two minutes.
WITH due AS MATERIALIZED (
  SELECT o.message_id FROM session.outbox o WHERE o.next_submit_time <= clock_timestamp()
  ORDER BY o.next_submit_time LIMIT %s FOR UPDATE SKIP LOCKED
), o AS (
  UPDATE session.outbox o SET submits = o.submits + 1,
    next_submit_time = clock_timestamp() + least(interval '5 seconds' * 2 ^ least(o.submits, 10), interval '2 minutes')
  FROM due WHERE o.message_id = due.message_id RETURNING o.message_id
)
SELECT m.id::text, m.thread_id::text, m.seq, t.endpoint, t.participant, m.text, m.traceparent
FROM o JOIN session.messages m ON m.id = o.message_id JOIN session.threads t ON t.id = m.thread_id
ORDER BY m.thread_id, m.seq
