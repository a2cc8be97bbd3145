-- All statements of the notifier. A batch is one parameter: an array of ids, or one JSON array of rows.
-- Whoever changes a lane or a delivery holds the lane's lock. Batches do not wait for locks: what somebody else holds is
-- left out, so that a process that stands still in a transaction holds up its own lanes and no others. Who waits takes
-- the locks in the order of thread ids, so that two never wait for each other in a circle.

-- name: create_lanes
-- A lane for every thread that has none. A pair of numbers that has a lane under another thread gets no second one.
-- Whoever stores an opt-out of one of these participants waits for the new lanes, or they for the opt-out.
WITH pairs AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%s::text::jsonb)
    AS i(thread_id uuid, sender text, participant text, opt_out_scope text)
), locked AS MATERIALIZED (
  SELECT pg_advisory_xact_lock_shared(key)
  FROM (SELECT DISTINCT hashtextextended(participant, 0) AS key FROM pairs ORDER BY key) AS keys
)
INSERT INTO notifier.lanes (thread_id, sender, participant, opt_out_scope)
SELECT thread_id, sender, participant, opt_out_scope FROM pairs
WHERE (SELECT count(*) FROM locked) > 0
ORDER BY thread_id
ON CONFLICT DO NOTHING

-- name: lock_participants
-- While this is held they get no new lane.
SELECT pg_advisory_xact_lock(key)
FROM (SELECT DISTINCT hashtextextended(p, 0) AS key FROM unnest(%s::text[]) AS p ORDER BY key) AS keys

-- name: find_lanes
SELECT thread_id::text FROM notifier.lanes WHERE participant = ANY (%s::text[])

-- name: lock_free_lanes
-- Those named, and those of the deliveries named, as far as nobody holds them.
SELECT thread_id::text FROM notifier.lanes
WHERE thread_id = ANY (
  %s::text::uuid[] || ARRAY(SELECT thread_id FROM notifier.deliveries WHERE id = ANY (%s::text::uuid[]))
)
FOR UPDATE SKIP LOCKED

-- name: lock_lanes
-- The same, however long it takes.
SELECT thread_id::text FROM notifier.lanes
WHERE thread_id = ANY (
  %s::text::uuid[] || ARRAY(SELECT thread_id FROM notifier.deliveries WHERE id = ANY (%s::text::uuid[]))
)
ORDER BY thread_id
FOR UPDATE

-- name: lock_due_lanes
-- The lanes that are due, longest first, and some that are asked for by name. What somebody else holds is being
-- looked at already.
SELECT thread_id::text FROM (
  SELECT thread_id FROM notifier.lanes
  WHERE wake_time <= clock_timestamp()
  ORDER BY wake_time
  LIMIT %s
  FOR UPDATE SKIP LOCKED
) AS due
UNION
SELECT thread_id::text FROM (
  SELECT thread_id FROM notifier.lanes WHERE thread_id = ANY (%s::text::uuid[]) FOR UPDATE SKIP LOCKED
) AS named

-- name: read_lanes
-- Lanes, each with what its participant said last, what holds its sender back, and its next deliveries from the head
-- on. Runs after the lock as a statement of its own, so that it sees what was committed before the lock was granted.
-- Texts come along only where they may yet be sent or compared.
SELECT date_part('epoch', clock_timestamp()), l.thread_id::text, l.sender, l.participant, l.next_seq, l.in_flight,
  date_part('epoch', l.wake_time), l.opt_out_scope, o.opted_out, date_part('epoch', o.event_time),
  s.sending_paused, coalesce(date_part('epoch', s.paused_until), 0), s.segments_per_second, d.id::text, d.seq,
  CASE WHEN d.due_time IS NOT NULL THEN d.text ELSE '' END, d.state, d.canceled, d.attempt, d.owner,
  date_part('epoch', d.started_time), date_part('epoch', d.due_time), date_part('epoch', d.absent_time),
  d.sid, d.status, d.error_code, d.traceparent, d.at_most_once, date_part('epoch', d.expire_time), d.paced
FROM notifier.lanes l
LEFT JOIN notifier.opt_outs o
  ON o.scope = CASE WHEN l.opt_out_scope = '' THEN l.sender ELSE l.opt_out_scope END
  AND o.participant = l.participant
LEFT JOIN notifier.senders s
  ON s.sender = l.sender
  AND (s.sending_paused OR s.segments_per_second > 0 OR s.paused_until > clock_timestamp())
LEFT JOIN LATERAL (
  SELECT * FROM notifier.deliveries q
  WHERE q.thread_id = l.thread_id AND q.seq >= l.next_seq
  ORDER BY q.seq
  LIMIT %s
) d ON true
WHERE l.thread_id = ANY (
  %s::text::uuid[] || ARRAY(SELECT thread_id FROM notifier.deliveries WHERE id = ANY (%s::text::uuid[]))
)

