-- What closes all sending, and what is found out before it opens again.

-- name: pass_gate
-- Who claims holds this until the commit, and who closes the gate waits for it: nothing is claimed once it is closed.
SELECT pg_advisory_xact_lock_shared(7166541)

-- name: read_passage
-- Whether messages may be claimed, and whether some of them may have been sent by a state that is lost.
SELECT NOT g.closed AND NOT g.recovering AND g.server_start = pg_postmaster_start_time(),
  EXISTS (SELECT 1 FROM notifier.orphans o WHERE o.delivery_id IS NULL),
  -- On disk, so that no crash takes it back.
  (pg_current_wal_flush_lsn() - '0/0')::bigint
FROM notifier.gate g

-- name: read_gate
SELECT g.closed, g.recovering, g.reason, date_part('epoch', g.change_time), date_part('epoch', g.lost_since),
  date_part('epoch', g.recover_time),
  g.recovering AND NOT EXISTS (
    SELECT 1 FROM notifier.coverage c
    WHERE c.listed_time < g.recover_time AND c.lease_until > g.lost_since - interval '1 day'
  ),
  g.outbound_covered, g.server_start = pg_postmaster_start_time(), g.identity = notifier.database_identity(),
  g.beat_time < clock_timestamp() - interval '2 seconds', date_part('epoch', clock_timestamp()),
  date_part('epoch', g.beat_time), (pg_current_wal_flush_lsn() - '0/0')::bigint
FROM notifier.gate g

-- name: count_waiting
SELECT count(*) FROM notifier.deliveries d JOIN notifier.lanes l USING (thread_id)
WHERE d.state = 'pending' AND d.seq >= l.next_seq AND l.wake_time IS NOT NULL

-- name: beat
-- For each part of a commit that is lost, this is lost with it.
UPDATE notifier.gate SET beat_time = clock_timestamp() WHERE server_start = pg_postmaster_start_time()

-- name: know_server
-- The same database on a server that was started anew.
UPDATE notifier.gate SET server_start = pg_postmaster_start_time(), beat_time = clock_timestamp()
WHERE identity = notifier.database_identity()

-- name: begin_recovery
-- `since`: earlier than the last beat, where somebody knows better. Without `again` only where nobody has begun it.
WITH i AS (SELECT to_timestamp(%s::float8) AS since, %s::boolean AS again)
UPDATE notifier.gate SET recovering = true, change_time = clock_timestamp(), recover_time = clock_timestamp(),
  lost_since = least(CASE WHEN recovering THEN lost_since END, beat_time, i.since) - make_interval(secs => %s),
  outbound_covered = false, identity = notifier.database_identity(), server_start = pg_postmaster_start_time(),
  beat_time = clock_timestamp()
FROM i
WHERE i.again OR identity <> notifier.database_identity() OR NOT recovering
RETURNING true

-- name: store_orphans
-- Those of Twilio's messages that no delivery has.
INSERT INTO notifier.orphans (sid, sender, participant, text, create_time)
SELECT i.sid, i.sender, i.participant, i.text, to_timestamp(i.create_time)
FROM jsonb_to_recordset(%s::text::jsonb) AS i(sid text, sender text, participant text, text text, create_time float8)
WHERE NOT EXISTS (
  SELECT 1 FROM notifier.lanes l JOIN notifier.deliveries d ON d.thread_id = l.thread_id
  WHERE l.participant = i.participant AND d.sid = i.sid
)
ORDER BY i.sid
ON CONFLICT (sid) DO NOTHING

-- name: cover_outbound
UPDATE notifier.gate SET outbound_covered = true
WHERE recovering AND recover_time = to_timestamp(%s::float8) AND identity = notifier.database_identity()

-- name: end_recovery
UPDATE notifier.gate g SET recovering = false, change_time = clock_timestamp()
WHERE g.recovering AND g.outbound_covered AND g.identity = notifier.database_identity()
  AND NOT EXISTS (
    SELECT 1 FROM notifier.coverage c
    WHERE c.listed_time < g.recover_time AND c.lease_until > g.lost_since - interval '1 day'
  )
RETURNING true

-- name: shut_gate
-- Waits for the claims that are being committed.
SELECT pg_advisory_xact_lock(7166541)

-- name: close_gate
UPDATE notifier.gate SET closed = true, reason = %s,
  change_time = CASE WHEN closed THEN change_time ELSE clock_timestamp() END

-- name: open_gate
UPDATE notifier.gate SET closed = false, reason = '', change_time = clock_timestamp(),
  recovering = recovering AND NOT %s
WHERE closed OR (recovering AND %s)

-- name: adopt_orphan
-- The oldest message of this text that is nobody's, or the delivery's own from an attempt whose mark was lost.
UPDATE notifier.orphans SET delivery_id = %s::text::uuid
WHERE sid = (
  SELECT o.sid FROM notifier.orphans o
  WHERE o.participant = %s AND o.sender = %s AND o.text = %s
    AND (o.delivery_id IS NULL OR o.delivery_id = %s::text::uuid)
    AND NOT EXISTS (
      SELECT 1 FROM notifier.lanes l JOIN notifier.deliveries d ON d.thread_id = l.thread_id
      WHERE l.participant = o.participant AND d.sid = o.sid
    )
  ORDER BY o.delivery_id NULLS LAST, o.create_time, o.sid
  LIMIT 1
  FOR UPDATE
)
RETURNING sid

-- name: forget_orphans
-- Those of a recovery that is long over: the same text of later on is another one.
DELETE FROM notifier.orphans o USING notifier.gate g
WHERE NOT g.recovering AND g.change_time < clock_timestamp() - make_interval(secs => %s)

-- name: wake_lanes
-- Those that wait; early is harmless. Those of a sender that is switched off sleep on.
WITH asleep AS MATERIALIZED (
  SELECT l.thread_id FROM notifier.lanes l
  WHERE l.wake_time > clock_timestamp() AND l.wake_time < 'infinity' AND l.in_flight IS NULL
  ORDER BY l.wake_time
  LIMIT %s
  FOR UPDATE OF l SKIP LOCKED
)
UPDATE notifier.lanes l SET wake_time = clock_timestamp() FROM asleep WHERE l.thread_id = asleep.thread_id
RETURNING true
