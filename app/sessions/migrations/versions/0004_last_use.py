"""When a session was used last, so that those that nobody uses can be deleted."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("used", sa.BigInteger, nullable=False, server_default="0"))
    # Nobody knows about those that are there: their time begins now.
    op.execute(sa.text("UPDATE sessions SET used = :now").bindparams(now=int(time.time())))
    op.create_index("sessions_used", "sessions", ["used"])


def downgrade() -> None:
    op.drop_index("sessions_used", "sessions")
    op.drop_column("sessions", "used")