-- name: lock_senders
-- The pace of these senders, as far as no other batch takes from it: what is left out is looked at again.
SELECT sender, coalesce(date_part('epoch', next_time), 0) FROM notifier.senders
WHERE sender = ANY (%s::text[])
ORDER BY sender
FOR UPDATE SKIP LOCKED

-- name: write_senders
UPDATE notifier.senders s SET next_time = to_timestamp(i.next_time)
FROM jsonb_to_recordset(%s::text::jsonb) AS i(sender text, next_time float8)
WHERE s.sender = i.sender

-- name: store_senders
-- What the register says, unless something later is known. A sender whose pace has changed begins anew.
INSERT INTO notifier.senders AS s (sender, sending_paused, segments_per_second, update_time)
SELECT sender, sending_paused, segments_per_second, to_timestamp(update_time)
FROM jsonb_to_recordset(%s::text::jsonb)
  AS i(sender text, sending_paused boolean, segments_per_second float8, update_time float8)
ORDER BY sender
ON CONFLICT (sender) DO UPDATE SET sending_paused = excluded.sending_paused,
  segments_per_second = excluded.segments_per_second, update_time = excluded.update_time,
  next_time = CASE WHEN s.segments_per_second = excluded.segments_per_second THEN s.next_time END
WHERE excluded.update_time > s.update_time

-- name: pause_senders
INSERT INTO notifier.senders AS s (sender, paused_until)
SELECT DISTINCT i.sender, clock_timestamp() + make_interval(secs => %s) FROM unnest(%s::text[]) AS i(sender)
ORDER BY i.sender
ON CONFLICT (sender) DO UPDATE SET paused_until = greatest(s.paused_until, excluded.paused_until)

-- name: wake_senders
-- Lanes that slept while their sender was switched off. Costs a look for each sender, and none for what sleeps on.
WITH asleep AS MATERIALIZED (
  SELECT l.thread_id FROM notifier.senders s
  CROSS JOIN LATERAL (
    SELECT thread_id FROM notifier.lanes WHERE sender = s.sender AND wake_time = 'infinity'
    LIMIT %s
    FOR UPDATE SKIP LOCKED
  ) l
  WHERE NOT s.sending_paused
)
UPDATE notifier.lanes SET wake_time = clock_timestamp()
WHERE thread_id = ANY (ARRAY(SELECT thread_id FROM asleep))
RETURNING 1

-- name: read_deliveries
SELECT d.thread_id::text, d.id::text, d.seq,
  CASE WHEN d.due_time IS NOT NULL THEN d.text ELSE '' END, d.state, d.canceled, d.attempt, d.owner,
  date_part('epoch', d.started_time), date_part('epoch', d.due_time), date_part('epoch', d.absent_time),
  d.sid, d.status, d.error_code, d.traceparent, d.at_most_once, date_part('epoch', d.expire_time), d.paced
FROM notifier.deliveries d
WHERE d.id = ANY (%s::text::uuid[])

-- name: write
-- What a batch of decisions says, one write for each table.
WITH inserted AS (
  INSERT INTO notifier.deliveries (id, thread_id, seq, text, segments, state, canceled, attempt, owner, started_time,
    due_time, sid, status, error_code, traceparent, create_time, at_most_once, expire_time, paced)
  SELECT i.id, i.thread_id, i.seq, i.text, i.segments, i.state, i.canceled, i.attempt, i.owner,
    to_timestamp(i.started_time), to_timestamp(i.due_time), '', '', 0, i.traceparent, to_timestamp(i.create_time),
    i.at_most_once, to_timestamp(i.expire_time), i.paced
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, thread_id uuid, seq bigint, text text, segments smallint,
    state text, canceled boolean, attempt integer, owner text, started_time float8, due_time float8,
    traceparent text, create_time float8, at_most_once boolean, expire_time float8, paced boolean)
), changed AS (
  UPDATE notifier.deliveries d SET state = i.state, canceled = i.canceled, attempt = i.attempt, owner = i.owner,
    started_time = to_timestamp(i.started_time), due_time = to_timestamp(i.due_time),
    absent_time = to_timestamp(i.absent_time), sid = i.sid, status = i.status, error_code = i.error_code,
    paced = i.paced
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(id uuid, state text, canceled boolean, attempt integer, owner text,
    started_time float8, due_time float8, absent_time float8, sid text, status text, error_code integer,
    paced boolean)
  WHERE d.id = i.id
), attempts AS (
  -- A finding that is written again after an unknown commit is the same finding.
  INSERT INTO notifier.attempts (delivery_id, attempt, started_time, finished_time, outcome, http_status, error_code,
    sid, request_id)
  SELECT i.delivery_id, i.attempt, to_timestamp(i.started_time), to_timestamp(i.finished_time), i.outcome,
    i.http_status, i.error_code, i.sid, i.request_id
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(delivery_id uuid, attempt integer, started_time float8,
    finished_time float8, outcome text, http_status smallint, error_code integer, sid text, request_id text)
  ON CONFLICT (delivery_id, attempt) DO NOTHING
), reports AS (
  INSERT INTO notifier.reports (message_sid, status, delivery_id, error_code, receive_time)
  SELECT i.message_sid, i.status, i.delivery_id, i.error_code, to_timestamp(i.receive_time)
  FROM jsonb_to_recordset(%s::text::jsonb) AS i(message_sid text, status text, delivery_id uuid, error_code integer,
    receive_time float8)
  ON CONFLICT (message_sid, status) DO NOTHING
)
UPDATE notifier.lanes l SET next_seq = i.next_seq, in_flight = i.in_flight, wake_time = to_timestamp(i.wake_time),
  opt_out_scope = i.opt_out_scope
