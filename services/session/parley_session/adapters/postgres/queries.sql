-- The statements that run for every text. Each takes one JSON array, so that a batch is one parameter.
-- Whoever waits for locks of threads takes them in the order of ids: two batches never wait in a circle.

-- name: create_threads
-- Texts to registered numbers, and to agents that are known, get the thread that they are missing; others get none, and
-- are refused for that.
INSERT INTO session.threads (id, channel, endpoint, participant)
SELECT i.id, i.channel, i.endpoint, i.participant
FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, channel smallint, endpoint text, participant text)
WHERE CASE i.channel
  WHEN 1 THEN EXISTS (SELECT FROM session.numbers n WHERE n.number = i.endpoint)
  WHEN 2 THEN EXISTS (SELECT FROM session.agents a WHERE a.name = i.endpoint)
END
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

-- name: lock_due_sessions
-- Threads of sessions whose due_time has come, the longest due first, unless somebody is at work on them. Sessions that
-- wait for the provider's word come up as far as it reaches.
SELECT t.channel, t.endpoint, t.participant
FROM session.sessions s JOIN session.threads t ON t.id = s.thread_id
WHERE s.due_time <= (SELECT session.now()) AND NOT s.awaits_coverage
ORDER BY s.due_time
LIMIT %s
FOR UPDATE OF t SKIP LOCKED

-- name: lock_covered_sessions
SELECT t.channel, t.endpoint, t.participant
FROM session.sessions s JOIN session.threads t ON t.id = s.thread_id
WHERE s.due_time <= (SELECT least(session.now(), %s::timestamptz)) AND s.awaits_coverage
ORDER BY s.due_time
LIMIT %s
FOR UPDATE OF t SKIP LOCKED

-- name: awaited_coverage
-- The time by which people's deadlines are kept, and the first moment that somebody waits for the provider's word of.
SELECT n.now, (
  SELECT s.due_time FROM session.sessions s
  WHERE s.awaits_coverage AND s.due_time > coalesce(%s::timestamptz, '-infinity') AND s.due_time <= n.now
  ORDER BY s.due_time LIMIT 1
)
FROM (SELECT session.now() AS now) n

-- name: read
-- Runs after the lock, as a statement of its own: what it reads was committed before the lock was granted.
SELECT t.id::text, t.channel, t.endpoint, t.participant, t.last_position, t.last_inbound, t.taken, t.last_seq,
  t.active_time, t.pace,
  s.id::text, s.agent, s.settings::text, s.first_position, s.started, s.state, s.outbound, s.engaged,
  s.handed_off, s.hand_off_destination, s.hand_off_reason, s.warning_id::text, s.grace_end, s.due_time,
  u.id::text, u.session_id::text, u.kind, u.wake_time, u.claimed, u.fence, u.attempt, u.first_position,
  u.last_position, u.away_since, u.traceparent,
  n.number, a.name, n.agent, a.settings::text, n.settings::text, n.opt_out_scope, n.keywords, n.ingest_from,
  o.stop_time, o.stop_source, o.start_time, o.start_source,
  w.texts::text, e.endings::text, coalesce(wm.delivery_state, 0), p.number IS NOT NULL,
  (SELECT session.now()), clock_timestamp()
FROM jsonb_to_recordset(%s::text::jsonb) AS i(channel smallint, endpoint text, participant text)
JOIN session.threads t USING (channel, endpoint, participant)
LEFT JOIN session.sessions s ON s.id = t.session_id
LEFT JOIN session.messages wm ON wm.id = s.warning_id
LEFT JOIN session.turns u ON u.thread_id = t.id AND u.open
LEFT JOIN session.numbers n ON n.number = t.endpoint AND t.channel = 1
LEFT JOIN session.numbers p ON p.number = t.participant AND t.channel = 1
LEFT JOIN session.agents a ON a.name = CASE t.channel WHEN 1 THEN n.agent ELSE t.endpoint END
LEFT JOIN session.opt_outs o ON o.scope = coalesce(nullif(n.opt_out_scope, ''), t.endpoint)
  AND o.participant = t.participant
