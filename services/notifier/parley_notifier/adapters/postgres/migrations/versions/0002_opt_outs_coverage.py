"""Opt-outs, and how far Twilio's list of inbound texts has been read."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = """
-- What the sender shares its opt-outs with; empty: nothing, so that what an older process inserts is right.
ALTER TABLE notifier.lanes ADD COLUMN opt_out_scope text COLLATE "C" NOT NULL DEFAULT '';
-- An opt-out concerns all lanes of a participant. The column never changes: a text on its way leaves the index alone.
CREATE INDEX lanes_participant ON notifier.lanes (participant);

-- What each participant said last. `scope` is that of the lanes, or their sender where that is empty.
CREATE TABLE notifier.opt_outs (
  scope text COLLATE "C" NOT NULL,
  participant text COLLATE "C" NOT NULL,
  opted_out boolean NOT NULL,
  event_time timestamptz NOT NULL,
  PRIMARY KEY (scope, participant)
);

-- One row for each Twilio account. Who holds the lease reads the list.
CREATE TABLE notifier.coverage (
  account_sid text COLLATE "C" PRIMARY KEY,
  -- When the list was first asked for. What is older was no concern of this installation.
  start_time timestamptz NOT NULL,
  -- When the last list was asked for whose every text has been handed over; at first the same.
  listed_time timestamptz NOT NULL,
  owner text COLLATE "C" NOT NULL,
  lease_until timestamptz NOT NULL
);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute("DROP TABLE notifier.coverage, notifier.opt_outs")
    op.execute("DROP INDEX notifier.lanes_participant")
    op.execute("ALTER TABLE notifier.lanes DROP COLUMN opt_out_scope")
