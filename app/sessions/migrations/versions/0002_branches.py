"""The log as a tree: what an entry follows, what kind it is, and which one a session began with."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("operations", sa.Column("follows", sa.Integer, nullable=False, server_default="0"))
    op.add_column("operations", sa.Column("kind", sa.String(8), nullable=False, server_default="op"))
    op.add_column("sessions", sa.Column("origin", sa.Integer, nullable=False, server_default="0"))
    # Until now every operation followed the one before it.
    op.execute("UPDATE operations SET follows = seq - 1")


def downgrade() -> None:
    # What does not follow the entry before it has no place in a straight log; the session is then read-only from there.
    op.execute("DELETE FROM operations WHERE kind <> 'op' OR follows <> seq - 1")
    op.drop_column("sessions", "origin")
    op.drop_column("operations", "kind")
    op.drop_column("operations", "follows")
