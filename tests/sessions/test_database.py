"""The database behind the setting: which are taken, how SQLite is set up, and its schema."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.sessions import database
from app.sessions.migrations import HEAD
from app.sessions.store import Store
from app.sessions.tables import metadata

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:////var/lib/giclab.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////var/lib/giclab.db", "sqlite+aiosqlite"),
        ("postgresql://giclab@db/giclab", "postgresql+psycopg"),
        ("postgres://giclab@db/giclab", "postgresql+psycopg"),
        ("postgresql+asyncpg://giclab@db/giclab", "postgresql+psycopg"),
    ],
)
def test_one_setting_chooses_the_database(given, driver):
    assert database.driver_url(given).drivername == driver


@pytest.mark.parametrize(
    "given",
    [
        "",
        "giclab.db",
        "mysql://giclab:secret@db/giclab",  # pragma: allowlist secret
        "http://giclab:secret@x/",  # pragma: allowlist secret
    ],
)
def test_a_url_that_is_none_is_refused_with_what_would_be_right_and_without_its_password(given):
    with pytest.raises(
        database.DatabaseUrlError, match=r"expected sqlite:////path/to/file.db or postgresql://"
    ) as error:
        database.driver_url(given)
    assert "secret" not in str(error.value)


async def test_sqlite_writes_ahead_and_syncs_every_commit(sqlite_url):
    engine = database.create_engine(sqlite_url)
    async with engine.connect() as connection:
        values = {
            name: await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    await engine.dispose()
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_the_directory_of_the_file_is_made(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/not/yet/there.db")
    await store.start()
    await store.stop()
    assert (tmp_path / "not/yet/there.db").exists()


async def test_the_migrations_end_in_the_tables_that_the_code_uses(database_url):
    engine = database.create_engine(database_url)
    await database.migrate(engine)
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
        revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    await engine.dispose()
    assert differences == []
    assert revision == HEAD


def test_the_revision_that_a_start_looks_for_is_the_newest():
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_several_servers_may_start_on_a_new_database_at_once(database_url):
    stores = [Store(database_url) for _ in range(4)]
    await asyncio.gather(*(store.start() for store in stores))
    assert await stores[0].count() == 0
    for store in stores:
        await store.stop()


async def test_a_transaction_that_fails_leaves_nothing(database_url):
    engine = database.create_engine(database_url)
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE t (n INTEGER)"))

        async def fail():
            async with database.transaction(connection):
                await connection.execute(text("INSERT INTO t VALUES (1)"))
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fail()
        async with database.transaction(connection):
            await connection.execute(text("INSERT INTO t VALUES (2)"))
        rows = (await connection.scalars(text("SELECT n FROM t"))).all()
    await engine.dispose()
    assert rows == [2]