LEFT JOIN LATERAL (
  SELECT json_agg(json_build_array(m.position, m.text, m.media_urls, m.traceparent) ORDER BY m.position) AS texts
  FROM (
    SELECT m.position, m.text, m.media_urls, m.traceparent FROM session.messages m
    WHERE m.thread_id = t.id AND m.position > t.taken AND m.direction = 1 AND m.ignore_reason = ''
    ORDER BY m.position LIMIT 50
  ) m
) w ON t.last_inbound > t.taken
LEFT JOIN LATERAL (
  SELECT json_agg(json_build_array(x.id, x.agent, x.settings, x.first_position, x.started, x.state, x.end_reason,
    x.outbound, x.engaged) ORDER BY x.end_time, x.id) AS endings
  FROM session.sessions x WHERE x.thread_id = t.id AND x.end_owed
) e ON t.endings > 0

-- name: read_sources
-- With what a text was ignored as: a keyword, for one.
SELECT s.source_id, s.message_id::text, m.ignore_reason
FROM jsonb_to_recordset(%s::text::jsonb) AS i(source_id text) JOIN session.sources s USING (source_id)
LEFT JOIN session.messages m ON m.id = s.message_id

-- name: read_requests
SELECT id, fingerprint, session_id::text, message_id::text
FROM jsonb_to_recordset(%s::text::jsonb) AS i(id text) JOIN session.requests USING (id)

-- name: write
-- What a batch of decisions says, one write for each table. What it stores was said when it was decided: a clock that is
-- moved between the two would make a text newer than the silence that is counted from it.
WITH decided AS (SELECT %s::timestamptz AS moment), threads AS (
  UPDATE session.threads t SET session_id = i.session_id, last_position = i.last_position,
    last_inbound = i.last_inbound, taken = i.taken, last_seq = i.last_seq, active_time = i.active_time,
    endings = i.endings, pace = i.pace
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, session_id uuid, last_position bigint, last_inbound bigint,
    taken bigint, last_seq bigint, active_time timestamptz, endings smallint, pace text)
  WHERE t.id = i.id
), sessions AS (
  INSERT INTO session.sessions AS s (id, thread_id, agent, settings, first_position, started, state, end_reason,
    end_time, outbound, engaged, handed_off, hand_off_destination, hand_off_reason, warning_id, grace_end, due_time,
    awaits_coverage, end_owed, open_time)
  SELECT i.id, i.thread_id, i.agent, i.settings, i.first_position, i.started, i.state, i.end_reason,
    CASE WHEN i.end_reason IS NOT NULL THEN (SELECT moment FROM decided) END, i.outbound, i.engaged, i.handed_off,
    coalesce(i.hand_off_destination, ''), coalesce(i.hand_off_reason, ''), i.warning_id, i.grace_end, i.due_time,
    i.awaits_coverage, i.end_owed, (SELECT moment FROM decided)
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, thread_id uuid, agent text, settings jsonb,
    first_position bigint, started boolean, state text, end_reason smallint, outbound boolean, engaged boolean,
    handed_off boolean, hand_off_destination text, hand_off_reason text, warning_id uuid, grace_end timestamptz,
    due_time timestamptz, awaits_coverage boolean, end_owed boolean)
  ON CONFLICT (id) DO UPDATE SET started = excluded.started, state = excluded.state,
    end_reason = excluded.end_reason, end_time = coalesce(s.end_time, excluded.end_time), engaged = excluded.engaged,
    handed_off = excluded.handed_off,
    hand_off_destination = coalesce(nullif(excluded.hand_off_destination, ''), s.hand_off_destination),
    hand_off_reason = coalesce(nullif(excluded.hand_off_reason, ''), s.hand_off_reason),
    warning_id = excluded.warning_id, grace_end = excluded.grace_end, due_time = excluded.due_time,
    awaits_coverage = excluded.awaits_coverage, end_owed = excluded.end_owed
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
    delivery_state, source_id, ignore_reason, kind, traceparent, create_time)
  SELECT i.id, i.thread_id, i.session_id, i.turn_id, i.position, i.direction, i.text, i.media_urls, i.seq,
    i.delivery_state, i.source_id, coalesce(i.ignore_reason, ''), i.kind, i.traceparent, (SELECT moment FROM decided)
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, thread_id uuid, session_id uuid, turn_id uuid,
    position bigint, direction smallint, text text, media_urls jsonb, seq bigint, delivery_state smallint,
    source_id text, ignore_reason text, kind smallint, traceparent text)
  RETURNING id, direction, source_id
), sources AS (
  INSERT INTO session.sources (source_id, message_id) SELECT source_id, id FROM messages WHERE direction = 1
)
-- Whoever commits a message hands it over at once; a message still here after five seconds lost its sender.
INSERT INTO session.outbox (message_id, next_submit_time, at_most_once, expire_time)
SELECT i.id, clock_timestamp() + interval '5 seconds', i.at_most_once, i.expire_time
FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, at_most_once boolean, expire_time timestamptz)

