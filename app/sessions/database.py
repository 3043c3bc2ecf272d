"""The database behind `GICLAB_DATABASE_URL`: the engine, and its schema brought up to date at start."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

MIGRATIONS = Path(__file__).parent / "migrations"
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
# "giclab" as a number: the lock that keeps two starting servers from migrating at once.
MIGRATION_LOCK = 0x6769_636C_6162

# A server that does not answer is waited for so long, and then said to be away.
CONNECT_SECONDS = 5


class DatabaseUrlError(ValueError):
    """`GICLAB_DATABASE_URL` cannot be used; the message says what would be right."""


def driver_url(database_url: str) -> URL:
    """The URL with the asynchronous driver we use for its kind of database."""
    expected = "expected sqlite:////path/to/file.db or postgresql://user@host/name"
    try:
        url = make_url(database_url)
    except ArgumentError:
        # The URL may hold a password, so the message does not repeat it.
        raise DatabaseUrlError(f"GICLAB_DATABASE_URL is not a database URL; {expected}") from None
    driver = DRIVERS.get(url.drivername.partition("+")[0])
    if driver is None:
        raise DatabaseUrlError(f"GICLAB_DATABASE_URL: no support for {url.drivername}; {expected}")
    return url.set(drivername=driver)


def create_engine(database_url: str) -> AsyncEngine:
    """An engine for the URL; for SQLite the file's directory is made (not for SQLite's own `file:` URIs). Nothing is
    opened yet."""
    url = driver_url(database_url)
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, object] = {}
    if not sqlite and "connect_timeout" not in url.query:
        options["connect_timeout"] = CONNECT_SECONDS
    try:
        # One INSERT is a transaction of its own: a single trip to the driver, durable when it returns.
        engine = create_async_engine(
            url, isolation_level="AUTOCOMMIT", hide_parameters=True, pool_pre_ping=not sqlite, connect_args=options
        )
    except (ImportError, NoSuchModuleError) as missing:
        raise DatabaseUrlError(f"GICLAB_DATABASE_URL: the driver is not installed ({missing})") from missing
    if sqlite:
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    # WAL lets readers go on during a write; FULL syncs the WAL at each commit, so an answered operation survives
    # a power cut and not only the death of the process.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@asynccontextmanager
async def transaction(connection: AsyncConnection) -> AsyncIterator[None]:
    """Several statements as one: all durable at the end of the block, none of them if it raises."""
    # IMMEDIATE takes SQLite's write lock here, where waiting for it is allowed, and not at the first write.
    await connection.execute(text("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN"))
    try:
        yield
        await connection.execute(text("COMMIT"))
    except BaseException:
        with suppress(DBAPIError):  # SQLite rolls back by itself when the disk is full
            await connection.execute(text("ROLLBACK"))
        raise


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema to the newest revision; does nothing if it is there already."""
    from app.sessions.migrations import HEAD

    async with engine.connect() as connection:
        if await connection.run_sync(_revision) == HEAD:
            return  # without importing alembic, which takes longer than the rest of the start
        async with transaction(connection):
            if engine.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision
