"""Short links: a scenario kept under a name made from what it says."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "short_links",
        sa.Column("slug", sa.String(64), primary_key=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_index("short_links_created", "short_links", ["created"])


def downgrade() -> None:
    op.drop_table("short_links")