-- name: attach
-- Texts that waited for a session to open, and what was ignored behind them. What was ignored in a session stays there.
UPDATE session.messages m SET session_id = i.session_id
FROM jsonb_to_recordset(%s::text::jsonb) AS i(thread_id uuid, session_id uuid, first_position bigint)
WHERE m.thread_id = i.thread_id AND m.position >= i.first_position AND m.direction = 1
  AND m.session_id IS DISTINCT FROM i.session_id AND (m.ignore_reason = '' OR m.session_id IS NULL)

-- name: ignore
-- Texts that waited and that nobody will answer.
UPDATE session.messages m SET ignore_reason = i.reason
FROM jsonb_to_recordset(%s::text::jsonb) AS i(thread_id uuid, first bigint, last bigint, reason text)
WHERE m.thread_id = i.thread_id AND m.position BETWEEN i.first AND i.last AND m.direction = 1 AND m.ignore_reason = ''

-- name: cancel
-- Messages that must not be sent any more, or all of a thread: the notifier is told, and knows what is under way.
WITH i AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%s::text::jsonb) AS i(thread_id uuid, message_id uuid)
), doomed AS MATERIALIZED (
  SELECT o.message_id FROM i
  JOIN session.messages m ON m.thread_id = i.thread_id AND m.direction = 2 AND m.delivery_state < 3
  JOIN session.outbox o ON o.message_id = m.id
  WHERE i.message_id IS NULL OR i.message_id = m.id
  ORDER BY o.message_id FOR UPDATE OF o
), canceled AS (
  UPDATE session.outbox o SET canceled = true, next_submit_time = clock_timestamp() + interval '5 seconds'
  FROM doomed WHERE o.message_id = doomed.message_id RETURNING o.message_id, o.at_most_once, o.expire_time
)
SELECT m.id::text, m.thread_id::text, m.seq, t.endpoint, t.participant, m.text, m.traceparent,
  coalesce(n.opt_out_scope, ''), true, o.at_most_once, o.expire_time
FROM canceled o JOIN session.messages m ON m.id = o.message_id JOIN session.threads t ON t.id = m.thread_id
LEFT JOIN session.numbers n ON n.number = t.endpoint
ORDER BY m.thread_id, m.seq

-- name: moved_numbers
-- Which of these numbers share opt-outs with others than when their threads were read. The rest stay where they are
-- until the commit: whoever moves one then takes along what is written now.
WITH i AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%s::text::jsonb) AS i(number text, scope text)
), held AS MATERIALIZED (
  SELECT n.number, n.opt_out_scope FROM session.numbers n WHERE n.number IN (SELECT number FROM i)
  ORDER BY n.number FOR SHARE OF n
)
SELECT held.number FROM held JOIN i USING (number)
WHERE coalesce(nullif(held.opt_out_scope, ''), held.number) <> i.scope

-- name: write_opt_outs
-- Threads of one scope share a row that none of their locks covers: each half is replaced by what was said later only.
INSERT INTO session.opt_outs AS o (scope, participant, stop_time, stop_source, start_time, start_source,
  next_submit_time)
SELECT i.scope, i.participant, i.stop_time, i.stop_source, i.start_time, i.start_source,
  clock_timestamp() + interval '5 seconds'
FROM jsonb_to_recordset(%s::text::jsonb) AS i(scope text, participant text, stop_time timestamptz, stop_source text,
  start_time timestamptz, start_source text)
