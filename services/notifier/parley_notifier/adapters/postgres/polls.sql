-- Which deliveries Twilio has yet to say the end of, and how far it was asked.

-- name: take_poll
-- The right to ask about deliveries of one age for a while, unless somebody else has it.
INSERT INTO notifier.polls AS p (age_seconds, owner, lease_until)
VALUES (%s::float8, %s::text, now() + make_interval(secs => %s::float8))
ON CONFLICT (age_seconds) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until
WHERE p.owner = excluded.owner OR p.lease_until <= now()
RETURNING date_part('epoch', now()), coalesce(polled_id::text, '')

-- name: keep_poll
UPDATE notifier.polls SET lease_until = now() + make_interval(secs => %s::float8)
WHERE age_seconds = %s::float8 AND owner = %s::text
RETURNING true

-- name: end_poll
-- Who has lost the lease changes nothing: what it asked about is asked about again.
UPDATE notifier.polls SET lease_until = now(), polled_id = nullif(%s::text, '')::uuid
WHERE age_seconds = %s::float8 AND owner = %s::text

-- name: read_unreported
-- A stretch of the primary key; what stands in it is looked through where it is read.
WITH stretch AS MATERIALIZED (
  SELECT id, state, sid, status FROM notifier.deliveries
  WHERE id > %s::text::uuid AND id < %s::text::uuid
  ORDER BY id
  LIMIT %s
), unreported AS (
  SELECT id, sid, status FROM stretch
  WHERE state = 'accepted' AND sid <> '' AND status <> ALL (%s::text[])
  ORDER BY id
  LIMIT %s
)
SELECT (SELECT count(*) FROM stretch), (SELECT id::text FROM stretch ORDER BY id DESC LIMIT 1),
  ARRAY(SELECT ARRAY[id::text, sid, status] FROM unreported ORDER BY id)
