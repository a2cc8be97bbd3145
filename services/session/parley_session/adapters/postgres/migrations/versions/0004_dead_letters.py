"""Dead letters, how long a text is of use, and how fast a number may send."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE session.outbox
  ADD at_most_once boolean NOT NULL DEFAULT false,
  ADD expire_time timestamptz;

ALTER TABLE session.numbers
  -- 0: as fast as the provider takes them.
  ADD segments_per_second double precision NOT NULL DEFAULT 0 CHECK (segments_per_second >= 0);

-- Messages that did not reach their participants, until a person has decided about them. A table of its own: with an
-- index on the messages' delivery_state each report on any message would touch every index of the largest table.
CREATE TABLE session.dead_letters (
  message_id uuid PRIMARY KEY,
  thread_id uuid NOT NULL,
  session_id uuid,
  create_time timestamptz NOT NULL,
  settle_time timestamptz,
  -- The message that the text was sent again as.
  retry_id uuid
);
CREATE INDEX dead_letters_open ON session.dead_letters (message_id DESC) WHERE settle_time IS NULL;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(
        "DROP TABLE session.dead_letters;"
        " ALTER TABLE session.numbers DROP segments_per_second;"
        " ALTER TABLE session.outbox DROP at_most_once, DROP expire_time"
    )
