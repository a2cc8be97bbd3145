"""What the database itself writes down while processes die: each committed change that an invariant speaks of.

A row of an aborted transaction is gone with it, so what is read here took place. Rows about one lane or one thread
stand in the order in which they happened, since whoever writes them holds its lock.
"""

from __future__ import annotations

from typing import LiteralString

AUDIT: LiteralString = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.audit (
  id bigserial PRIMARY KEY,
  began timestamptz NOT NULL DEFAULT transaction_timestamp(),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  what text NOT NULL,
  item jsonb NOT NULL
);
CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO chaos.audit (what, item) VALUES (TG_ARGV[0], to_jsonb(NEW) - 'text' - 'state_json' - 'settings');
  RETURN NULL;
END $$;
CREATE TRIGGER chaos AFTER UPDATE ON notifier.deliveries FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.attempt <> NEW.attempt OR OLD.canceled <> NEW.canceled)
  EXECUTE FUNCTION chaos.note('delivery');
CREATE TRIGGER chaos_new AFTER INSERT ON notifier.deliveries FOR EACH ROW EXECUTE FUNCTION chaos.note('delivery');
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON notifier.opt_outs FOR EACH ROW EXECUTE FUNCTION chaos.note('opt_out');
CREATE TRIGGER chaos AFTER UPDATE ON session.turns FOR EACH ROW
  WHEN (OLD.fence <> NEW.fence OR OLD.open <> NEW.open) EXECUTE FUNCTION chaos.note('turn');
CREATE TRIGGER chaos_new AFTER INSERT ON session.turns FOR EACH ROW EXECUTE FUNCTION chaos.note('turn');
CREATE TRIGGER chaos AFTER UPDATE ON session.sessions FOR EACH ROW
  WHEN (OLD.end_time IS DISTINCT FROM NEW.end_time OR OLD.grace_end IS DISTINCT FROM NEW.grace_end)
  EXECUTE FUNCTION chaos.note('session');
CREATE TRIGGER chaos_new AFTER INSERT ON session.messages FOR EACH ROW EXECUTE FUNCTION chaos.note('message');
"""

TABLES: dict[str, LiteralString] = {
    "thread": "SELECT id::text, endpoint, participant, taken, last_inbound FROM session.threads",
    "message": """
      SELECT id::text, thread_id::text AS thread, session_id::text AS session, turn_id::text AS turn, position, seq,
        direction, kind, text, coalesce(source_id, '') AS sid, ignore_reason AS ignored, delivery_state AS state,
        date_part('epoch', create_time) AS at
      FROM session.messages ORDER BY thread_id, position
    """,
    "turn": """
      SELECT id::text, thread_id::text AS thread, session_id::text AS session, kind, open, outcome, fence, attempt,
        first_position AS first, last_position AS last FROM session.turns
    """,
    "session": """
      SELECT id::text, thread_id::text AS thread, end_reason AS reason, date_part('epoch', end_time) AS ended,
        date_part('epoch', grace_end) AS grace_end, warning_id::text AS warning, engaged
      FROM session.sessions
    """,
    "delivery": """
      SELECT d.id::text, d.thread_id::text AS thread, d.seq, d.state, d.sid, d.attempt, d.canceled,
        coalesce(nullif(l.opt_out_scope, ''), l.sender) AS scope, l.participant
      FROM notifier.deliveries d JOIN notifier.lanes l USING (thread_id)
    """,
    "audit": """
      SELECT a.id, date_part('epoch', a.began) AS began, date_part('epoch', a.at) AS at, a.tx::text, a.what, (
        SELECT jsonb_object_agg(i.key, i.value) FROM jsonb_each(a.item) i
        WHERE i.key IN ('id', 'fence', 'open', 'state', 'attempt', 'scope', 'participant', 'opted_out', 'end_time',
          'session_id', 'direction')
      ) AS item
      FROM chaos.audit a ORDER BY a.id
    """,
    "request": "SELECT id, session_id::text AS session, message_id::text AS message FROM session.requests",
}

UNFINISHED: dict[str, LiteralString] = {
    "open turns": "SELECT count(*) FROM session.turns WHERE open",
    "outbox": "SELECT count(*) FROM session.outbox",
    "texts that no turn took": "SELECT count(*) FROM session.threads WHERE taken < last_inbound",
    "deliveries": """
      SELECT count(*) FROM notifier.deliveries WHERE state IN ('pending', 'claimed', 'unknown')
    """,
    "ends owed": "SELECT count(*) FROM session.sessions WHERE end_owed",
    "unrecorded": "SELECT count(*) FROM notifier.unrecorded",
    "opt-outs": "SELECT count(*) FROM session.opt_outs WHERE next_submit_time IS NOT NULL",
}
"""What has to be none when a run has drained."""