FROM jsonb_to_recordset(%s::text::jsonb) AS i(thread_id uuid, next_seq bigint, in_flight bigint, wake_time float8,
  opt_out_scope text)
WHERE l.thread_id = i.thread_id

-- name: read_opt_outs
SELECT o.scope, o.participant, o.opted_out, date_part('epoch', o.event_time)
FROM jsonb_to_recordset(%s::text::jsonb) AS i(scope text, participant text)
JOIN notifier.opt_outs o USING (scope, participant)

-- name: store_opt_outs
-- After the lanes are locked, so that all take their locks in one order. What another batch has stored in the meantime
-- stays where it was said later.
INSERT INTO notifier.opt_outs AS o (scope, participant, opted_out, event_time)
SELECT scope, participant, opted_out, to_timestamp(event_time)
FROM jsonb_to_recordset(%s::text::jsonb) AS i(scope text, participant text, opted_out boolean, event_time float8)
ORDER BY scope, participant
ON CONFLICT (scope, participant) DO UPDATE SET opted_out = excluded.opted_out, event_time = excluded.event_time
WHERE (excluded.event_time, excluded.opted_out) > (o.event_time, o.opted_out)

-- name: known_sids
-- Which of these messages belong to other deliveries to their participant: the senders of a messaging service share
-- one list.
SELECT sid FROM notifier.deliveries
WHERE thread_id = ANY (ARRAY(SELECT thread_id FROM notifier.lanes WHERE participant = %s)) AND id <> %s::text::uuid
  AND sid = ANY (%s)

-- name: remember_unrecorded
INSERT INTO notifier.unrecorded AS u (delivery_id)
SELECT DISTINCT id FROM unnest(%s::text::uuid[]) AS i(id) ORDER BY id
ON CONFLICT (delivery_id) DO UPDATE SET times = u.times + 1

-- name: read_unrecorded
SELECT u.delivery_id::text, u.times, l.sender, d.state, d.sid, d.status, d.error_code,
  date_part('epoch', d.started_time)
FROM notifier.unrecorded u
JOIN notifier.deliveries d ON d.id = u.delivery_id
JOIN notifier.lanes l ON l.thread_id = d.thread_id
ORDER BY u.delivery_id
LIMIT %s

-- name: forget_unrecorded
-- Unless telling it has failed once more in the meantime: then it changed after it was read.
DELETE FROM notifier.unrecorded u
USING jsonb_to_recordset(%s::text::jsonb) AS i(delivery_id uuid, times integer)
WHERE u.delivery_id = i.delivery_id AND u.times = i.times

-- name: take_coverage
-- The right to read an account's list for a while, unless somebody else has it or has read it not long ago.
INSERT INTO notifier.coverage AS c (account_sid, start_time, listed_time, owner, lease_until)
VALUES (%s, now(), now(), %s, now() + make_interval(secs => %s))
ON CONFLICT (account_sid) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until
WHERE (c.owner = excluded.owner OR c.lease_until <= now()) AND c.listed_time <= now() - make_interval(secs => %s)
RETURNING date_part('epoch', now()), date_part('epoch', start_time), date_part('epoch', listed_time),
  (SELECT date_part('epoch', g.recover_time) FROM notifier.gate g)

-- name: keep_coverage
UPDATE notifier.coverage SET lease_until = now() + make_interval(secs => %s)
WHERE account_sid = %s AND owner = %s
RETURNING true

-- name: end_coverage
-- `listed_time` is NULL after a list that was not handed over whole.
UPDATE notifier.coverage SET lease_until = now(), listed_time = greatest(listed_time, to_timestamp(%s::float8))
WHERE account_sid = %s AND owner = %s
