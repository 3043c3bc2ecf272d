"""The schema's history, one file a revision, run by alembic at start."""

HEAD = "0004"
