"""How far Twilio was asked about messages whose end it did not report."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE notifier.polls (
  -- Of the deliveries that are asked about.
  age_seconds float8 PRIMARY KEY,
  -- All up to it were. Ids begin with the time at which they were made.
  polled_id uuid,
  -- One process at a time asks.
  owner text COLLATE "C" NOT NULL,
  lease_until timestamptz NOT NULL
) WITH (fillfactor = 50);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute("DROP TABLE notifier.polls")