ORDER BY i.scope COLLATE "C", i.participant COLLATE "C"
ON CONFLICT (scope, participant) DO UPDATE SET
  (stop_time, stop_source) = (
    SELECT o.stop_time, o.stop_source
    WHERE o.stop_time > coalesce(excluded.stop_time, '-infinity') AND o.stop_source <> excluded.stop_source
    UNION ALL SELECT excluded.stop_time, excluded.stop_source LIMIT 1
  ),
  (start_time, start_source) = (
    SELECT o.start_time, o.start_source
    WHERE o.start_time > coalesce(excluded.start_time, '-infinity') AND o.start_source <> excluded.start_source
    UNION ALL SELECT excluded.start_time, excluded.start_source LIMIT 1
  ),
  next_submit_time = excluded.next_submit_time

-- name: write_requests
INSERT INTO session.requests (id, fingerprint, session_id, message_id)
SELECT i.id, i.fingerprint, i.session_id, i.message_id
FROM jsonb_to_recordset(%s::text::jsonb) AS i(id text, fingerprint text, session_id uuid, message_id uuid)
ORDER BY i.id COLLATE "C"

-- name: history
-- The newest texts of each session, oldest first: what was said to the participant, and what has been answered. Texts
-- that came while the agent was at work stand before its reply and are the next turn's input.
SELECT i.turn_id::text, json_agg(json_build_array(m.direction, m.text) ORDER BY m.position)::text
FROM jsonb_to_recordset(%s::text::jsonb) AS i(turn_id uuid, thread_id uuid, session_id uuid, first_position bigint,
  taken bigint)
CROSS JOIN LATERAL (
  SELECT m.position, m.direction, m.text FROM session.messages m
  WHERE m.thread_id = i.thread_id AND m.position >= i.first_position
    AND (m.direction = 2 OR m.position <= i.taken OR m.ignore_reason = 'handed_off')
    AND m.session_id = i.session_id AND m.ignore_reason IN ('', 'handed_off')
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
-- What is told again is found again where more follows from it: that may have failed the first time.
WITH i AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%s::text::jsonb)
    AS i(id uuid, state smallint, source_id text, error integer, again boolean)
), done AS MATERIALIZED (
  SELECT o.message_id FROM i JOIN session.outbox o ON o.message_id = i.id
  WHERE i.state >= 3
  ORDER BY o.message_id FOR UPDATE OF o
), emptied AS (
  DELETE FROM session.outbox o USING done WHERE o.message_id = done.message_id
), locked AS MATERIALIZED (
  SELECT m.id, i.state, i.source_id, i.error
  FROM i JOIN session.messages m USING (id)
  WHERE m.direction = 2
    AND (least(i.state, 5) > least(m.delivery_state, 5) OR (i.again AND i.state = m.delivery_state))
  ORDER BY m.id FOR UPDATE OF m
), dead AS (
  -- Undelivered, failed, expired, held: for a person to decide about.
  INSERT INTO session.dead_letters (message_id, thread_id, session_id, create_time)
  SELECT m.id, m.thread_id, m.session_id, m.create_time FROM locked l JOIN session.messages m USING (id)
  WHERE l.state IN (6, 7, 10, 11)
  ON CONFLICT (message_id) DO NOTHING
)
UPDATE session.messages m SET delivery_state = l.state, delivery_error = l.error,
  source_id = coalesce(l.source_id, m.source_id)
FROM locked l WHERE m.id = l.id
RETURNING m.id::text, m.thread_id::text, m.kind, l.state

-- name: find_threads
SELECT t.id::text, t.channel, t.endpoint, t.participant
FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid) JOIN session.threads t USING (id)

-- name: find_session_threads
SELECT s.id::text, t.channel, t.endpoint, t.participant
FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid)
JOIN session.sessions s USING (id) JOIN session.threads t ON t.id = s.thread_id

