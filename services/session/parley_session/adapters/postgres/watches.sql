-- What watchers of sessions ask. Each statement serves many of them at once.

-- name: read_watched
-- Of each watched session what it is now, its next messages behind the last one told, and those told that may have
-- changed, whichever session they belong to by now.
SELECT i.n, t.last_position, t.taken,
  s.id::text, s.thread_id::text, t.channel, t.endpoint, t.participant, s.agent, s.end_reason, s.open_time, s.end_time,
  s.outbound, s.engaged, s.handed_off, s.hand_off_destination, s.hand_off_reason,
  m.id::text, m.session_id::text, m.thread_id::text, m.position, m.direction, m.text, m.media_urls, m.create_time,
  m.seq, m.delivery_state, m.delivery_error, m.ignore_reason, m.kind
FROM jsonb_to_recordset(%s::text::jsonb) AS i(n integer, session_id uuid, last bigint, unsettled bigint[], page integer)
JOIN session.sessions s ON s.id = i.session_id
JOIN session.threads t ON t.id = s.thread_id
LEFT JOIN LATERAL (
  SELECT m.* FROM session.messages m WHERE m.thread_id = s.thread_id AND m.position = ANY (i.unsettled)
  UNION ALL (
    SELECT m.* FROM session.messages m
    WHERE m.thread_id = s.thread_id AND m.position > i.last AND m.position >= s.first_position AND m.session_id = s.id
    ORDER BY m.position LIMIT i.page
  )
) m ON true
ORDER BY i.n, m.position

-- name: find_changed
-- Which of what watchers have seen is not so any more. First the sessions and their threads, then messages.
SELECT i.n
FROM jsonb_to_recordset(%s::text::jsonb) AS i(n integer, session_id uuid, last_position bigint, taken bigint,
  end_reason smallint, engaged boolean, handed_off boolean, hand_off_destination text, hand_off_reason text)
LEFT JOIN session.sessions s ON s.id = i.session_id
LEFT JOIN session.threads t ON t.id = s.thread_id
WHERE (t.last_position, t.taken, s.end_reason, s.engaged, s.handed_off, s.hand_off_destination, s.hand_off_reason)
  IS DISTINCT FROM
  (i.last_position, i.taken, i.end_reason, i.engaged, i.handed_off, i.hand_off_destination, i.hand_off_reason)
UNION
SELECT i.n
FROM jsonb_to_recordset(%s::text::jsonb) AS i(n integer, thread_id uuid, position bigint, session_id uuid,
  delivery_state smallint, ignore_reason text)
JOIN session.messages m ON m.thread_id = i.thread_id AND m.position = i.position
WHERE (m.session_id, m.delivery_state, m.ignore_reason) IS DISTINCT FROM
  (i.session_id, i.delivery_state, i.ignore_reason)
