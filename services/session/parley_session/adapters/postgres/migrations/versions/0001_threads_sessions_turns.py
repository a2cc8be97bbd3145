"""Threads, sessions, turns, messages, the outbox, numbers and agents."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE session.numbers (
  number text COLLATE "C" PRIMARY KEY,
  agent text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  update_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What agents said of themselves, so that accepting a text never needs one.
CREATE TABLE session.agents (
  name text COLLATE "C" PRIMARY KEY,
  version text NOT NULL,
  settings jsonb NOT NULL,
  describe_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The unit of locking. Updated twice a turn, in columns that no index holds: the room left on each page
-- keeps those updates in place.
CREATE TABLE session.threads (
  id uuid PRIMARY KEY,
  channel smallint NOT NULL,
  endpoint text COLLATE "C" NOT NULL,
  participant text COLLATE "C" NOT NULL,
  session_id uuid,
  last_position bigint NOT NULL DEFAULT 0,
  last_inbound bigint NOT NULL DEFAULT 0,
  taken bigint NOT NULL DEFAULT 0,
  last_seq bigint NOT NULL DEFAULT 0,
  active_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (channel, endpoint, participant),
  CHECK (taken <= last_inbound AND last_inbound <= last_position AND last_seq <= last_position)
) WITH (fillfactor = 70);

CREATE TABLE session.sessions (
  id uuid PRIMARY KEY,
  thread_id uuid NOT NULL,
  agent text NOT NULL,
  settings jsonb NOT NULL,
  first_position bigint NOT NULL,
  started boolean NOT NULL,
  state text NOT NULL,
  end_reason smallint,
  open_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  end_time timestamptz,
  -- The earliest moment at which a rule may have to act on the session. Early is harmless, late is not.
  due_time timestamptz,
  CHECK ((end_reason IS NULL) = (end_time IS NULL))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX sessions_one_open ON session.sessions (thread_id) WHERE end_time IS NULL;

CREATE TABLE session.turns (
  id uuid PRIMARY KEY,
  thread_id uuid NOT NULL,
  session_id uuid NOT NULL,
  kind smallint NOT NULL,
  open boolean NOT NULL,
  claimed boolean NOT NULL,
  fence integer NOT NULL,
  attempt integer NOT NULL,
  first_position bigint NOT NULL,
  last_position bigint NOT NULL,
  wake_time timestamptz NOT NULL,
  away_since timestamptz,
  outcome smallint,
  traceparent text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  commit_time timestamptz,
  CHECK (open = (outcome IS NULL))
) WITH (fillfactor = 80);
-- One turn at a time for each thread; and the list of turns that somebody may have to look at.
CREATE UNIQUE INDEX turns_one_open ON session.turns (thread_id) WHERE open;

CREATE TABLE session.messages (
  id uuid PRIMARY KEY,
  thread_id uuid NOT NULL,
  session_id uuid,
  turn_id uuid,
  position bigint NOT NULL,
  -- 1 inbound, 2 outbound
  direction smallint NOT NULL,
  text text NOT NULL,
  media_urls jsonb,
  seq bigint NOT NULL DEFAULT 0,
  delivery_state smallint NOT NULL DEFAULT 0,
  delivery_error integer NOT NULL DEFAULT 0,
  source_id text,
  ignore_reason text NOT NULL DEFAULT '',
  fallback boolean NOT NULL DEFAULT false,
  traceparent text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (thread_id, position),
  CHECK ((direction = 2) = (seq > 0))
) WITH (fillfactor = 85);

-- Which texts of the provider have been stored: outlives the messages, so that an old text is never taken twice.
CREATE TABLE session.sources (
  source_id text COLLATE "C" PRIMARY KEY,
  message_id uuid NOT NULL,
  create_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Outbound messages whose outcome is not known yet.
CREATE TABLE session.outbox (
  message_id uuid PRIMARY KEY,
  next_submit_time timestamptz NOT NULL,
  submits integer NOT NULL DEFAULT 1
);
CREATE INDEX outbox_next_submit_time ON session.outbox (next_submit_time);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(
        "DROP TABLE session.outbox, session.sources, session.messages, session.turns, session.sessions, "
        "session.threads, session.agents, session.numbers"
    )
