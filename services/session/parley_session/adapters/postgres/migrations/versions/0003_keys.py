"""The keys of the HTTP API."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE session.keys (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  -- SHA-256 of the secret, which is stored nowhere.
  digest bytea NOT NULL CHECK (length(digest) = 32),
  -- Empty: all agents.
  agents text[] NOT NULL,
  -- 1 send, 2 read
  scopes smallint[] NOT NULL CHECK (cardinality(scopes) > 0),
  create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  expire_time timestamptz,
  revoke_time timestamptz
);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute("DROP TABLE session.keys")
