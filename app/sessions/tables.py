"""The tables: a session's head, its log, and short links. Nothing else is kept; all else is played from the logs."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("header", Text, nullable=False),  # the scenario text above the first operation: title, machine, prose
    Column("key_hash", LargeBinary(32), nullable=False),  # SHA-256 of the edit key
    Column("created", BigInteger, nullable=False),  # seconds since 1970, UTC
    Column("model", String(32), nullable=False),  # the version of giclab that played it first
    Column("origin", Integer, nullable=False, server_default="0"),  # the last entry of what it began with
    Column("used", BigInteger, nullable=False, server_default="0"),  # when it was used last, as `created`, to a day
    Index("sessions_used", "used"),
)

operations = Table(
    "operations",
    metadata,
    # (session, seq) as the key is what makes two writers impossible: the second one's insert fails.
    Column("session", String(32), ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("text", Text, nullable=False),  # the line, after the comment lines that stood above it
    Column("follows", Integer, nullable=False, server_default="0"),  # the entry it is about, see app.sessions.tree
    Column("kind", String(8), nullable=False, server_default="op"),
    sqlite_with_rowid=False,
)

short_links = Table(
    "short_links",
    metadata,
    Column("slug", String(64), primary_key=True),  # made from the scenario, so that the same one has the same
    Column("payload", Text, nullable=False),  # as in /x/{payload}
    Column("created", BigInteger, nullable=False),  # seconds since 1970, UTC
    Index("short_links_created", "created"),
)
