"""Senders: switched off, paused, paced. Texts that expire, and texts that are sent once at the most."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = """
-- What is known of our numbers. The session service's register says what people want of each; a number that it has
-- forgotten keeps what was said last.
CREATE TABLE notifier.senders (
  sender text COLLATE "C" PRIMARY KEY,
  sending_paused boolean NOT NULL DEFAULT false,
  segments_per_second float8 NOT NULL DEFAULT 0,
  -- As of when the register says so; of two answers the later one counts.
  update_time timestamptz NOT NULL DEFAULT '-infinity',
  -- Twilio's queue for it was full.
  paused_until timestamptz,
  -- When all that was given a turn in its pace has gone out.
  next_time timestamptz
) WITH (fillfactor = 50);

-- Lanes of a sender that is switched off sleep: no look for due lanes finds them.
CREATE INDEX lanes_asleep ON notifier.lanes (sender) WHERE wake_time = 'infinity';

-- Their defaults make what an older process inserts right.
ALTER TABLE notifier.deliveries
  ADD COLUMN at_most_once boolean NOT NULL DEFAULT false,
  ADD COLUMN expire_time timestamptz,
  ADD COLUMN paced boolean NOT NULL DEFAULT false,
  DROP CONSTRAINT deliveries_state_check,
  ADD CONSTRAINT deliveries_state_check CHECK (state IN
    ('pending', 'claimed', 'unknown', 'accepted', 'failed', 'suppressed', 'canceled', 'expired', 'held'));
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute("UPDATE notifier.deliveries SET state = 'canceled' WHERE state IN ('expired', 'held')")
    op.execute("UPDATE notifier.lanes SET wake_time = clock_timestamp() WHERE wake_time = 'infinity'")
    op.execute("DROP INDEX notifier.lanes_asleep")
    op.execute(
        "ALTER TABLE notifier.deliveries DROP COLUMN at_most_once, DROP COLUMN expire_time, DROP COLUMN paced, "
        "DROP CONSTRAINT deliveries_state_check, ADD CONSTRAINT deliveries_state_check CHECK (state IN "
        "('pending', 'claimed', 'unknown', 'accepted', 'failed', 'suppressed', 'canceled'))"
    )
    op.execute("DROP TABLE notifier.senders")
