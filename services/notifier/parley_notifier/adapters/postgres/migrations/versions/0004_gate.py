"""The gate: whether messages are claimed at all, and what a lost state of the database had sent."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = """
-- Which database this is: a cluster, and its timeline. A backup in its place, or a replica that was made the primary,
-- has another one. pg_control_checkpoint() would lag behind.
CREATE FUNCTION notifier.database_identity() RETURNS text LANGUAGE sql VOLATILE
  AS 'SELECT system_identifier || ''/'' || left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM pg_control_system()';

CREATE TABLE notifier.gate (
  sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
  -- By a person, with what they said.
  closed boolean NOT NULL DEFAULT false,
  reason text NOT NULL DEFAULT '',
  -- The database is another one than it was, or has forgotten something.
  recovering boolean NOT NULL DEFAULT false,
  change_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  identity text NOT NULL DEFAULT notifier.database_identity(),
  -- The server that the identity was last compared on: what claims compare, since it costs nothing.
  server_start timestamptz NOT NULL DEFAULT pg_postmaster_start_time(),
  -- The database was itself at this moment, surely.
  beat_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- While recovering: what was done from then on may be forgotten.
  lost_since timestamptz,
  recover_time timestamptz,
  outbound_covered boolean NOT NULL DEFAULT false
);
INSERT INTO notifier.gate DEFAULT VALUES;

-- Messages that Twilio has and we have forgotten: whoever is about to send the same text has sent it already.
CREATE TABLE notifier.orphans (
  sid text COLLATE "C" PRIMARY KEY,
  sender text COLLATE "C" NOT NULL,
  participant text COLLATE "C" NOT NULL,
  -- As it is compared.
  text text NOT NULL,
  create_time timestamptz NOT NULL,
  delivery_id uuid
);
CREATE INDEX orphans_open ON notifier.orphans (participant, sender) WHERE delivery_id IS NULL;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute("DROP TABLE notifier.orphans, notifier.gate")
    op.execute("DROP FUNCTION notifier.database_identity()")
