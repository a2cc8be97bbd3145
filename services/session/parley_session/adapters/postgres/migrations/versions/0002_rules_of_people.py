"""Outbound sessions, time-outs, opt-outs, limits, people; and the clock that people's deadlines are kept by."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
# Code of 0001 reads and writes messages.fallback, which is gone, and knows no kind of message.
oldest_code = "0002"

STATEMENTS = """
-- How far the clock of people's deadlines has been moved: empty but in tests. No row is ever aged.
CREATE TABLE session.clock (
  sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
  ahead interval NOT NULL DEFAULT '0'
);
CREATE FUNCTION session.now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
  AS 'SELECT clock_timestamp() + coalesce((SELECT ahead FROM session.clock), interval ''0'')';

ALTER TABLE session.numbers
  ADD settings jsonb NOT NULL DEFAULT '{}',
  ADD keywords smallint NOT NULL DEFAULT 1,
  ADD opt_out_scope text COLLATE "C" NOT NULL DEFAULT '',
  ADD sending_paused boolean NOT NULL DEFAULT false,
  ADD ingest_from timestamptz NOT NULL DEFAULT clock_timestamp();
-- Numbers of before are ours since they were registered: what they miss during the migration is still fetched.
UPDATE session.numbers SET ingest_from = create_time;

ALTER TABLE session.threads
  -- How many ended sessions have not had their end(conv) yet.
  ADD endings smallint NOT NULL DEFAULT 0,
  ADD pace text NOT NULL DEFAULT '',
  ALTER active_time DROP NOT NULL,
  ALTER active_time DROP DEFAULT;
-- For the list of one participant's sessions: on an expression, so that no hot statement takes it for its own index.
CREATE INDEX threads_participant ON session.threads (md5(participant));

ALTER TABLE session.sessions
  ADD outbound boolean NOT NULL DEFAULT false,
  ADD engaged boolean NOT NULL DEFAULT true,
  ADD handed_off boolean NOT NULL DEFAULT false,
  -- What was said when it was last handed over.
  ADD hand_off_destination text NOT NULL DEFAULT '',
  ADD hand_off_reason text NOT NULL DEFAULT '',
  ADD warning_id uuid,
  ADD grace_end timestamptz,
  ADD awaits_coverage boolean NOT NULL DEFAULT false,
  ADD end_owed boolean NOT NULL DEFAULT false,
  ALTER open_time SET DEFAULT session.now();
-- Two lists of what is due: a session whose end needs the provider's word waits in one of its own, where it is in
-- nobody's way while the provider is away.
CREATE INDEX sessions_due ON session.sessions (due_time) WHERE due_time IS NOT NULL AND NOT awaits_coverage;
CREATE INDEX sessions_awaiting ON session.sessions (due_time) WHERE awaits_coverage;
CREATE INDEX sessions_end_owed ON session.sessions (thread_id) WHERE end_owed;
CREATE INDEX sessions_thread ON session.sessions (thread_id, id);

ALTER TABLE session.messages
  ADD kind smallint NOT NULL DEFAULT 0,
  ALTER create_time SET DEFAULT session.now();
UPDATE session.messages SET kind = CASE WHEN fallback THEN 2 ELSE 1 END WHERE direction = 2;
ALTER TABLE session.messages DROP fallback;

ALTER TABLE session.outbox ADD canceled boolean NOT NULL DEFAULT false;

-- What participants have said about texts from a number, or from all numbers of a scope.
CREATE TABLE session.opt_outs (
  scope text COLLATE "C" NOT NULL,
  participant text COLLATE "C" NOT NULL,
  stop_time timestamptz,
  stop_source text NOT NULL DEFAULT '',
  start_time timestamptz,
  start_source text NOT NULL DEFAULT '',
  -- When to hand it to the notifier again; null once the notifier has stored it.
  next_submit_time timestamptz,
  PRIMARY KEY (scope, participant)
);
CREATE INDEX opt_outs_next_submit_time ON session.opt_outs (next_submit_time) WHERE next_submit_time IS NOT NULL;

-- What callers' requests have brought about, so that repeating one changes nothing.
CREATE TABLE session.requests (
  id text COLLATE "C" PRIMARY KEY,
  fingerprint text NOT NULL,
  session_id uuid NOT NULL,
  message_id uuid NOT NULL,
  create_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A session that has ended and owes its end(conv) used to stand in its thread's place of the open one.
UPDATE session.sessions s SET end_owed = true
FROM session.threads t WHERE t.session_id = s.id AND s.end_time IS NOT NULL AND s.started;
UPDATE session.threads t SET endings = s.end_owed::int, session_id = NULL
FROM session.sessions s WHERE t.session_id = s.id AND s.end_time IS NOT NULL;
UPDATE session.sessions s SET due_time = t.active_time + interval '24 hours'
FROM session.threads t WHERE t.session_id = s.id;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(
        """
DROP TABLE session.requests, session.opt_outs;
ALTER TABLE session.outbox DROP canceled;
ALTER TABLE session.messages ADD fallback boolean NOT NULL DEFAULT false,
  ALTER create_time SET DEFAULT clock_timestamp();
UPDATE session.messages SET fallback = true WHERE kind = 2;
ALTER TABLE session.messages DROP kind;
UPDATE session.threads t SET session_id = (
  SELECT s.id FROM session.sessions s WHERE s.thread_id = t.id AND s.end_owed ORDER BY s.id LIMIT 1
) WHERE t.endings > 0 AND t.session_id IS NULL;
DROP INDEX session.sessions_thread, session.sessions_due, session.sessions_awaiting, session.sessions_end_owed;
ALTER TABLE session.sessions DROP outbound, DROP engaged, DROP handed_off, DROP hand_off_destination,
  DROP hand_off_reason, DROP warning_id, DROP grace_end, DROP awaits_coverage, DROP end_owed,
  ALTER open_time SET DEFAULT clock_timestamp();
DROP INDEX session.threads_participant;
UPDATE session.threads SET active_time = coalesce(active_time, create_time);
ALTER TABLE session.threads DROP endings, DROP pace,
  ALTER active_time SET DEFAULT clock_timestamp(), ALTER active_time SET NOT NULL;
ALTER TABLE session.numbers DROP settings, DROP keywords, DROP opt_out_scope, DROP sending_paused, DROP ingest_from;
DROP FUNCTION session.now();
DROP TABLE session.clock;
"""
    )
