"""Lanes, deliveries, and the evidence of what became of them."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = """
-- The unit of locking: one row for each pair of numbers that texts each other. Written twice for each text, in columns
-- that no index holds; the room left on each page keeps those updates in place.
CREATE TABLE notifier.lanes (
  thread_id uuid PRIMARY KEY,
  sender text COLLATE "C" NOT NULL,
  participant text COLLATE "C" NOT NULL,
  next_seq bigint NOT NULL DEFAULT 1,
  -- The seq that is claimed or unknown. Being the head's or nobody's, it can only be one; a unique index over the
  -- states in flight would say the same, but each change of state would then have to touch every index.
  in_flight bigint,
  -- No later than the moment at which somebody has to look at the lane; early is harmless. So a text that comes and
  -- goes leaves it alone, and a conversation writes it about once a minute.
  wake_time timestamptz,
  CONSTRAINT lanes_only_head_in_flight CHECK (in_flight = next_seq),
  UNIQUE (sender, participant)
) WITH (fillfactor = 70);
CREATE INDEX lanes_wake_time ON notifier.lanes (wake_time) WHERE wake_time IS NOT NULL;

-- One text each. Inserted once and updated two or three times, always in place.
CREATE TABLE notifier.deliveries (
  id uuid PRIMARY KEY,
  thread_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  text text NOT NULL,
  segments smallint NOT NULL,
  state text NOT NULL
    CHECK (state IN ('pending', 'claimed', 'unknown', 'accepted', 'failed', 'suppressed', 'canceled')),
  canceled boolean NOT NULL,
  attempt integer NOT NULL,
  owner text COLLATE "C" NOT NULL,
  started_time timestamptz,
  due_time timestamptz,
  absent_time timestamptz,
  sid text COLLATE "C" NOT NULL,
  status text NOT NULL,
  error_code integer NOT NULL,
  traceparent text NOT NULL,
  create_time timestamptz NOT NULL,
  CONSTRAINT deliveries_due_until_final CHECK ((due_time IS NOT NULL) = (state IN ('pending', 'claimed', 'unknown'))),
  UNIQUE (thread_id, seq)
) WITH (fillfactor = 80);

-- What each send found out, written when it is over. A claim whose send left no row here was cut short: that is
-- evidence too, and a row at its beginning would cost a second write for every text.
CREATE TABLE notifier.attempts (
  delivery_id uuid NOT NULL,
  attempt integer NOT NULL,
  started_time timestamptz NOT NULL,
  finished_time timestamptz NOT NULL,
  outcome text NOT NULL,
  http_status smallint NOT NULL,
  error_code integer NOT NULL,
  sid text COLLATE "C" NOT NULL,
  request_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (delivery_id, attempt)
);

-- Every status callback once.
CREATE TABLE notifier.reports (
  message_sid text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL,
  delivery_id uuid NOT NULL,
  error_code integer NOT NULL,
  receive_time timestamptz NOT NULL,
  PRIMARY KEY (message_sid, status)
);

-- Deliveries whose state the session service has yet to be told, because telling it failed. Usually empty.
CREATE TABLE notifier.unrecorded (
  delivery_id uuid PRIMARY KEY,
  times integer NOT NULL DEFAULT 1
);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(
        "DROP TABLE notifier.unrecorded, notifier.reports, notifier.attempts, notifier.deliveries, notifier.lanes"
    )