-- name: find_senders
-- The numbers that can send for an agent, with when each was last in touch with the participant.
SELECT i.place, n.number, (
  SELECT t.active_time FROM session.threads t
  WHERE t.channel = 1 AND t.endpoint = n.number AND t.participant = i.participant
)
FROM jsonb_to_recordset(%s::text::jsonb) AS i(place integer, agent text, participant text, endpoint text)
JOIN session.numbers n ON n.agent = i.agent AND NOT n.sending_paused
WHERE i.endpoint IN ('', n.number)
ORDER BY n.number

-- name: find_backlogged
-- Numbers with more than so many texts written before a moment, as ids tell it, whose outcome is not known. Where people
-- have stopped a number's texts they wait as they should.
WITH old AS MATERIALIZED (
  SELECT o.message_id FROM session.outbox o WHERE o.message_id < %s::text::uuid ORDER BY o.message_id LIMIT 10000
)
SELECT t.endpoint
FROM old JOIN session.messages m ON m.id = old.message_id JOIN session.threads t ON t.id = m.thread_id
LEFT JOIN session.numbers n ON n.number = t.endpoint
WHERE n.sending_paused IS NOT TRUE
GROUP BY t.endpoint HAVING count(*) > %s

-- name: take_unsubmitted
-- Messages whose hand-over is due again. The pause doubles from ten seconds to two minutes. What the participant has
-- said goes with them where the notifier is not known to have it: behind an unheard START nothing would be sent.
WITH due AS MATERIALIZED (
  SELECT o.message_id FROM session.outbox o WHERE o.next_submit_time <= clock_timestamp()
  ORDER BY o.next_submit_time LIMIT %s FOR UPDATE SKIP LOCKED
), o AS (
  UPDATE session.outbox o SET submits = o.submits + 1,
    next_submit_time = clock_timestamp() + least(interval '5 seconds' * 2 ^ least(o.submits, 10), interval '2 minutes')
  FROM due WHERE o.message_id = due.message_id RETURNING o.message_id, o.canceled, o.at_most_once, o.expire_time
)
SELECT m.id::text, m.thread_id::text, m.seq, t.endpoint, t.participant, m.text, m.traceparent,
  coalesce(n.opt_out_scope, ''), o.canceled, o.at_most_once, o.expire_time, p.scope, p.stop_time, p.stop_source, p.start_time, p.start_source
FROM o JOIN session.messages m ON m.id = o.message_id JOIN session.threads t ON t.id = m.thread_id
LEFT JOIN session.numbers n ON n.number = t.endpoint
LEFT JOIN LATERAL (
  SELECT p.* FROM session.opt_outs p
  WHERE p.scope = coalesce(nullif(n.opt_out_scope, ''), t.endpoint) AND p.participant = t.participant LIMIT 1
) p ON p.next_submit_time IS NOT NULL
ORDER BY m.thread_id, m.seq

-- name: take_unsubmitted_opt_outs
WITH due AS MATERIALIZED (
  SELECT o.scope, o.participant FROM session.opt_outs o WHERE o.next_submit_time <= clock_timestamp()
  ORDER BY o.next_submit_time LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE session.opt_outs o SET next_submit_time = clock_timestamp() + interval '10 seconds'
FROM due WHERE (o.scope, o.participant) = (due.scope, due.participant)
RETURNING o.scope, o.participant, o.stop_time, o.stop_source, o.start_time, o.start_source

-- name: finish_opt_outs
-- Unless something else was said meanwhile; a row that somebody is writing is such a one, and is not waited for.
WITH told AS MATERIALIZED (
  SELECT o.scope, o.participant
  FROM jsonb_to_recordset(%s::text::jsonb)
    AS i(scope text, participant text, opted_out boolean, event_time timestamptz)
  JOIN session.opt_outs o ON (o.scope, o.participant) = (i.scope, i.participant)
  WHERE (i.opted_out, i.event_time) = (
    SELECT s.opted_out, CASE WHEN s.opted_out THEN o.stop_time ELSE o.start_time END
    FROM (SELECT coalesce(o.stop_time, '-infinity') >= coalesce(o.start_time, '-infinity') AS opted_out) s
  )
  FOR UPDATE OF o SKIP LOCKED
)
UPDATE session.opt_outs o SET next_submit_time = NULL
FROM told WHERE (o.scope, o.participant) = (told.scope, told.participant)
