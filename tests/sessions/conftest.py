"""What keeps sessions is tested on both databases."""

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def sql(database_url):
    """A statement executed on a connection of its own, beside the server; the rows that it gives."""
    engine = sqlalchemy.create_engine(
        database_url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )

    def execute(statement):
        with engine.connect() as connection:
            done = connection.execute(sqlalchemy.text(statement))
            return [tuple(row) for row in done] if done.returns_rows else []

    return execute
